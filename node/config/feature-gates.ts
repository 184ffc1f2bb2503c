/** --feature-gates: etcd's names for what can be switched on before, or off after, it is settled (server/features/etcd_features.go). */
import { boolean } from "./options/option.ts";

interface Gate {
  /** With AllAlpha and AllBeta: what they have to be for each gate to be as it is by default. */
  readonly default: boolean;
  /** Both values have an effect here; of the others only the default is taken. */
  readonly isServed?: true;
}

const gates: Readonly<Record<string, Gate>> = {
  AllAlpha: { default: false },
  AllBeta: { default: true },
  TxnModeWriteWithSharedBuffer: { default: true },
  FastLeaseKeepAlive: { default: true },
  StopGRPCServiceOnDefrag: { default: false, isServed: true },
  InitialCorruptCheck: { default: false },
  CompactHashCheck: { default: false },
  LeaseCheckpoint: { default: false, isServed: true },
  LeaseCheckpointPersist: { default: false, isServed: true },
  SetMemberLocalAddr: { default: false },
  PriorityRequest: { default: false },
};

/** Of etcd. */
export const gateNames: readonly string[] = Object.keys(gates);

export interface FeatureGates {
  readonly leaseCheckpoint: boolean;
  readonly stopGrpcServiceOnDefrag: boolean;
}

/** Throws an Error that says which gate is wrong, and how. */
export function parseFeatureGates(text: string): FeatureGates {
  const chosen = new Map(
    text
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== "")
      .map(parseGate),
  );
  const leaseCheckpoint = chosen.get("LeaseCheckpoint") ?? false;
  // What is left is kept on disk in any case where the cluster's version has a place for it.
  if (chosen.get("LeaseCheckpointPersist") === true && !leaseCheckpoint) {
    throw new Error(
      "enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint",
    );
  }
  const stopGrpcServiceOnDefrag = chosen.get("StopGRPCServiceOnDefrag") ?? false;
  return { leaseCheckpoint, stopGrpcServiceOnDefrag };
}

/** One NAME=BOOL, without what gates mean together. Throws an Error that says what is wrong with it. */
export function parseGate(part: string): readonly [name: string, isOn: boolean] {
  const [name = "", value = ""] = part.split("=", 2).map((each) => each.trim());
  const gate = Object.hasOwn(gates, name) ? gates[name] : undefined;
  if (gate === undefined) {
    const known = gateNames.join(", ");
    throw new Error(`there is no feature gate ${JSON.stringify(name)}; known are ${known}`);
  }
  let isOn: boolean;
  try {
    isOn = boolean(value);
  } catch {
    throw new Error(`expected ${name}=true or ${name}=false`);
  }
  if (isOn !== gate.default && gate.isServed !== true)
    throw new Error(`${name}=${value} is not served in this version`);
  return [name, isOn];
}
