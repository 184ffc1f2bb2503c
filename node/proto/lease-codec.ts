/** Lease messages of raft entries and of the backend's lease bucket (leasepb.Lease, rpc-lease.proto). Ids are int64, times are seconds. */
import { readSaturatedInt64 } from "./int64.ts";
import { Reader, tagOf, Writer, wireType } from "./wire.ts";

const first = tagOf(1, wireType.varint);
const second = tagOf(2, wireType.varint);
const third = tagOf(3, wireType.varint);
const checkpointsTag = tagOf(1, wireType.bytes);

export interface LeaseRecord {
  readonly id: bigint;
  readonly ttlSeconds: number;
  /** What a checkpoint said is left; 0 for the whole ttl. */
  readonly remainingSeconds: number;
}

export interface LeaseGrant {
  readonly id: bigint;
  /** Saturated at the ends of the safe integers. */
  readonly ttlSeconds: number;
}

export interface LeaseCheckpoint {
  readonly id: bigint;
  readonly remainingSeconds: number;
}

/** The key of a lease's record: its id, eight bytes, big-endian. */
export function leaseKey(id: bigint): Uint8Array {
  const key = new Uint8Array(8);
  new DataView(key.buffer).setBigInt64(0, id);
  return key;
}

export function encodeLeaseRecord({ id, ttlSeconds, remainingSeconds }: LeaseRecord): Uint8Array {
  const writer = new Writer(32);
  writer.bigintField(1, id);
  writer.numberField(2, ttlSeconds);
  writer.numberField(3, remainingSeconds);
  return writer.finish();
}

/** Throws WireError. */
export function decodeLeaseRecord(bytes: Uint8Array): LeaseRecord {
  const { id, numbers } = decodeFields(bytes);
  return { id, ttlSeconds: numbers.second, remainingSeconds: numbers.third };
}

/** Throws WireError. */
export function decodeLeaseGrant(bytes: Uint8Array): LeaseGrant {
  const reader = new Reader(bytes);
  let id = 0n;
  let ttlSeconds = 0;
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag === first) ttlSeconds = readSaturatedInt64(reader);
    else if (tag === second) id = reader.int64();
    else reader.skip(tag);
  }
  return { id, ttlSeconds };
}

export function encodeLeaseGrant({ id, ttlSeconds }: LeaseGrant): Uint8Array {
  const writer = new Writer(32);
  writer.bigintField(1, BigInt(ttlSeconds));
  writer.bigintField(2, id);
  return writer.finish();
}

/** Throws WireError. */
export function decodeLeaseRevoke(bytes: Uint8Array): bigint {
  return decodeFields(bytes).id;
}

export function encodeLeaseRevoke(id: bigint): Uint8Array {
  const writer = new Writer(16);
  writer.bigintField(1, id);
  return writer.finish();
}

/** Throws WireError. */
export function decodeLeaseCheckpoints(bytes: Uint8Array): LeaseCheckpoint[] {
  const reader = new Reader(bytes);
  const checkpoints: LeaseCheckpoint[] = [];
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag !== checkpointsTag) reader.skip(tag);
    else {
      const { id, numbers } = decodeFields(reader.view());
      checkpoints.push({ id, remainingSeconds: numbers.second });
    }
  }
  return checkpoints;
}

export function encodeLeaseCheckpoints(checkpoints: readonly LeaseCheckpoint[]): Uint8Array {
  const writer = new Writer(checkpoints.length * 20);
  for (const { id, remainingSeconds } of checkpoints) {
    const mark = writer.beginMessage(1);
    writer.bigintField(1, id);
    writer.numberField(2, remainingSeconds);
    writer.endMessage(mark);
  }
  return writer.finish();
}

/** Messages that begin with the id and go on with numbers. */
function decodeFields(bytes: Uint8Array): {
  readonly id: bigint;
  readonly numbers: { readonly second: number; readonly third: number };
} {
  const reader = new Reader(bytes);
  let id = 0n;
  const numbers = { second: 0, third: 0 };
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag === first) id = reader.int64();
    else if (tag === second) numbers.second = readSaturatedInt64(reader);
    else if (tag === third) numbers.third = readSaturatedInt64(reader);
    else reader.skip(tag);
  }
  return { id, numbers };
}
