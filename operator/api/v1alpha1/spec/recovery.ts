/** spec.recovery: what the operator does by itself about lost members and a lost quorum. */
import { choice, group, integer } from "../schema/fields.ts";

export const recovery = group("What the operator does by itself about lost members.", {
  memberGraceSeconds: integer(
    "How long a member may be gone before it is replaced, in seconds. A member whose volume is lost is not waited for.",
    { minimum: 30, maximum: 86_400, default: 300 },
  ),
  maxReplacementsPerHour: integer(
    "So many members are replaced in an hour; beyond it, the operator waits for a person.",
    { minimum: 0, maximum: 20, default: 3 },
  ),
  quorumLoss: choice(
    ["Manual", "Assisted", "Automatic"],
    "When most members are lost for good: wait for a person, prepare the recovery and ask, or recover from the member with the longest log. Acknowledged writes may be lost.",
    { default: "Manual" },
  ),
});
