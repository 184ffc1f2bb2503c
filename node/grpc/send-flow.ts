/**
 * Sends replies within the peer's flow-control windows (RFC 9113 section 5.2). A reply that fits goes out in one piece;
 * what does not fit is queued per call, and calls with something queued send one frame each in turn.
 */
import type { Call, PendingReply } from "./call.ts";
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
import { flushBytes } from "./limits.ts";
import { messagePrefixBytes } from "./message-assembler.ts";
import type { OutputBuffer } from "./output-buffer.ts";
import { ResponseEncoder } from "./response-encoder.ts";

/** Below it a loop beats the call into the runtime. */
const loopCopyBytesMax = 48;

export class SendFlow {
  readonly encoder = new ResponseEncoder();
  /** SETTINGS_MAX_FRAME_SIZE of the peer. */
  peerFrameBytesMax = frameBytesMaxDefault;
  /** Prefixes and messages that wait for a window. */
  queuedBytes = 0;
  private window = initialWindowBytes;
  private first: Call | null = null;
  private last: Call | null = null;
  private readonly out: OutputBuffer;
  /** Runs when a reply's END_STREAM was written. */
  private readonly replyEnded: (call: Call) => void;

  constructor(out: OutputBuffer, replyEnded: (call: Call) => void) {
    this.out = out;
    this.replyEnded = replyEnded;
  }

  reply(call: Call, bytes: Uint8Array, start: number, end: number): void {
    const { out, encoder } = this;
    const messageLength = end - start;
    const length = messagePrefixBytes + messageLength;
    encoder.writeHeaders(out, call.id);
    if (
      this.first === null &&
      length <= this.window &&
      length <= call.sendWindow &&
      length <= this.peerFrameBytesMax
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
    this.send(call, {
      prefixLeft: messagePrefixBytes,
      messageLength,
      bytes,
      at: start,
      end,
      hasTrailers: true,
    });
  }

  /** A body that is no gRPC message, behind headers that the caller wrote; its last DATA frame ends the stream. */
  plainBody(call: Call, bytes: Uint8Array): void {
    this.send(call, {
      prefixLeft: 0,
      messageLength: 0,
      bytes,
      at: 0,
      end: bytes.length,
      hasTrailers: false,
    });
  }

  private send(call: Call, pending: PendingReply): void {
    call.pending = pending;
    this.queuedBytes += pending.prefixLeft + pending.end - pending.at;
    this.enqueue(call);
    this.pump();
    keepRest(call);
  }

  /** Sends from the queue what the windows allow, until the output is worth a flush. */
  pump(): void {
    while (this.first !== null && this.window > 0 && this.out.length < flushBytes) {
      const call = this.dequeue(this.first);
      const { pending } = call;
      if (pending === null) continue;
      const left = pending.prefixLeft + pending.end - pending.at;
      const length = Math.min(left, this.window, call.sendWindow, this.peerFrameBytesMax);
      // Without a window of its own it comes back when that opens.
      if (length <= 0) continue;
      const isLast = length === left;
      this.writeFrame(
        call,
        pending,
        length,
        isLast && !pending.hasTrailers ? frameFlag.endStream : 0,
      );
      if (!isLast) {
        this.enqueue(call);
      } else {
        call.pending = null;
        if (pending.hasTrailers) this.encoder.writeTrailers(this.out, call.id);
        this.replyEnded(call);
      }
    }
  }

  private writeFrame(call: Call, pending: PendingReply, length: number, flags: number): void {
    const { out } = this;
    const start = out.reserve(frameHeaderBytes + length);
    const { bytes } = out;
    let at = writeFrameHeader(bytes, start, length, frameType.data, flags, call.id);
    const frameEnd = at + length;
    while (pending.prefixLeft > 0 && at < frameEnd) {
      // The last four bytes of the prefix are the length, the one before them is the compressed flag.
      const shift = (pending.prefixLeft - 1) * 8;
      bytes[at++] = shift === 32 ? 0 : pending.messageLength >>> shift;
      pending.prefixLeft--;
    }
    const taken = frameEnd - at;
    copy(pending.bytes, pending.at, pending.at + taken, bytes, at);
    pending.at += taken;
    this.window -= length;
    call.sendWindow -= length;
    this.queuedBytes -= length;
  }

  /** The call was reset: what it still had to say is dropped. */
  drop(call: Call): void {
    const { pending } = call;
    if (pending === null) return;
    this.queuedBytes -= pending.prefixLeft + pending.end - pending.at;
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
    if (call.pending !== null && call.sendWindow > 0) {
      this.enqueue(call);
      this.pump();
    }
    return true;
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

/** The message is its owner's again when the reply returns: what is not sent yet is copied. */
function keepRest(call: Call): void {
  const { pending } = call;
  if (pending === null) return;
  pending.bytes = Uint8Array.prototype.slice.call(pending.bytes, pending.at, pending.end);
  pending.end -= pending.at;
  pending.at = 0;
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
