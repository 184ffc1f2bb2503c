/** What can be wrong with the way from one member to another. */

export type LinkFault =
  /** Connections are reset, new ones too. TCP has no half of this: one direction is enough to end a connection. */
  | { readonly kind: "cut" }
  /** Connections are accepted, bytes are swallowed; with the fault's end those that lost bytes are reset. */
  | { readonly kind: "blackhole" }
  /** Bytes are kept back and arrive when the fault ends, as TCP would send them again after a partition. */
  | { readonly kind: "hold" }
  | { readonly kind: "delay"; readonly delayMs: number }
  | { readonly kind: "bandwidth"; readonly bytesPerSecond: number };

/** Nothing gets through. */
export const isBlocking = (fault: LinkFault | undefined): boolean =>
  fault?.kind === "cut" || fault?.kind === "blackhole" || fault?.kind === "hold";

/** A fault that a partition can be made of. */
export type PartitionFault = Extract<LinkFault, { kind: "cut" | "blackhole" | "hold" }>["kind"];

export const partitionFaults: readonly PartitionFault[] = ["cut", "blackhole", "hold"];
