/**
 * Sends messages within the peer's flow-control windows (RFC 9113 section 5.2). What fits goes out in one piece; what does not
 * is queued per call, and calls with something queued send one frame each in turn.
 */
import { ByteQueue } from "./byte-queue.ts";
import { type Call, ending } from "./call.ts";
import { ConnectionError } from "./connection-error.ts";
import {
  errorCode,
  frameBytesMaxDefault,
  frameFlag,
  frameHeaderBytes,
  frameType,
  initialWindowBytes,
  uint31Max,
  writeFrameHeader,
  writeUint32,
} from "./frame.ts";
import { flushBytes, streamQueuedBytesSoft } from "./limits.ts";
import type { MemoryBudget } from "./memory-budget.ts";
import { messagePrefixBytes } from "./message-assembler.ts";
import type { OutputBuffer } from "./output-buffer.ts";
import { ResponseEncoder } from "./response-encoder.ts";

/** Below it a loop beats the call into the runtime. */
const loopCopyBytesMax = 48;

export class SendFlow {
  readonly encoder = new ResponseEncoder();
  /** Frames of ours are no larger: SETTINGS_MAX_FRAME_SIZE of the peer, within our own bound. */
  frameBytesMax = frameBytesMaxDefault;
  /** Prefixes and messages that wait for a window. */
  queuedBytes = 0;
  /** Streaming calls that may send again; their services are told at the flush. */
  drained: Call[] = [];
  private window = initialWindowBytes;
  private first: Call | null = null;
  private last: Call | null = null;
  private readonly out: OutputBuffer;
  private readonly memory: MemoryBudget;
  /** Runs when a reply's END_STREAM was written. */
  private readonly replyEnded: (call: Call) => void;

  private readonly prefix = new Uint8Array(messagePrefixBytes);

  constructor(out: OutputBuffer, memory: MemoryBudget, replyEnded: (call: Call) => void) {
    this.out = out;
    this.memory = memory;
    this.replyEnded = replyEnded;
  }

  /** A whole unary answer. */
  reply(call: Call, bytes: Uint8Array, start: number, end: number): void {
    const { out, encoder } = this;
    const messageLength = end - start;
    const length = messagePrefixBytes + messageLength;
    encoder.writeHeaders(out, call.id, call.head);
    if (
      this.first === null &&
      length <= this.window &&
      length <= call.sendWindow &&
      length <= this.frameBytesMax
    ) {
      let at = out.reserve(frameHeaderBytes + length);
      at = writeFrameHeader(out.bytes, at, length, frameType.data, 0, call.id);
      out.bytes[at] = 0;
      writeUint32(out.bytes, at + 1, messageLength);
      copy(bytes, start, end, out.bytes, at + messagePrefixBytes);
      this.window -= length;
      call.sendWindow -= length;
      encoder.writeTrailers(out, call.id);
      this.replyEnded(call);
      return;
    }
    call.ending = ending.ok;
    this.message(call, 0, bytes, start, end);
  }

  /** One message behind those before it, behind headers; `flag` is 1 if compressed. A call's `ending` follows its last message. */
  message(call: Call, flag: number, bytes: Uint8Array, start: number, end: number): void {
    const isFirst = this.first === null && (call.pending === null || call.pending.length === 0);
    const sent = isFirst ? this.writeNow(call, flag, bytes, start, end) : 0;
    const rest = messagePrefixBytes + end - start - sent;
    if (rest === 0) return this.maybeEnd(call);
    const pending = this.queueFor(call, rest);
    if (sent === 0) {
      const { prefix } = this;
      prefix[0] = flag;
      writeUint32(prefix, 1, end - start);
      pending.append(prefix, 0, messagePrefixBytes);
      pending.append(bytes, start, end);
    } else {
      pending.append(bytes, end - rest, end);
    }
    this.enqueue(call);
    this.pump();
  }

  /** A body that is no gRPC message, behind headers that the caller wrote. */
  plainBody(call: Call, bytes: Uint8Array): void {
    call.ending = ending.data;
    this.queueFor(call, bytes.length).append(bytes, 0, bytes.length);
    this.enqueue(call);
    this.pump();
  }

  /** No more messages: `how`, one of call.ts `ending`, is said behind everything queued. */
  end(call: Call, how: number): void {
    call.ending = how;
    this.maybeEnd(call);
  }

