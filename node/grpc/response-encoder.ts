/**
 * The bytes of our answers' header blocks. A successful answer always has the same two blocks, so they are templates:
 * the first answer of a connection puts both fields into the peer's dynamic table, later ones are one or two bytes.
 * Owns the model of that table: content-type is added first, grpc-status 0 after it, nothing else ever.
 */
import { frameFlag, frameHeaderBytes, frameType, writeFrameHeader } from "./frame.ts";
import { statusTextBytesMax } from "./limits.ts";
import type { OutputBuffer } from "./output-buffer.ts";
import { encodeStatusText, type Refusal } from "./status.ts";

const ascii = (text: string): number[] => [...Buffer.from(text, "latin1")];
const contentType = [16, ...ascii("application/grpc")];
const grpcStatusName = [11, ...ascii("grpc-status")];
const grpcMessageName = [12, ...ascii("grpc-message")];

/** Static table: 8 is ":status 200", 31 is content-type. First bits 1: indexed, 01: added to the table, 0000: not. */
const status200 = 0x88;
const contentTypeAdded = [0x5f, ...contentType];
const contentTypeLiteral = [0x0f, 0x10, ...contentType];
const statusZeroAdded = [0x40, ...grpcStatusName, 1, 0x30];
const statusZeroLiteral = [0x00, ...grpcStatusName, 1, 0x30];
/** The newest dynamic entry has index 62. */
const newestEntry = 0x80 | 62;
const secondEntry = 0x80 | 63;

const headers = (block: number[]): Uint8Array => Uint8Array.from([status200, ...block]);
const firstHeaders = headers(contentTypeAdded);
const headersBeforeStatus = headers([newestEntry]);
const laterHeaders = headers([secondEntry]);
const plainHeaders = headers(contentTypeLiteral);
const firstTrailers = Uint8Array.from(statusZeroAdded);
const laterTrailers = Uint8Array.from([newestEntry]);
const plainTrailers = Uint8Array.from(statusZeroLiteral);

/** The table of a peer that said nothing. Our two entries take 104 bytes of it. */
const tableBytesDefault = 4_096;
const sizeUpdateToZero = 0x20;

export class ResponseEncoder {
  /** How many of our two fields the peer's table holds. */
  private entries: 0 | 1 | 2 = 0;
  private usesTable = true;
  private owesSizeUpdate = false;

  /**
   * SETTINGS_HEADER_TABLE_SIZE. A peer that shrinks its table is owed a size update (RFC 7541 section 4.2); no client of
   * ours does it, so we then do without the table for good: an update to zero is within every limit.
   */
  limitTable(bytes: number): void {
    if (bytes >= tableBytesDefault || !this.usesTable) return;
    this.usesTable = false;
    this.owesSizeUpdate = true;
  }

  /** HEADERS of a successful answer. */
  writeHeaders(out: OutputBuffer, streamId: number): void {
    if (!this.usesTable) {
      this.writeBlock(out, streamId, plainHeaders, frameFlag.endHeaders);
    } else if (this.entries === 2) {
      this.writeBlock(out, streamId, laterHeaders, frameFlag.endHeaders);
    } else {
      this.writeBlock(
        out,
        streamId,
        this.entries === 1 ? headersBeforeStatus : firstHeaders,
        frameFlag.endHeaders,
      );
      this.entries = 1;
    }
  }

  /** The HEADERS that end a successful answer; they follow writeHeaders, perhaps not at once. */
  writeTrailers(out: OutputBuffer, streamId: number): void {
    const flags = frameFlag.endHeaders | frameFlag.endStream;
    if (!this.usesTable) {
      this.writeBlock(out, streamId, plainTrailers, flags);
    } else if (this.entries === 2) {
      this.writeBlock(out, streamId, laterTrailers, flags);
    } else {
      this.writeBlock(out, streamId, firstTrailers, flags);
      this.entries = 2;
    }
  }

  /** A whole answer without body. */
  writeTrailersOnly(out: OutputBuffer, streamId: number, refusal: Refusal): void {
    this.writeRefusal(out, streamId, refusal, frameFlag.endHeaders | frameFlag.endStream);
  }

  /** The same when a body follows. */
  writeRefusalHeaders(out: OutputBuffer, streamId: number, refusal: Refusal): void {
    this.writeRefusal(out, streamId, refusal, frameFlag.endHeaders);
  }

  private writeRefusal(out: OutputBuffer, streamId: number, refusal: Refusal, flags: number): void {
    const { httpStatus, code, text } = refusal;
    const message = encodeStatusText(text, statusTextBytesMax);
    const codeDigits = ascii(String(code));
    const block = [
      ...(httpStatus === 200 ? [status200] : [0x08, 3, ...ascii(String(httpStatus))]),
      ...contentTypeLiteral,
      ...[0x00, ...grpcStatusName, codeDigits.length, ...codeDigits],
      ...[0x00, ...grpcMessageName, ...stringLength(message.length)],
    ];
    this.writeBlock(out, streamId, Buffer.concat([Uint8Array.from(block), message]), flags);
  }

  private writeBlock(out: OutputBuffer, streamId: number, block: Uint8Array, flags: number): void {
    const { length } = block;
    const extra = this.owesSizeUpdate ? 1 : 0;
    let at = out.reserve(frameHeaderBytes + extra + length);
    const { bytes } = out;
    at = writeFrameHeader(bytes, at, extra + length, frameType.headers, flags, streamId);
    if (this.owesSizeUpdate) {
      bytes[at++] = sizeUpdateToZero;
      this.owesSizeUpdate = false;
    }
    // The usual block has one or two bytes: a call into the runtime would cost more than this loop.
    for (let index = 0; index < length; index++) bytes[at + index] = block[index] as number;
  }
}

/** HPACK integer with a 7-bit prefix. */
function stringLength(length: number): number[] {
  if (length < 0x7f) return [length];
  const encoded = [0x7f];
  let rest = length - 0x7f;
  for (; rest >= 0x80; rest >>>= 7) encoded.push((rest & 0x7f) | 0x80);
  encoded.push(rest);
  return encoded;
}
