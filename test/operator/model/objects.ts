/** Objects as the API server gives them, for tests of the pure part of the operator: its defaults are filled in. */
import type {
  EtcdCluster,
  EtcdClusterSpec,
  EtcdClusterStatus,
  EtcdMember,
} from "../../../operator/api/v1alpha1/types.ts";
import type { PlanContext } from "../../../operator/cluster/observed.ts";

const namespace = "prod";
const clusterName = "etcd";
const clusterUid = "cluster-uid";

export const context: PlanContext = {
  defaultImage: "localhost/etcd-ts:1.0",
  clusterDomain: "cluster.local",
  candidateMemberName: "etcd-abcde",
  now: "2026-01-01T00:00:00Z",
};

export const defaultSpec: EtcdClusterSpec = {
  replicas: 1,
  allowEvenReplicas: false,
  paused: false,
  storage: { size: "8Gi", reclaim: { onScaleDown: "Delete", onClusterDelete: "Retain" } },
  tls: {
    mode: "Disabled",
    client: { requireClientCert: true },
    ca: { validityDays: 3650, overlapDays: 365 },
    leaf: { validityDays: 90, renewAtPercent: 67, keyType: "ECDSA-P256" },
  },
  etcd: {},
  pod: { affinityPreset: "Soft", terminationGracePeriodSeconds: 60 },
  services: { client: { type: "ClusterIP" } },
  recovery: { memberGraceSeconds: 300, maxReplacementsPerHour: 3, quorumLoss: "Assisted" },
};

export function clusterOf(
  spec: Partial<EtcdClusterSpec> = {},
  status?: EtcdClusterStatus,
): EtcdCluster {
  return {
    apiVersion: "etcd-ts.dev/v1alpha1",
    kind: "EtcdCluster",
    metadata: {
      name: clusterName,
      namespace,
      uid: clusterUid,
      generation: 1,
      resourceVersion: "1",
    },
    spec: { ...defaultSpec, ...spec },
    ...(status === undefined ? {} : { status }),
  };
}

/** The EtcdMember with what the API server adds at creation. */
export function asCreated(member: EtcdMember, uid: string): EtcdMember {
  return {
    ...member,
    metadata: { ...member.metadata, uid, generation: 1, resourceVersion: "1" },
  };
}
