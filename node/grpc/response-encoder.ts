/**
 * The bytes of our answers' header blocks. A successful answer always has the same two blocks, so they are templates:
 * the first answer of a connection puts both fields into the peer's dynamic table, later ones are one or two bytes.
 * Owns the model of that table: content-type is added first, grpc-status 0 after it, nothing else ever.
 */
import { assert } from "../lib/assert.ts";
import {
  frameBytesMaxDefault,
  frameFlag,
  frameHeaderBytes,
  frameType,
  writeFrameHeader,
} from "./frame.ts";
import { gzipName } from "./gzip.ts";
import { ascii, contentTypeLiteral, literal, stringLength } from "./hpack-literal.ts";
import { statusTextBytesMax } from "./limits.ts";
import type { OutputBuffer } from "./output-buffer.ts";
import type { RequestHead } from "./request-head.ts";
import { encodeStatusText, type Refusal, statusCode } from "./status.ts";

const grpcType = "application/grpc";
const grpcStatusName = [11, ...ascii("grpc-status")];
const grpcMessageName = [12, ...ascii("grpc-message")];

/** Static table: 8 is ":status 200", 31 is content-type. First bits 1: indexed, 01: added to the table, 0000: not. */
const status200 = 0x88;
const contentTypeAdded = [0x5f, grpcType.length, ...ascii(grpcType)];
const statusZeroAdded = [0x40, ...grpcStatusName, 1, 0x30];
const statusZeroLiteral = [0x00, ...grpcStatusName, 1, 0x30];
/** The newest dynamic entry has index 62. */
const newestEntry = 0x80 | 62;
const secondEntry = 0x80 | 63;

const headers = (block: number[]): Uint8Array => Uint8Array.from([status200, ...block]);
const firstHeaders = headers(contentTypeAdded);
const headersBeforeStatus = headers([newestEntry]);
const laterHeaders = headers([secondEntry]);
const plainHeaders = headers(contentTypeLiteral(grpcType));
const firstTrailers = Uint8Array.from(statusZeroAdded);
const laterTrailers = Uint8Array.from([newestEntry]);
const plainTrailers = Uint8Array.from(statusZeroLiteral);

const subtypeStart = `${grpcType}+`.length;

/** The client's content-subtype is said back to it, behind a plus even if it came behind a semicolon (grpc-go). */
function contentTypeOf(head: RequestHead): number[] {
  const subtype = head.isForeign ? "" : (head.metadata("content-type") ?? "").slice(subtypeStart);
  return contentTypeLiteral(subtype === "" ? grpcType : `${grpcType}+${subtype}`);
}

/** Headers of an answer that are not the usual ones: a content-subtype, or messages that may be compressed. */
export function ownHeaders(head: RequestHead): Uint8Array {
  const encoding = head.isGzip ? literal("grpc-encoding", gzipName) : [];
  return headers([...contentTypeOf(head), ...encoding]);
}

/** The table of a peer that said nothing. Our two entries take 104 bytes of it. */
const tableBytesDefault = 4_096;
const sizeUpdateToZero = 0x20;

export class ResponseEncoder {
  /** How many of our two fields the peer's table holds. */
  private entries: 0 | 1 | 2 = 0;
  private usesTable = true;
  private owesSizeUpdate = false;
  /** HEADERS or DATA went out since somebody set this to false. */
  hasWritten = false;

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
  writeHeaders(out: OutputBuffer, streamId: number, head: RequestHead): void {
    if (head.answerHeaders !== null) {
      this.writeBlock(out, streamId, head.answerHeaders, frameFlag.endHeaders);
    } else if (!this.usesTable) {
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
    // Status must not be the table's first entry; only answers with headers of their own come without one.
    if (!this.usesTable || this.entries === 0) {
      this.writeBlock(out, streamId, plainTrailers, flags);
    } else if (this.entries === 2) {
      this.writeBlock(out, streamId, laterTrailers, flags);
    } else {
      this.writeBlock(out, streamId, firstTrailers, flags);
      this.entries = 2;
    }
  }

  /** The HEADERS that end an answer with an error behind messages. */
  writeFailureTrailers(out: OutputBuffer, streamId: number, failure: Refusal): void {
    const block = statusBlock([], failure, []);
    this.writeBlock(out, streamId, block, frameFlag.endHeaders | frameFlag.endStream);
  }

  /** A whole answer without body: an error, or success without a message. */
  writeTrailersOnly(
    out: OutputBuffer,
    streamId: number,
    head: RequestHead,
    refusal: Refusal,
  ): void {
    const block = refusalBlock(head, refusal);
    this.writeBlock(out, streamId, block, frameFlag.endHeaders | frameFlag.endStream);
  }

  /** The same when a body follows. */
  writeRefusalHeaders(
    out: OutputBuffer,
    streamId: number,
    head: RequestHead,
    refusal: Refusal,
  ): void {
    this.writeBlock(out, streamId, refusalBlock(head, refusal), frameFlag.endHeaders);
  }

  /** Headers of an answer to a plain HTTP request. */
  writePlainHeaders(
    out: OutputBuffer,
    streamId: number,
    reply: { readonly statusCode: number; readonly headers: ReadonlyMap<string, string> },
    endsStream: boolean,
  ): void {
    const fields = [...reply.headers].flatMap(([name, value]) => literal(name, value));
    const block = Uint8Array.from([...statusField(reply.statusCode), ...fields]);
    assert(block.length < frameBytesMaxDefault, "headers of a plain answer must fit one frame");
    const flags = frameFlag.endHeaders | (endsStream ? frameFlag.endStream : 0);
    this.writeBlock(out, streamId, block, flags);
  }

  private writeBlock(out: OutputBuffer, streamId: number, block: Uint8Array, flags: number): void {
    const { length } = block;
    this.hasWritten = true;
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

const statusField = (status: number): number[] =>
  status === 200 ? [status200] : [0x08, 3, ...ascii(String(status))];

function refusalBlock(head: RequestHead, refusal: Refusal): Uint8Array {
  const status = statusField(refusal.httpStatus);
  // gRPC's compression document asks for it where the request's encoding is not known.
  const accepted =
    head.hasUnknownEncoding && refusal.code === statusCode.unimplemented
      ? literal("grpc-accept-encoding", gzipName)
      : [];
  return statusBlock([...status, ...contentTypeOf(head)], refusal, accepted);
}

function statusBlock(before: number[], { code, text }: Refusal, after: number[]): Uint8Array {
  const message = encodeStatusText(text, statusTextBytesMax);
  const digits = ascii(String(code));
  const start = [
    ...before,
    ...[0x00, ...grpcStatusName, digits.length, ...digits],
    ...[0x00, ...grpcMessageName, ...stringLength(message.length)],
  ];
  return Buffer.concat([Uint8Array.from(start), message, Uint8Array.from(after)]);
}
