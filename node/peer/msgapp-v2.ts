/**
 * The frames of the stream "msgapp" (etcd rafthttp/msgappv2_codec.go), which carries nothing but MsgApp:
 *
 *     00                                              link heartbeat
 *     01 | n | n times ( length | entry ) | commit    AppEntries: entries that follow what this stream carried last, in the same term
 *     02 | length | message                           MsgApp: everything else
 *
 * Lengths, n and commit are 8 bytes, big-endian. Both ends keep (term, index) of the stream: a MsgApp sets it to the message's term and
 * the index of its last entry (without entries, its own), AppEntries moves the index on by n. A message is AppEntries when its term,
 * its logTerm and its index are those; the receiver makes the rest of it up from them.
 */
import { assert } from "../lib/assert.ts";
import { emptyBytes } from "../lib/bytes.ts";
import type { LogIndex, MemberId, Term } from "../lib/units.ts";
import type { Writer } from "../proto/wire.ts";
import type { Message } from "../raft/messages.ts";
import type { Entry } from "../raft/types.ts";
import { MessageBytes } from "./message-bytes.ts";
import { messageEntriesMax, readEntry, writeEntry, writeMessage } from "./message-codec.ts";
import {
  beginFrame,
  endFrame,
  type FrameDecoder,
  type FrameEncoder,
  FrameError,
  frameBytesMax,
  frameErrorOf,
  frameLength,
  frameMessage,
  lengthBytes,
  uint64Of,
  writeUint64,
} from "./message-frames.ts";

const frameKind = { linkHeartbeat: 0, appEntries: 1, msgApp: 2 } as const;

export class MsgAppV2Encoder implements FrameEncoder {
  private term = 0;
  private index = 0;

  /** Only MsgApp. Its entries follow `message.index` without a gap. */
  encode(writer: Writer, message: Message): void {
    assert(message.type === "MsgApp", "the stream msgapp carries MsgApp only", message.type);
    const { term, logTerm, index, entries } = message;
    const isNext = index === this.index && logTerm === this.term && logTerm === term && term > 0;
    if (isNext) this.appEntries(writer, message);
    else this.msgApp(writer, message);
    this.term = term;
    this.index = index + entries.length;
  }

  heartbeat(writer: Writer): void {
    writer.byte(frameKind.linkHeartbeat);
  }

  private appEntries(writer: Writer, { entries, commit }: Message): void {
    writer.byte(frameKind.appEntries);
    writeUint64(writer, entries.length);
    for (const entry of entries) {
      const mark = beginFrame(writer);
      writeEntry(writer, entry);
      endFrame(writer, mark);
    }
    writeUint64(writer, commit);
  }

  private msgApp(writer: Writer, message: Message): void {
    writer.byte(frameKind.msgApp);
    const mark = beginFrame(writer);
    writeMessage(writer, message);
    endFrame(writer, mark);
  }
}

export interface MsgAppV2Options {
  /** Who reads, and who writes: AppEntries does not say. */
  readonly local: MemberId;
  readonly remote: MemberId;
  /** Must not call `take`. */
  readonly onMessage: (message: Message) => void;
}

/** What the next piece of the stream is. */
type Piece = "kind" | "count" | "entryLength" | "entry" | "commit" | "messageLength" | "message";

export class MsgAppV2Decoder implements FrameDecoder {
  private readonly options: MsgAppV2Options;
  private readonly bytes = new MessageBytes();
  private term = 0;
  private index = 0;
  private piece: Piece = "kind";
  private pieceBytes = 1;
  /** Of the AppEntries that is coming in: what is there, how many entries it has, and the bytes that its entries took. */
  private entries: Entry[] = [];
  private entryCount = 0;
  private entriesBytes = 0;

  constructor(options: MsgAppV2Options) {
    this.options = options;
  }

  take(chunk: Uint8Array): void {
    const { bytes } = this;
    bytes.push(chunk);
    while (bytes.next(this.pieceBytes)) this.takePiece();
  }

  private takePiece(): void {
    const { bytes } = this;
    switch (this.piece) {
      case "kind":
        this.takeKind(bytes.buffer[bytes.start] as number);
        return;
      case "count":
        this.takeCount(uint64Of(bytes));
        return;
      case "entryLength":
        this.takeEntryLength(frameLength(bytes));
        return;
      case "entry":
        this.takeEntry();
        return;
      case "commit":
        this.takeCommit(uint64Of(bytes));
        return;
      case "messageLength":
        this.expect("message", frameLength(bytes));
        return;
      case "message":
        this.takeMessage(frameMessage(bytes));
    }
  }

  private expect(piece: Piece, pieceBytes: number): void {
    this.piece = piece;
    this.pieceBytes = pieceBytes;
  }

  private takeKind(kind: number): void {
    if (kind === frameKind.linkHeartbeat) return;
    if (kind === frameKind.appEntries) this.expect("count", lengthBytes);
    else if (kind === frameKind.msgApp) this.expect("messageLength", lengthBytes);
    else throw new FrameError(`a frame of unknown type ${kind}`);
  }

  private takeCount(count: number): void {
    if (this.term === 0) throw new FrameError("entries before the first message of the stream");
    if (count > messageEntriesMax) throw new FrameError(`a frame of ${count} entries`);
    this.entryCount = count;
    this.entries = [];
    this.entriesBytes = 0;
    this.expectEntry();
  }

  private expectEntry(): void {
    const isLast = this.entries.length === this.entryCount;
    this.expect(isLast ? "commit" : "entryLength", lengthBytes);
  }

  private takeEntryLength(length: number): void {
    this.entriesBytes += length;
    if (this.entriesBytes > frameBytesMax) throw new FrameError("a frame of too many bytes");
    this.expect("entry", length);
  }

  private takeEntry(): void {
    const { buffer, start, end } = this.bytes;
    let entry: Entry;
    try {
      entry = readEntry(buffer, start, end);
    } catch (error) {
      throw frameErrorOf(error);
    }
    if (entry.index !== this.index + this.entries.length + 1)
      throw new FrameError(`entry ${entry.index} does not follow what came before`);
    this.entries.push(entry);
    this.expectEntry();
  }

  private takeCommit(commit: number): void {
    if (commit === Infinity) throw new FrameError("the commit index is above 2^53");
    const { entries, term, index } = this;
    const { local, remote, onMessage } = this.options;
    this.entries = [];
    this.index = index + entries.length;
    this.expect("kind", 1);
    onMessage({
      type: "MsgApp",
      to: local,
      from: remote,
      term: term as Term,
      logTerm: term as Term,
      index: index as LogIndex,
      entries,
      commit: commit as LogIndex,
      snapshot: undefined,
      reject: false,
      rejectHint: 0 as LogIndex,
      context: emptyBytes,
    });
  }

  private takeMessage(message: Message): void {
    if (message.type !== "MsgApp") throw new FrameError(`${message.type} in the stream msgapp`);
    this.term = message.term;
    this.index = message.index + message.entries.length;
    this.expect("kind", 1);
    this.options.onMessage(message);
  }
}
