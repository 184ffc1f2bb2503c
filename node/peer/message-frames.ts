/**
 * The frames of the stream "message" (etcd rafthttp/msg_codec.go), which also begin the body of POST /raft/snapshot:
 *
 *     +--------------+---------------------+
 *     | n, 8 bytes BE| n bytes of a message|
 *     +--------------+---------------------+
 *
 * A link heartbeat is the message 08 08: a MsgHeartbeat from and to nobody. This file owns what both streams have in common;
 * msgapp-v2.ts is the other one.
 */
import { WireError, type Writer } from "../proto/wire.ts";
import { type Message, messageType } from "../raft/messages.ts";
import { MessageBytes } from "./message-bytes.ts";
import { readMessage, writeMessage } from "./message-codec.ts";

/** Longest frame that is read (etcd's readBytesLimit). */
export const frameBytesMax = 512 * 1024 * 1024;
/** Bytes of a length or count before what it counts. */
export const lengthBytes = 8;

/** The stream is not what its format says; nothing behind this place can be read. The connection ends. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

/** Writes one stream: it may depend on what was written before, so each stream has its own. */
export interface FrameEncoder {
  /** Appends the frame of a message. */
  encode(writer: Writer, message: Message): void;
  /** Appends the frame that says no more than that the link is alive. */
  heartbeat(writer: Writer): void;
}

/** Reads one stream. */
export interface FrameDecoder {
  /** Takes the next bytes of the stream, which are not kept. Throws FrameError; the decoder is of no use then. */
  take(chunk: Uint8Array): void;
}

export class MessageEncoder implements FrameEncoder {
  encode(writer: Writer, message: Message): void {
    const mark = beginFrame(writer);
    writeMessage(writer, message);
    endFrame(writer, mark);
  }

  heartbeat(writer: Writer): void {
    writeUint64(writer, 2);
    writer.byte(0x08);
    writer.byte(messageType.MsgHeartbeat);
  }
}

export class MessageDecoder implements FrameDecoder {
  private readonly onMessage: (message: Message) => void;
  private readonly bytes = new MessageBytes();
  /** Of the frame whose message comes next; -1 where a frame begins. */
  private length = -1;

  /** `onMessage` must not call `take`. */
  constructor(onMessage: (message: Message) => void) {
    this.onMessage = onMessage;
  }

  take(chunk: Uint8Array): void {
    const { bytes } = this;
    bytes.push(chunk);
    for (;;) {
      if (this.length < 0) {
        if (!bytes.next(lengthBytes)) return;
        this.length = frameLength(bytes);
      }
      if (!bytes.next(this.length)) return;
      this.length = -1;
      const message = frameMessage(bytes);
      if (!isLinkHeartbeat(message)) this.onMessage(message);
    }
  }
}

const isLinkHeartbeat = ({ type, from, to }: Message): boolean =>
  type === "MsgHeartbeat" && from === 0n && to === 0n;

/** Leaves room for a length; `endFrame` fills it in. */
export function beginFrame(writer: Writer): number {
  writer.reserve(lengthBytes);
  writer.position += lengthBytes;
  return writer.position;
}

export function endFrame(writer: Writer, mark: number): void {
  putUint64(writer.buffer, mark - lengthBytes, writer.position - mark);
}

/** Appends a number below 2^53 as etcd's frames have it. */
export function writeUint64(writer: Writer, value: number): void {
  writer.reserve(lengthBytes);
  putUint64(writer.buffer, writer.position, value);
  writer.position += lengthBytes;
}

function putUint64(buffer: Uint8Array, at: number, value: number): void {
  putUint32(buffer, at, Math.floor(value / 0x1_0000_0000));
  putUint32(buffer, at + 4, value);
}

function putUint32(buffer: Uint8Array, at: number, value: number): void {
  buffer[at] = value >>> 24;
  buffer[at + 1] = value >>> 16;
  buffer[at + 2] = value >>> 8;
  buffer[at + 3] = value;
}

/** The piece of eight bytes as a number; Infinity from 2^53 on. */
export function uint64Of({ buffer, start }: MessageBytes): number {
  const value = uint32At(buffer, start) * 0x1_0000_0000 + uint32At(buffer, start + 4);
  return value <= Number.MAX_SAFE_INTEGER ? value : Infinity;
}

const uint32At = (buffer: Uint8Array, at: number): number =>
  (((buffer[at] as number) << 24) |
    ((buffer[at + 1] as number) << 16) |
    ((buffer[at + 2] as number) << 8) |
    (buffer[at + 3] as number)) >>>
  0;

/** The piece of eight bytes as the length of what follows it. Throws FrameError above `most`. */
export function frameLength(bytes: MessageBytes, most = frameBytesMax): number {
  const length = uint64Of(bytes);
  if (length > most) throw new FrameError(`a frame of ${length} bytes; ${most} are allowed`);
  return length;
}

/** The piece as a message. */
export function frameMessage({ buffer, start, end }: MessageBytes): Message {
  try {
    return readMessage(buffer, start, end);
  } catch (error) {
    throw frameErrorOf(error);
  }
}

/** What reading the content of a frame threw. */
export function frameErrorOf(error: unknown): unknown {
  if (!(error instanceof WireError)) return error;
  return new FrameError("malformed content of a frame", { cause: error });
}
