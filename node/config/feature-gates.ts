/** --feature-gates: etcd's names for what can be switched on before, or off after, it is settled (server/features/etcd_features.go). */

/** Each with its default, which is the one value that is served of it. */
const gates: Readonly<Record<string, boolean>> = {
  TxnModeWriteWithSharedBuffer: true,
  FastLeaseKeepAlive: true,
  StopGRPCServiceOnDefrag: false,
  InitialCorruptCheck: false,
  CompactHashCheck: false,
  LeaseCheckpoint: false,
  LeaseCheckpointPersist: false,
  SetMemberLocalAddr: false,
  PriorityRequest: false,
};

/** The text itself, when it asks for nothing that is not so anyway. Throws an Error that says which gate is wrong, and how. */
export function parseFeatureGates(text: string): string {
  for (const part of text.split(",").map((each) => each.trim())) {
    if (part === "") continue;
    const [name = "", value] = part.split("=", 2).map((each) => each.trim());
    const served = gates[name];
    if (served === undefined) {
      const known = Object.keys(gates).join(", ");
      throw new Error(`there is no feature gate ${JSON.stringify(name)}; known are ${known}`);
    }
    if (value !== "true" && value !== "false")
      throw new Error(`expected ${name}=true or ${name}=false`);
    if ((value === "true") !== served)
      throw new Error(`${name}=${value} is not served in this version`);
  }
  return text;
}
