/** spec.recovery: what the operator does by itself about lost members, and about a lost quorum when a person lets it. */
import { choice, group, integer } from "../schema/fields.ts";

export const recovery = group(
  "What the operator does about lost members.",
  {
    memberGraceSeconds: integer(
      "How long a member may be down before it is replaced by a new one, in seconds. A member whose volume is lost is not waited for.",
      { minimum: 30, maximum: 86_400, default: 300 },
    ),
    maxReplacementsPerHour: integer(
      "So many members are replaced in an hour; beyond it, the operator waits for a person. 0: none is replaced.",
      { minimum: 0, maximum: 20, default: 3 },
    ),
    quorumLoss: choice(
      ["Manual", "Assisted"],
      "When most members are lost for good. In both cases status.quorumRecovery tells what is left, and nothing is done by itself. Assisted: the cluster goes on from the member with the longest log as soon as a person approves with the annotation etcd-ts.dev/recover-quorum; acknowledged writes may be lost. Manual: that annotation has no effect, and people do all of it.",
      { default: "Assisted" },
    ),
  },
  { default: {} },
);
