/**
 * Branded numbers: a revision is not a log index, and an id is not either (DESIGN section 4, decision 6).
 * Terms, log indexes and revisions are `number` and stay below 2^53; ids use all 64 bits and are `bigint`.
 */
import { assert } from "./assert.ts";

declare const unit: unique symbol;
type Branded<Base, Unit extends string> = Base & { readonly [unit]: Unit };

/** Raft term; 0 means none. */
export type Term = Branded<number, "term">;
/** Position in the raft log; the first entry has index 1, 0 means none. */
export type LogIndex = Branded<number, "logIndex">;
/** Main revision of the key space; an empty store is at 1. */
export type Revision = Branded<number, "revision">;
export type MemberId = Branded<bigint, "memberId">;
export type ClusterId = Branded<bigint, "clusterId">;

function counter(value: number, name: string): number {
  assert(Number.isSafeInteger(value) && value >= 0, `${name} out of range`, value);
  return value;
}

export const term = (value: number): Term => counter(value, "term") as Term;
export const logIndex = (value: number): LogIndex => counter(value, "log index") as LogIndex;
export const revision = (value: number): Revision => counter(value, "revision") as Revision;
export const memberId = (value: bigint): MemberId => BigInt.asUintN(64, value) as MemberId;
export const clusterId = (value: bigint): ClusterId => BigInt.asUintN(64, value) as ClusterId;

/** The way etcd prints ids: lower-case hex, no prefix, no padding. */
export const idToHex = (id: bigint): string => id.toString(16);
