/** spec.recovery with its defaults: an EtcdCluster of an older CRD, which has no such group, means them. */
import type { EtcdClusterSpec } from "../api/v1alpha1/types.ts";

type RecoverySettings = NonNullable<EtcdClusterSpec["recovery"]>;

const defaults: RecoverySettings = {
  memberGraceSeconds: 300,
  maxReplacementsPerHour: 3,
  quorumLoss: "Assisted",
};

export function recoveryOf(spec: { readonly recovery?: RecoverySettings }): RecoverySettings {
  return spec.recovery ?? defaults;
}
