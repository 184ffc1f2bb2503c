/** EtcdMember: one member's identity, born and dying with its name and its volume. Made by the operator, never by people. */
import { type TString, Type } from "typebox";
import { conditions } from "./condition.ts";
import { choice, group, integer, objectName, type Rule, text } from "./schema/fields.ts";

const immutable = (field: string): Rule => ({
  rule: "self == oldSelf",
  message: `${field} cannot change: it is the member's identity. Set it back; to replace the member, delete the EtcdMember`,
});

export const memberID = (description: string): TString =>
  text(description, { maxLength: 16, minLength: 1, pattern: "^[0-9a-f]{1,16}$" });

const memberRole = choice(
  ["Leader", "Follower", "Learner", "Unknown"],
  "Role of the member in Raft.",
);

const memberPhase = choice(
  ["Pending", "Starting", "Ready", "NotReady", "Failed"],
  "How far the member is, in one word for people.",
);

const version = () => text("Version of etcd that it tells of itself.", { maxLength: 64 });
const node = () => text("Node that its pod runs on.", { maxLength: 253 });

export const memberSpec = group("What the member is. Only image may change.", {
  clusterName: objectName("Name of the EtcdCluster. Immutable.", {
    rules: [immutable("clusterName")],
  }),
  bootstrap: choice(
    ["NewCluster", "JoinExisting"],
    "How it came into being: the seed begins a new cluster, all others join one. Immutable.",
    { rules: [immutable("bootstrap")] },
  ),
  clusterToken: text(
    "The --initial-cluster-token: namespace, name and uid of the EtcdCluster. Immutable.",
    { maxLength: 256, minLength: 1, rules: [immutable("clusterToken")] },
  ),
  peerURL: text("URL at which the other members reach it. Immutable.", {
    maxLength: 512,
    minLength: 1,
    rules: [
      immutable("peerURL"),
      { rule: "isURL(self)", message: 'must be a URL such as "http://etcd-x7k2p.etcd-peers:2380"' },
    ],
  }),
  image: text("Image that it runs. It changes with the EtcdCluster's, and not with the operator.", {
    maxLength: 512,
    minLength: 1,
  }),
});

export const memberStatus = group("What is known of the member.", {
  observedGeneration: Type.Optional(
    integer("metadata.generation that this is about.", { minimum: 0, format: "int64" }),
  ),
  phase: Type.Optional(memberPhase),
  memberID: Type.Optional(
    memberID("Its id in etcd, lower-case hex. Kept once it was seen: it never changes."),
  ),
  volumeClaimUID: Type.Optional(
    text("uid of its volume claim. Kept once it was seen: another one means a lost volume.", {
      maxLength: 36,
      minLength: 1,
    }),
  ),
  podUID: Type.Optional(text("uid of its pod.", { maxLength: 36 })),
  downSince: Type.Optional(
    text("Since when it does not serve, RFC 3339; absent while it does.", {
      maxLength: 64,
      format: "date-time",
    }),
  ),
  node: Type.Optional(node()),
  role: Type.Optional(memberRole),
  version: Type.Optional(version()),
  conditions: Type.Optional(conditions),
});

/** One member in the status of its cluster. */
export const clusterMember = group("A member.", {
  name: text("Name of the EtcdMember, and of the member in etcd.", {
    maxLength: 253,
    minLength: 1,
  }),
  id: Type.Optional(
    memberID("Its id in etcd, lower-case hex. Absent until it was seen in a member list."),
  ),
  role: memberRole,
  phase: memberPhase,
  version: Type.Optional(version()),
  dbSizeBytes: Type.Optional(
    integer("Size of its database, in bytes.", { minimum: 0, format: "int64" }),
  ),
  dbSizeInUseBytes: Type.Optional(
    integer("How much of it is in use, in bytes.", { minimum: 0, format: "int64" }),
  ),
  raftAppliedIndex: Type.Optional(
    integer("Index of the last entry that it applied.", { minimum: 0, format: "int64" }),
  ),
  syncedPercent: Type.Optional(
    integer("A learner: how much of the log it has, in percent.", { minimum: 0, maximum: 100 }),
  ),
  certificateNotAfter: Type.Optional(
    text("When the first of its certificates ends.", { maxLength: 64, format: "date-time" }),
  ),
  node: Type.Optional(node()),
  message: Type.Optional(text("Why it is not ready, for people.", { maxLength: 4096 })),
});
