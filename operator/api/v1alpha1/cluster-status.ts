/** The status of an EtcdCluster: what the operator saw, and the few facts that later decisions rest on. */
import { Type } from "typebox";
import {
  certificates,
  handOver,
  maintenanceRuns,
  nextStep,
  quorumRecovery,
  replacements,
  spaceRecovery,
} from "./cluster-progress.ts";
import { conditions } from "./condition.ts";
import { clusterMember, memberID } from "./member.ts";
import { group, integer, list, text } from "./schema/fields.ts";

export const clusterStatus = group("What is known of the cluster.", {
  observedGeneration: Type.Optional(
    integer("metadata.generation that this is about.", { minimum: 0, format: "int64" }),
  ),
  phase: Type.Optional(
    text("How the cluster is, in one word for people. Programs read the conditions.", {
      maxLength: 64,
    }),
  ),
  clusterID: Type.Optional(
    memberID(
      "The cluster's id in etcd, lower-case hex. Kept once it was seen: no member begins a new cluster afterwards.",
    ),
  ),
  seedMember: Type.Optional(
    text(
      "The one member that may begin the cluster. Kept once it was chosen, before it was made.",
      {
        maxLength: 253,
        minLength: 1,
      },
    ),
  ),
  replicas: Type.Optional(integer("Number of members that exist.", { minimum: 0 })),
  readyReplicas: Type.Optional(integer("Number of members that are ready.", { minimum: 0 })),
  ready: Type.Optional(text('Members that are ready, of those wanted: "1/1".', { maxLength: 16 })),
  selector: Type.Optional(
    text("Label selector of the members' pods, for autoscalers and disruption budgets.", {
      maxLength: 1024,
    }),
  ),
  version: Type.Optional(text("Version of etcd that the cluster runs.", { maxLength: 64 })),
  leader: Type.Optional(text("Name of the member that leads.", { maxLength: 253 })),
  endpoint: Type.Optional(text("URL for clients in the Kubernetes cluster.", { maxLength: 512 })),
  members: Type.Optional(list("The members.", clusterMember, { maxItems: 32, keys: ["name"] })),
  plan: Type.Optional(nextStep),
  replacements: Type.Optional(replacements),
  handOver: Type.Optional(handOver),
  spaceRecovery: Type.Optional(spaceRecovery),
  quorumRecovery: Type.Optional(quorumRecovery),
  certificates: Type.Optional(certificates),
  maintenance: Type.Optional(maintenanceRuns),
  conditions: Type.Optional(conditions),
});
