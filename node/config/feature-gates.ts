/** --feature-gates: etcd's names for what can be switched on before, or off after, it is settled (server/features/etcd_features.go). */

interface Gate {
  readonly default: boolean;
  /** Both values have an effect here; of the others only the default is taken. */
  readonly isServed?: true;
}

const gates: Readonly<Record<string, Gate>> = {
  TxnModeWriteWithSharedBuffer: { default: true },
  FastLeaseKeepAlive: { default: true },
  StopGRPCServiceOnDefrag: { default: false },
  InitialCorruptCheck: { default: false },
  CompactHashCheck: { default: false },
  LeaseCheckpoint: { default: false, isServed: true },
  LeaseCheckpointPersist: { default: false, isServed: true },
  SetMemberLocalAddr: { default: false },
  PriorityRequest: { default: false },
};

export interface FeatureGates {
  readonly leaseCheckpoint: boolean;
}

/** Throws an Error that says which gate is wrong, and how. */
export function parseFeatureGates(text: string): FeatureGates {
  const chosen = new Map<string, boolean>();
  for (const part of text.split(",").map((each) => each.trim())) {
    if (part === "") continue;
    const [name = "", value] = part.split("=", 2).map((each) => each.trim());
    const gate = gates[name];
    if (gate === undefined) {
      const known = Object.keys(gates).join(", ");
      throw new Error(`there is no feature gate ${JSON.stringify(name)}; known are ${known}`);
    }
    if (value !== "true" && value !== "false")
      throw new Error(`expected ${name}=true or ${name}=false`);
    const isOn = value === "true";
    if (isOn !== gate.default && gate.isServed !== true)
      throw new Error(`${name}=${value} is not served in this version`);
    chosen.set(name, isOn);
  }
  const leaseCheckpoint = chosen.get("LeaseCheckpoint") ?? false;
  // What is left is kept on disk in any case where the cluster's version has a place for it.
  if (chosen.get("LeaseCheckpointPersist") === true && !leaseCheckpoint) {
    throw new Error(
      "enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint",
    );
  }
  return { leaseCheckpoint };
}
