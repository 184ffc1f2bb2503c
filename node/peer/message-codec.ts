/**
 * raftpb.Message and raftpb.Entry, by hand: every entry of the log goes through here twice on a leader and once on a follower.
 *
 * Written as etcd 3.7 writes them, fields in ascending order, but for one thing: a field that is zero is left out, also where Go sets it
 * to zero; its getters make no difference. A snapshot's index, term and `auto_leave` are written always. Read is what any etcd writes:
 * up to 3.6 zeros are explicit and every message carries a snapshot, which is empty. Unknown fields are stepped over, but for those in a
 * conf state (proto/conf-state.ts). What raft could only stop at is refused here: gaps between the entries of a MsgApp, numbers of 2^53
 * and more, entries and messages of unknown types.
 */
import { emptyBytes } from "../lib/bytes.ts";
import { type LogIndex, type MemberId, memberId, type Term } from "../lib/units.ts";
import { readConfState, writeConfState } from "../proto/conf-state.ts";
import { readEnum } from "../proto/int64.ts";
import { Reader, tagOf, varintSize, WireError, type Writer, wireType } from "../proto/wire.ts";
import { type Message, type MessageType, message, messageType } from "../raft/messages.ts";
import type { ConfState, Entry, EntryType, Snapshot } from "../raft/types.ts";
import { keptBytes } from "./message-data.ts";

/** More entries than this are in no message: a claim that would cost memory far beyond its bytes. */
export const messageEntriesMax = 1 << 20;

const entriesField = 7;
const snapshotField = 9;
const contextField = 12;
const dataTag = tagOf(4, wireType.bytes);
const entriesTag = tagOf(entriesField, wireType.bytes);

const typeNames: (MessageType | undefined)[] = [];
for (const name of Object.keys(messageType) as MessageType[]) typeNames[messageType[name]] = name;

const nobody = 0n as MemberId;
const emptyConfState: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

/** Bytes of an entry as `writeEntry` writes it. */
export function entryBytes(entry: Entry): number {
  const { term, index, type } = entry;
  const { length } = entry.data;
  let size = type === 0 ? 0 : 2;
  if (term !== 0) size += 1 + varintSize(term);
  if (index !== 0) size += 1 + varintSize(index);
  if (length !== 0) size += 1 + varintSize(length) + length;
  return size;
}

/** Appends a raftpb.Entry, without a length before it. */
export function writeEntry(writer: Writer, entry: Entry): void {
  const { data } = entry;
  writer.numberField(1, entry.type);
  writer.numberField(2, entry.term);
  writer.numberField(3, entry.index);
  if (data.length === 0) return;
  writer.byte(dataTag);
  writer.varint(data.length);
  writer.raw(data, 0, data.length);
}

/** Appends a raftpb.Message, without a length before it. */
export function writeMessage(writer: Writer, sent: Message): void {
  writer.byte(tagOf(1, wireType.varint));
  writer.byte(messageType[sent.type]);
  writer.bigintField(2, sent.to);
  writer.bigintField(3, sent.from);
  writer.numberField(4, sent.term);
  writer.numberField(5, sent.logTerm);
  writer.numberField(6, sent.index);
  const { entries } = sent;
  for (const entry of entries) {
    writer.byte(entriesTag);
    writer.varint(entryBytes(entry));
    writeEntry(writer, entry);
  }
  writer.numberField(8, sent.commit);
  if (sent.snapshot !== undefined) writeSnapshot(writer, sent.snapshot);
  writer.boolField(10, sent.reject);
  writer.numberField(11, sent.rejectHint);
  if (sent.context.length > 0) writer.bytesField(contextField, sent.context);
}

function writeSnapshot(writer: Writer, { data, metadata }: Snapshot): void {
  const whole = writer.beginMessage(snapshotField);
  if (data.length > 0) writer.bytesField(1, data);
  const inner = writer.beginMessage(2);
  const conf = writer.beginMessage(1);
  writeConfState(writer, metadata.confState);
  writer.endMessage(conf);
  writer.byte(tagOf(2, wireType.varint));
  writer.varint(metadata.index);
  writer.byte(tagOf(3, wireType.varint));
  writer.varint(metadata.term);
  writer.endMessage(inner);
  writer.endMessage(whole);
}

const entryReader = new Reader(emptyBytes);
const reader = new Reader(emptyBytes);

