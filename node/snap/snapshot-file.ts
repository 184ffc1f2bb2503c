/**
 * The bytes of a `.snap` file (etcd server/etcdserver/api/snap: snappb.snapshot around raftpb.Snapshot).
 *
 *     08 crc | 12 n | 0a n data | 12 n ( 0a n confState | 10 index | 18 term )
 *                   |<------------- crc32c over this ------------------------>|
 *
 * `data` is the membership as a v2 store (v2-store.ts); the keys are in the backend, not here.
 */
import { CorruptionError } from "../lib/corruption-error.ts";
import { crc32c } from "../lib/crc32c.ts";
import { type LogIndex, logIndex, type Term, term } from "../lib/units.ts";
import { readConfState, writeConfState } from "../proto/conf-state.ts";
import { Reader, tagOf, WireError, Writer, wireType } from "../proto/wire.ts";
import type { ConfState } from "../raft/types.ts";

export interface SnapshotFile {
  readonly index: LogIndex;
  readonly term: Term;
  /** The configuration at `index`. */
  readonly confState: ConfState;
  readonly data: Uint8Array;
}

const field1 = tagOf(1, wireType.bytes);
const field2 = tagOf(2, wireType.bytes);
const crcTag = tagOf(1, wireType.varint);
const indexTag = tagOf(2, wireType.varint);
const termTag = tagOf(3, wireType.varint);

export function encodeSnapshotFile(snapshot: SnapshotFile): Uint8Array {
  const inner = new Writer(snapshot.data.length + 256);
  inner.bytesField(1, snapshot.data);
  const metadata = inner.beginMessage(2);
  const conf = inner.beginMessage(1);
  writeConfState(inner, snapshot.confState);
  inner.endMessage(conf);
  inner.byte(indexTag);
  inner.varint(snapshot.index);
  inner.byte(termTag);
  inner.varint(snapshot.term);
  inner.endMessage(metadata);
  const bytes = inner.finish();
  const out = new Writer(bytes.length + 16);
  out.byte(crcTag);
  out.varint(crc32c(bytes));
  out.bytesField(2, bytes);
  return out.finish();
}

/** Throws CorruptionError, which does not know the file's name. `data` is a copy. */
export function decodeSnapshotFile(bytes: Uint8Array): SnapshotFile {
  if (bytes.length === 0) throw new CorruptionError("the file is empty");
  try {
    return decodeChecked(bytes);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new CorruptionError("the file is no snapshot", { cause: error });
  }
}

function decodeChecked(bytes: Uint8Array): SnapshotFile {
  const reader = new Reader(bytes);
  let crc = 0;
  let message: Uint8Array | undefined;
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag === crcTag) crc = reader.varint();
    else if (tag === field2) message = reader.view();
    else throw new WireError(`unknown field (tag ${tag})`);
  }
  if (message === undefined || message.length === 0 || crc === 0)
    throw new CorruptionError("the file holds no snapshot");
  const found = crc32c(message);
  if (found !== crc) throw new CorruptionError(`checksum ${found}, expected ${crc}`);
  return decodeSnapshot(new Reader(message));
}

function decodeSnapshot(reader: Reader): SnapshotFile {
  let data: Uint8Array = new Uint8Array(0);
  let place: Omit<SnapshotFile, "data"> | undefined;
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag === field1) data = Uint8Array.from(reader.view());
    else if (tag === field2) {
      reader.bytes();
      place = decodeMetadata(new Reader(reader.buffer, reader.start, reader.stop));
    } else reader.skip(tag);
  }
  if (place === undefined) throw new CorruptionError("the snapshot has no metadata");
  return { ...place, data };
}

function decodeMetadata(reader: Reader): Omit<SnapshotFile, "data"> {
  let index = 0;
  let termNumber = 0;
  let confState: ConfState | undefined;
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag === indexTag) index = counter(reader);
    else if (tag === termTag) termNumber = counter(reader);
    else if (tag === field1) {
      reader.bytes();
      confState = readConfState(new Reader(reader.buffer, reader.start, reader.stop));
    } else reader.skip(tag);
  }
  if (confState === undefined) throw new CorruptionError("the snapshot has no conf state");
  return { index: logIndex(index), term: term(termNumber), confState };
}

/** 2^53 and more is refused, as this member could not count on from there. */
function counter(reader: Reader): number {
  const value = reader.varint();
  if (value === Infinity) throw new CorruptionError("term or index is above 2^53");
  return value;
}
