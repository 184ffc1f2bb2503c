/** Parts of an EtcdCluster's status that tell of work that takes several steps: decided once, written down, and then gone on with by whoever operates. */
import { Type } from "typebox";
import { choice, group, integer, list, text } from "./schema/fields.ts";

const time = (description: string) => text(description, { maxLength: 64, format: "date-time" });
const name = (description: string) => text(description, { maxLength: 253, minLength: 1 });
const hash = (description: string) =>
  text(description, { maxLength: 64, minLength: 64, pattern: "^[0-9a-f]{64}$" });

/** What comes next, for people: never read back. */
export const nextStep = group("What the operator does next, and why it waits.", {
  step: text("The next step.", { maxLength: 4096 }),
  risk: text("What may be noticed of it.", { maxLength: 1024 }),
  waitsFor: Type.Optional(text("What has to happen before.", { maxLength: 4096 })),
});

/** Times of replacements, for the limit in an hour: written before the member is removed. */
export const replacements = list(
  "When members were replaced that were lost, the newest last.",
  group("A replacement.", {
    memberName: name("The member that was given up."),
    time: time("When it was decided."),
    reason: text("Why.", { maxLength: 1024 }),
    madeGoodAt: Type.Optional(
      time("When there were as many voters again as wanted, after it had left. Absent until then."),
    ),
  }),
  { maxItems: 20 },
);

/** Written with the first request: how long it has been asked for is known from it, whoever operates. */
export const handOver = group("The hand-over of the lead that was asked for last.", {
  memberName: name("The member that leads, and is to lead no more."),
  podUID: text("uid of its pod. Of another one it says nothing.", { maxLength: 36 }),
  raftTerm: integer("Its term. In another one the record says nothing: the lead was moved.", {
    minimum: 0,
    format: "int64",
  }),
  since: time("When it was asked first."),
});

export const spaceRecovery = group("Work on an alarm NOSPACE.", {
  phase: choice(["Compacting", "Defragmenting", "Disarming"], "How far it is."),
  startedAt: time("When it was begun."),
  compactRevision: Type.Optional(
    integer("Up to where the history was compacted.", { minimum: 0, format: "int64" }),
  ),
  defragmented: list("Members that are done.", name("Name of an EtcdMember."), {
    maxItems: 32,
    isSet: true,
  }),
});

const survivor = group("A member that still answers, or whose volume is there.", {
  name: name("Name of the EtcdMember."),
  isRunning: Type.Boolean({ description: "Whether it answers." }),
  raftTerm: Type.Optional(integer("Its term.", { minimum: 0, format: "int64" })),
  committedIndex: Type.Optional(
    integer("Last entry that it knows to be committed.", { minimum: 0, format: "int64" }),
  ),
});

/** Evidence first; nothing happens by itself. The recovery runs when a person sets the annotation to `nonce`. */
export const quorumRecovery = group("A lost quorum: what is left, and how the recovery goes.", {
  phase: choice(
    ["WaitingForApproval", "Stopping", "Restarting", "Rebuilding"],
    "How far it is. Nothing is done before a person approves.",
  ),
  nonce: text("Approve with the annotation etcd-ts.dev/recover-quorum set to this.", {
    maxLength: 64,
    minLength: 1,
  }),
  survivor: Type.Optional(name("The member from whose data the cluster would go on.")),
  estimatedLoss: text("What may be lost, for people.", { maxLength: 1024 }),
  survivors: list("What is left.", survivor, { maxItems: 32, keys: ["name"] }),
});

export const certificates = group("Certificates of mode Managed.", {
  phase: choice(
    ["Stable", "AddNew", "Reissue", "DropOld"],
    "How far a change of the CA is: the new one is trusted everywhere, then used everywhere, then the old one is trusted no more. Each phase is safe to stay in.",
  ),
  caFingerprint: Type.Optional(hash("SHA-256 of the CA that issues.")),
  nextCAFingerprint: Type.Optional(hash("SHA-256 of the CA that comes, or of the one that goes.")),
  caNotAfter: Type.Optional(time("When the CA that issues ends.")),
  leafNotAfter: Type.Optional(time("When the first of the leaves ends.")),
  rotatedAt: Type.Optional(time("When the CA was changed last.")),
  rotationRequest: Type.Optional(
    text("Value of the annotation etcd-ts.dev/rotate that was carried out last.", {
      maxLength: 253,
    }),
  ),
});

const run = (description: string) =>
  group(description, {
    time: time("When it ended."),
    result: choice(["Succeeded", "Failed", "Skipped"], "How it ended."),
    message: text("What was done, or why not.", { maxLength: 1024 }),
    revision: Type.Optional(
      integer("Compaction: up to where. It is where the next one compacts to at most.", {
        minimum: 0,
        format: "int64",
      }),
    ),
    seenRevision: Type.Optional(
      integer("The newest revision at that time.", { minimum: 0, format: "int64" }),
    ),
    seenAt: Type.Optional(time("When that was.")),
  });

export const maintenanceRuns = group("What the CronJobs did.", {
  compaction: Type.Optional(run("The last compaction.")),
  defragmentation: Type.Optional(run("The last defragmentation.")),
});