/** The entry in bytes[start, end). Its data is a copy. Throws WireError. */
export function readEntry(bytes: Uint8Array, start = 0, end: number = bytes.length): Entry {
  let term = 0;
  let index = 0;
  let type = 0;
  let dataStart = 0;
  let dataEnd = 0;
  entryReader.reset(bytes, start, end);
  while (!entryReader.isDone) {
    const tag = entryReader.tag();
    switch (tag) {
      case 0x08:
        type = readEnum(entryReader);
        break;
      case 0x10:
        term = counter(entryReader);
        break;
      case 0x18:
        index = counter(entryReader);
        break;
      case dataTag:
        entryReader.bytes();
        dataStart = entryReader.start;
        dataEnd = entryReader.stop;
        break;
      default:
        entryReader.skip(tag);
    }
  }
  if (type < 0 || type > 2) throw new WireError(`entry of unknown type ${type}`);
  const data = keptBytes(bytes, dataStart, dataEnd);
  return { term: term as Term, index: index as LogIndex, type: type as EntryType, data };
}

/** A message that is being read. */
type Draft = { -readonly [Field in keyof Message]: Message[Field] };

/**
 * The message in bytes[start, end), all of which it takes. What it keeps is a copy. The empty snapshot (index 0) is read as none.
 * Throws WireError.
 */
export function readMessage(bytes: Uint8Array, start = 0, end: number = bytes.length): Message {
  const found: Draft = message({ type: "MsgHup", to: nobody });
  let entries: Entry[] | undefined;
  let snapshot: Uint8Array | undefined;
  reader.reset(bytes, start, end);
  while (!reader.isDone) {
    const tag = reader.tag();
    switch (tag) {
      case 0x08:
        found.type = typeOf(readEnum(reader));
        break;
      case 0x10:
        found.to = memberId(reader.varint64());
        break;
      case 0x18:
        found.from = memberId(reader.varint64());
        break;
      case 0x20:
        found.term = counter(reader) as Term;
        break;
      case 0x28:
        found.logTerm = counter(reader) as Term;
        break;
      case 0x30:
        found.index = counter(reader) as LogIndex;
        break;
      case entriesTag:
        reader.bytes();
        entries ??= [];
        if (entries.length === messageEntriesMax) throw new WireError("too many entries");
        entries.push(readEntry(bytes, reader.start, reader.stop));
        break;
      case 0x40:
        found.commit = counter(reader) as LogIndex;
        break;
      case 0x4a:
        snapshot = joined(snapshot, reader.view());
        break;
      case 0x50:
        found.reject = reader.bool();
        break;
      case 0x58:
        found.rejectHint = counter(reader) as LogIndex;
        break;
      case 0x62:
        reader.bytes();
        found.context = keptBytes(bytes, reader.start, reader.stop);
        break;
      default:
        reader.skip(tag);
    }
  }
  if (entries !== undefined) found.entries = entries;
  if (snapshot !== undefined) found.snapshot = readSnapshot(new Reader(snapshot));
  if (found.type === "MsgApp") checkIndexes(found);
  return found;
}

function typeOf(number: number): MessageType {
  const name = typeNames[number];
  if (name === undefined) throw new WireError(`message of unknown type ${number}`);
  return name;
}

/** Entries of a MsgApp follow its index without a gap: raft's log takes that for granted. */
function checkIndexes({ entries, index }: Message): void {
  for (let at = 0; at < entries.length; at++)
    if ((entries[at] as Entry).index !== index + 1 + at)
      throw new WireError("the entries do not follow one another");
}

function readSnapshot(from: Reader): Snapshot | undefined {
  let data = emptyBytes;
  let metadata: Uint8Array | undefined;
  while (!from.isDone) {
    const tag = from.tag();
    if (tag === 0x0a) {
      from.bytes();
      // Memory of its own: it is kept for long, and a slab with it.
      data = Uint8Array.from(from.buffer.subarray(from.start, from.stop));
    } else if (tag === 0x12) metadata = joined(metadata, from.view());
    else from.skip(tag);
  }
  if (metadata === undefined) return undefined;
  return readMetadata(new Reader(metadata), data);
}

function readMetadata(from: Reader, data: Uint8Array): Snapshot | undefined {
  let confState: Uint8Array | undefined;
  let index = 0;
  let term = 0;
  while (!from.isDone) {
    const tag = from.tag();
    if (tag === 0x0a) confState = joined(confState, from.view());
    else if (tag === 0x10) index = counter(from);
    else if (tag === 0x18) term = counter(from);
    else from.skip(tag);
  }
  const conf = confState === undefined ? emptyConfState : readConfState(new Reader(confState));
  if (index === 0) return undefined;
  return { metadata: { index: index as LogIndex, term: term as Term, confState: conf }, data };
}

/** Pieces of one embedded message, one behind the other, are the whole of it. */
const joined = (before: Uint8Array | undefined, piece: Uint8Array): Uint8Array =>
  before === undefined ? piece : Buffer.concat([before, piece]);

/** A term or index; 2^53 and more is refused, as this member could not count on from there. */
function counter(from: Reader): number {
  const value = from.varint();
  if (value === Infinity) throw new WireError("term or index is above 2^53");
  return value;
}
