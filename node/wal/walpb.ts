/**
 * The messages inside log records: raftpb.Entry and HardState, walpb.Snapshot, etcdserverpb.Metadata. Fields are written
 * in the order and with the presence that etcd 3.7 gives them: proto2, ascending numbers, zeros of set fields written,
 * the type of a normal entry and empty data left out. Reading is stricter than proto2: a required field that is missing
 * or a field that the format does not have is a RecordError, since a flipped bit of a tag looks like that.
 */
import type { ClusterId, LogIndex, MemberId, Term } from "../lib/units.ts";
import { clusterId, memberId } from "../lib/units.ts";
import { readConfState, writeConfState } from "../proto/conf-state.ts";
import { Reader, tagOf, Writer, wireType } from "../proto/wire.ts";
import type { ConfState, Entry, EntryType, HardState } from "../raft/types.ts";

export interface WalMetadata {
  readonly nodeId: MemberId;
  readonly clusterId: ClusterId;
}

/** walpb.Snapshot: says that a snapshot at this place was saved. `confState` is missing only in the first record of a log. */
export interface WalSnapshot {
  readonly index: LogIndex;
  readonly term: Term;
  readonly confState?: ConfState;
}

/** A record's content is not what an etcd writes. The reader adds file and offset and makes it a CorruptionError. */
export class RecordError extends Error {
  override readonly name = "RecordError";
}

const tag1 = tagOf(1, wireType.varint);
const tag2 = tagOf(2, wireType.varint);
const tag3 = tagOf(3, wireType.varint);
const tagData = tagOf(4, wireType.bytes);
const tagConfState = tagOf(3, wireType.bytes);

/** At most 33 bytes. */
export function writeHardState(out: Writer, state: HardState): void {
  out.byte(tag1);
  out.varint(state.term);
  out.byte(tag2);
  out.varint64(state.vote);
  out.byte(tag3);
  out.varint(state.commit);
}

export function encodeMetadata(metadata: WalMetadata): Uint8Array {
  const out = new Writer(32);
  out.byte(tag1);
  out.varint64(metadata.nodeId);
  out.byte(tag2);
  out.varint64(metadata.clusterId);
  return out.finish();
}

export function encodeSnapshot(snapshot: WalSnapshot): Uint8Array {
  const out = new Writer(64);
  out.byte(tag1);
  out.varint(snapshot.index);
  out.byte(tag2);
  out.varint(snapshot.term);
  if (snapshot.confState !== undefined) {
    const mark = out.beginMessage(3);
    writeConfState(out, snapshot.confState);
    out.endMessage(mark);
  }
  return out.finish();
}

/** A term or index; 2^53 and more is refused, as this member could not count on from there. */
function counter(reader: Reader): number {
  const value = reader.varint();
  if (value === Infinity) throw new RecordError("term or index is above 2^53");
  return value;
}

function missing(what: string): never {
  throw new RecordError(`${what} lacks a required field`);
}

function unknownField(what: string, tag: number): never {
  throw new RecordError(`${what} has an unknown field (tag ${tag})`);
}

/** Decodes the record's data at the reader. The entry's own data is copied out of the file's buffer. */
export function decodeEntry(reader: Reader): Entry {
  let term = 0;
  let index = 0;
  let type = 0;
  let data: Uint8Array = noData;
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag === tag1) type = reader.varint();
    else if (tag === tag2) term = counter(reader);
    else if (tag === tag3) index = counter(reader);
    else if (tag === tagData) data = copyField(reader);
    else unknownField("entry", tag);
  }
  if (term === 0 || index === 0) throw new RecordError("entry without term or index");
  if (type > 2) throw new RecordError(`entry of unknown type ${type}`);
  return { term: term as Term, index: index as LogIndex, type: type as EntryType, data };
}

const noData = new Uint8Array(0);

/** Small copies share Node's pool, so that no entry pins the 64 MB of its file. */
function copyField(reader: Reader): Uint8Array {
  reader.bytes();
  const copy = Buffer.allocUnsafe(reader.stop - reader.start);
  copy.set(reader.buffer.subarray(reader.start, reader.stop));
  return copy;
}

export function decodeHardState(reader: Reader): HardState {
  let term = -1;
  let vote = -1n;
  let commit = -1;
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag === tag1) term = counter(reader);
    else if (tag === tag2) vote = reader.varint64();
    else if (tag === tag3) commit = counter(reader);
    else unknownField("hard state", tag);
  }
  if (term < 0 || vote < 0n || commit < 0) missing("hard state");
  return { term: term as Term, vote: memberId(vote), commit: commit as LogIndex };
}

export function decodeMetadata(reader: Reader): WalMetadata {
  let node = -1n;
  let cluster = -1n;
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag === tag1) node = reader.varint64();
    else if (tag === tag2) cluster = reader.varint64();
    else unknownField("metadata", tag);
  }
  if (node < 0n || cluster < 0n) missing("metadata");
  return { nodeId: memberId(node), clusterId: clusterId(cluster) };
}

export function decodeSnapshot(reader: Reader): WalSnapshot {
  let index = -1;
  let term = -1;
  let confState: ConfState | undefined;
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag === tag1) index = counter(reader);
    else if (tag === tag2) term = counter(reader);
    else if (tag === tagConfState) {
      reader.bytes();
      confState = readConfState(new Reader(reader.buffer, reader.start, reader.stop));
    } else unknownField("snapshot", tag);
  }
  if (index < 0 || term < 0) missing("snapshot");
  const place = { index: index as LogIndex, term: term as Term };
  return confState === undefined ? place : { ...place, confState };
}
