/** etcd_server_feature_enabled: etcd's feature gates (server/features/etcd_features.go), and which of them are on here. */
import type { MetricRegistry } from "./metric-registry.ts";

/** What --feature-gates can change; of the others only the default is taken (config/feature-gates.ts). */
export interface ChosenFeatures {
  readonly leaseCheckpoint: boolean;
  readonly stopGrpcServiceOnDefrag: boolean;
}

type Stage = "ALPHA" | "BETA";

export function registerFeatures(to: MetricRegistry, chosen: ChosenFeatures): void {
  const about = {
    name: "etcd_server_feature_enabled",
    help: "Whether a feature is enabled: 1 or 0.",
  };
  to.samples("gauge", about, () =>
    featuresWith(chosen).map(([name, stage, isEnabled]) => ({
      labels: { name, stage },
      value: Number(isEnabled),
    })),
  );
}

const featuresWith = ({
  leaseCheckpoint,
  stopGrpcServiceOnDefrag,
}: ChosenFeatures): readonly (readonly [name: string, stage: Stage, isEnabled: boolean])[] => [
  ["AllAlpha", "ALPHA", false],
  ["AllBeta", "BETA", false],
  ["CompactHashCheck", "ALPHA", false],
  ["FastLeaseKeepAlive", "BETA", true],
  ["InitialCorruptCheck", "ALPHA", false],
  ["LeaseCheckpoint", "ALPHA", leaseCheckpoint],
  // What is told is kept, in any case.
  ["LeaseCheckpointPersist", "ALPHA", leaseCheckpoint],
  ["PriorityRequest", "ALPHA", false],
  ["SetMemberLocalAddr", "ALPHA", false],
  ["StopGRPCServiceOnDefrag", "ALPHA", stopGrpcServiceOnDefrag],
  ["TxnModeWriteWithSharedBuffer", "BETA", true],
];
