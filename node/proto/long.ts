/**
 * 64-bit values of the generated codecs. protobufjs knows no bigint: it would write one as 0 without a word, and it reads
 * into these pairs of 32-bit halves. Every 64-bit field of a generated message goes through one of these functions.
 */
import { WireError } from "./wire.ts";

/** The part of protobufjs' Long that its writer reads and its reader gives. The halves may be signed or unsigned. */
export interface Long {
  readonly low: number;
  readonly high: number;
  readonly unsigned: boolean;
}

/** For uint64 fields; the low 64 bits of `value`. */
export function uint64Long(value: bigint): Long {
  return halves(value, true);
}

/** For int64 fields; the low 64 bits of `value`. */
export function int64Long(value: bigint): Long {
  return halves(value, false);
}

/** For counters that the member keeps as numbers: any safe integer, for int64 and, when not negative, for uint64. */
export function numberLong(value: number): Long {
  return { low: value | 0, high: Math.floor(value / 0x1_0000_0000) | 0, unsigned: false };
}

/** Exact; 0n for an absent field. Negative only when the field is an int64. */
export function longToBigint(value: Long | null | undefined): bigint {
  if (value === null || value === undefined) return 0n;
  const low = BigInt(value.low >>> 0);
  return (BigInt(value.unsigned ? value.high >>> 0 : value.high | 0) << 32n) | low;
}

/** 0 for an absent field. Throws WireError when a number cannot hold the value exactly. */
export function longToNumber(value: Long | null | undefined): number {
  if (value === null || value === undefined) return 0;
  const high = value.unsigned ? value.high >>> 0 : value.high | 0;
  const number = high * 0x1_0000_0000 + (value.low >>> 0);
  if (!Number.isSafeInteger(number)) throw new WireError("64-bit value out of range");
  return number;
}

function halves(value: bigint, unsigned: boolean): Long {
  const low = Number(BigInt.asIntN(32, value));
  const high = Number(BigInt.asIntN(32, value >> 32n));
  return { low, high, unsigned };
}