  /** Nobody waits: frames of the message go out while windows and the output's bound allow. Returns the bytes, prefix included. */
  private writeNow(
    call: Call,
    flag: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): number {
    const { out } = this;
    const total = messagePrefixBytes + end - start;
    let sent = 0;
    while (sent < total && out.length < flushBytes) {
      const length = Math.min(total - sent, this.window, call.sendWindow, this.frameBytesMax);
      if (length <= 0 || (sent === 0 && length < messagePrefixBytes)) break;
      let at = this.openFrame(call, length, 0);
      let from = start + sent - messagePrefixBytes;
      if (sent === 0) {
        out.bytes[at] = flag;
        writeUint32(out.bytes, at + 1, end - start);
        at += messagePrefixBytes;
        from = start;
      }
      sent += length;
      copy(bytes, from, start + sent - messagePrefixBytes, out.bytes, at);
    }
    return sent;
  }

  /** Sends from the queue what the windows allow, until the output is worth a flush. */
  pump(): void {
    while (this.first !== null && this.window > 0 && this.out.length < flushBytes) {
      const call = this.dequeue(this.first);
      const { pending } = call;
      if (pending === null) continue;
      const length = Math.min(pending.length, this.window, call.sendWindow, this.frameBytesMax);
      // Without a window of its own it comes back when that opens.
      if (length <= 0) continue;
      const isLast = length === pending.length;
      const flags = isLast && call.ending === ending.data ? frameFlag.endStream : 0;
      const at = this.openFrame(call, length, flags);
      pending.take(this.out.bytes, at, length);
      this.queuedBytes -= length;
      this.memory.queuedReplyBytes -= length;
      if (!isLast) this.enqueue(call);
      else this.maybeEnd(call);
      const { stream } = call;
      if (stream !== null && stream.owesDrain && pending.length <= streamQueuedBytesSoft / 2) {
        stream.owesDrain = false;
        this.drained.push(call);
      }
    }
  }

  /** Takes windows for a DATA frame and writes its header; returns where the payload begins. */
  private openFrame(call: Call, length: number, flags: number): number {
    const { out } = this;
    this.window -= length;
    call.sendWindow -= length;
    this.encoder.hasWritten = true;
    const at = out.reserve(frameHeaderBytes + length);
    return writeFrameHeader(out.bytes, at, length, frameType.data, flags, call.id);
  }

  private maybeEnd(call: Call): void {
    if (call.ending === ending.none || (call.pending !== null && call.pending.length > 0)) return;
    const failure = call.stream === null ? null : call.stream.failure;
    if (call.ending === ending.ok) this.encoder.writeTrailers(this.out, call.id);
    else if (failure !== null) this.encoder.writeFailureTrailers(this.out, call.id, failure);
    this.replyEnded(call);
  }

  /** The call was reset: what it still had to say is dropped. */
  drop(call: Call): void {
    const { pending } = call;
    if (pending === null) return;
    this.queuedBytes -= pending.length;
    this.memory.queuedReplyBytes -= pending.length;
    // It may stand in the queue still; pump passes over it.
    call.pending = null;
  }

  /** WINDOW_UPDATE of the connection. @throws ConnectionError FLOW_CONTROL_ERROR beyond 2^31-1. */
  openConnection(increment: number): void {
    this.window += increment;
    if (this.window > uint31Max)
      throw new ConnectionError(errorCode.flowControlError, "connection window overflow");
    this.pump();
  }

  /** WINDOW_UPDATE of a stream, or a changed initial window. False: beyond 2^31-1. */
  openStream(call: Call, increment: number): boolean {
    call.sendWindow += increment;
    if (call.sendWindow > uint31Max) return false;
    if (call.pending !== null && call.pending.length > 0 && call.sendWindow > 0) {
      this.enqueue(call);
      this.pump();
    }
    return true;
  }

  /** The message is its owner's again when the reply returns: what is not sent yet is copied to here. */
  private queueFor(call: Call, bytes: number): ByteQueue {
    this.queuedBytes += bytes;
    this.memory.queuedReplyBytes += bytes;
    call.pending ??= new ByteQueue();
    return call.pending;
  }

  private enqueue(call: Call): void {
    if (call.isQueued) return;
    call.isQueued = true;
    if (this.last === null) this.first = call;
    else this.last.nextInQueue = call;
    this.last = call;
  }

  private dequeue(call: Call): Call {
    this.first = call.nextInQueue;
    if (this.first === null) this.last = null;
    call.nextInQueue = null;
    call.isQueued = false;
    return call;
  }
}

/** Buffer's copy, for any byte array, needs no view of the range. */
const bufferMethods = Buffer.prototype as Buffer;

function copy(from: Uint8Array, start: number, end: number, to: Buffer, at: number): void {
  const length = end - start;
  if (length <= loopCopyBytesMax) {
    for (let index = 0; index < length; index++) to[at + index] = from[start + index] as number;
  } else {
    bufferMethods.copy.call(from, to, at, start, end);
  }
}
