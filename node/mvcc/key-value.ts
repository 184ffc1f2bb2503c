/**
 * mvccpb.KeyValue as bytes: 1 key, 2 create_revision, 3 mod_revision, 4 version, 5 value, 6 lease; in field order, zero
 * fields left out, as Go's protobuf writes it. HashKV sums these bytes, so they must equal etcd's to the last one. Written in place,
 * with the size known before: proto/key-value.ts appends to a Writer instead, and reads.
 */
import { CorruptionError } from "../lib/corruption-error.ts";
import type { KeyValueView } from "../proto/key-value.ts";
import { tagOf, varintSize, WireError, wireType } from "../proto/wire.ts";
import { copyBytes } from "./copy-bytes.ts";

const tag = {
  key: tagOf(1, wireType.bytes),
  createRevision: tagOf(2, wireType.varint),
  modRevision: tagOf(3, wireType.varint),
  version: tagOf(4, wireType.varint),
  value: tagOf(5, wireType.bytes),
  lease: tagOf(6, wireType.varint),
} as const;

const numberFieldSize = (value: number): number => (value === 0 ? 0 : 1 + varintSize(value));
const bytesFieldSize = (length: number): number =>
  length === 0 ? 0 : 1 + varintSize(length) + length;

/** A lease is an int64; a negative one takes ten bytes, as in Go. */
function leaseFieldSize(lease: bigint): number {
  if (lease === 0n) return 0;
  let size = 2;
  for (let rest = BigInt.asUintN(64, lease) >> 7n; rest > 0n; rest >>= 7n) size += 1;
  return size;
}

/** Marshalled length of a put's record. */
export function keyValueSize(
  keyLength: number,
  createRevision: number,
  modRevision: number,
  version: number,
  valueLength: number,
  lease: bigint,
): number {
  return (
    bytesFieldSize(keyLength) +
    numberFieldSize(createRevision) +
    numberFieldSize(modRevision) +
    numberFieldSize(version) +
    bytesFieldSize(valueLength) +
    leaseFieldSize(lease)
  );
}

/** Marshalled length of a tombstone's record: only the key. */
export const tombstoneSize = (keyLength: number): number => bytesFieldSize(keyLength);

function writeVarint(target: Uint8Array, at: number, value: number): number {
  while (value > 0x7fffffff) {
    target[at++] = (value % 0x80) | 0x80;
    value = Math.floor(value / 0x80);
  }
  let low = value | 0;
  while (low > 0x7f) {
    target[at++] = (low & 0x7f) | 0x80;
    low >>>= 7;
  }
  target[at++] = low;
  return at;
}

/** Each `write…` writes one field at `at` and returns the position behind it. */
function writeNumber(target: Uint8Array, at: number, fieldTag: number, value: number): number {
  if (value === 0) return at;
  target[at] = fieldTag;
  return writeVarint(target, at + 1, value);
}

function writeBytes(
  target: Uint8Array,
  at: number,
  fieldTag: number,
  source: Uint8Array,
  start: number,
  end: number,
): number {
  if (start === end) return at;
  target[at] = fieldTag;
  return copyBytes(source, start, end, target, writeVarint(target, at + 1, end - start));
}

export function writeKey(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
): number {
  return writeBytes(target, at, tag.key, source, start, end);
}

export function writeRevisions(
  target: Uint8Array,
  at: number,
  createRevision: number,
  modRevision: number,
  version: number,
): number {
  at = writeNumber(target, at, tag.createRevision, createRevision);
  at = writeNumber(target, at, tag.modRevision, modRevision);
  return writeNumber(target, at, tag.version, version);
}

export function writeValue(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
): number {
  return writeBytes(target, at, tag.value, source, start, end);
}

export function writeLease(target: Uint8Array, at: number, lease: bigint): number {
  if (lease === 0n) return at;
  target[at++] = tag.lease;
  let rest = BigInt.asUintN(64, lease);
  while (rest > 0x7fn) {
    target[at++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  target[at++] = Number(rest);
  return at;
}

/** Decodes a record that we wrote. Throws CorruptionError when it is not one. */
export function decodeRecord(
  bytes: Uint8Array,
  start: number,
  end: number,
  into: KeyValueView,
): void {
  try {
    into.decode(bytes, start, end);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new CorruptionError("a record of the backend is no mvccpb.KeyValue", { cause: error });
  }
}
