/** What applying an entry leads to: values, from which rpc/ makes the answer. A refused request changed nothing. */
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { Revision } from "../lib/units.ts";
import type { AlarmMember } from "../proto/alarm-codec.ts";

export interface Refused {
  readonly kind: "refused";
  readonly error: EtcdErrorKind;
}

export interface PutResult {
  readonly kind: "put";
  readonly revision: Revision;
  /** Marshalled mvccpb.KeyValue that was there before, if the request asked for it. */
  readonly prevKv: Uint8Array | undefined;
}

export interface DeleteRangeResult {
  readonly kind: "deleteRange";
  readonly revision: Revision;
  readonly deleted: number;
  /** Marshalled mvccpb.KeyValue of each deleted key, if the request asked for them. */
  readonly prevKvs: readonly Uint8Array[];
}

export interface TxnResult {
  readonly kind: "txn";
  readonly revision: Revision;
  readonly succeeded: boolean;
  /** The encoded `responses` fields of TxnResponse. */
  readonly responses: Uint8Array;
}

/** The compaction is agreed on; the old records go later. */
export interface CompactionResult {
  readonly kind: "compaction";
}

export interface LeaseGrantResult {
  readonly kind: "leaseGrant";
  readonly id: bigint;
  /** What was granted. */
  readonly ttlSeconds: number;
}

/** An entry without an answer of its own: the leader's empty entry, membership, the cluster's version, a revoked lease. */
export interface DoneResult {
  readonly kind: "done";
}

/** Alarms that are raised, or the one that was raised or disarmed. */
export interface AlarmResult {
  readonly kind: "alarms";
  readonly alarms: readonly AlarmMember[];
}

export type ApplyResult =
  | PutResult
  | DeleteRangeResult
  | TxnResult
  | CompactionResult
  | AlarmResult
  | LeaseGrantResult
  | DoneResult
  | Refused;

export const done: DoneResult = { kind: "done" };

export const refuse = (error: EtcdErrorKind): Refused => ({ kind: "refused", error });
