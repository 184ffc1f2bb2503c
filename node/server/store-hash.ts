/** Hashing a member's store in slices, for whoever asks: a client by gRPC, another member on the peer port. */
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { Revision } from "../lib/units.ts";
import type { KvStore } from "../mvcc/kv-store.ts";
import type { Member } from "./member.ts";

/** The part of a member that is hashed. */
export type HashedMember = Pick<Member, "store" | "isInstalling" | "failed"> &
  Partial<Pick<Member, "clock" | "stats">>;

export interface HashedKv {
  readonly hash: number;
  /** Current revision when the hash was asked for. */
  readonly revision: Revision;
  /** -1 when there was never a compaction. */
  readonly compactRevision: number;
  /** The revision that the hash is of; one below 0, at which nothing was, is given back as it came. */
  readonly hashRevision: bigint;
}

export type Hashed<Result> =
  | { readonly kind: "ok"; readonly result: Result }
  | { readonly kind: "refused"; readonly error: EtcdErrorKind };

/**
 * What `hash` resolves with, or why there is none. Corruption that hashing has met ends the member, as every other that a read meets; a store
 * that was replaced meanwhile is no matter. `seconds` gets how long it took.
 */
export async function hashOf<Result>(
  member: HashedMember,
  hash: (store: KvStore) => Promise<Result>,
  seconds = member.stats?.hashSeconds,
): Promise<Hashed<Result>> {
  const { store, clock } = member;
  const sinceMs = clock?.monotonicMs() ?? 0;
  const isReplaced = (): boolean => member.isInstalling || member.store !== store;
  if (member.isInstalling) return { kind: "refused", error: "LeaderChanged" };
  try {
    const result = await hash(store);
    if (clock !== undefined) seconds?.observe((clock.monotonicMs() - sinceMs) / 1000);
    return { kind: "ok", result };
  } catch (error) {
    if (isReplaced()) return { kind: "refused", error: "LeaderChanged" };
    member.failed(error);
    return { kind: "refused", error: "Stopped" };
  }
}

/** etcd's HashKV at a revision; 0 and less stand for the current one. */
export async function hashKvAt(member: HashedMember, asked: bigint): Promise<Hashed<HashedKv>> {
  const hash = (store: KvStore): ReturnType<KvStore["hashKv"]> => store.hashKv(saturated(asked));
  const hashed = await hashOf(member, hash, member.stats?.hashKvSeconds);
  if (hashed.kind === "refused") return hashed;
  const { result } = hashed;
  if (result.kind === "compacted") return { kind: "refused", error: "Compacted" };
  if (result.kind === "futureRevision") return { kind: "refused", error: "FutureRev" };
  const hashRevision = asked < 0n ? asked : BigInt(result.hashRevision);
  return { kind: "ok", result: { ...result, hashRevision } };
}

/** A revision that large is a future one; nothing is at one below 0. */
function saturated(revision: bigint): number {
  if (revision < 0n) return -1;
  return revision > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(revision);
}
