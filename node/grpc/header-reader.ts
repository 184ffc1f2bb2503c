/**
 * From HEADERS and CONTINUATION frames to a request head: padding and priority taken off, blocks in pieces joined, known
 * blocks recognised. One per connection. Must see every header block, wanted or not: HPACK's table depends on it.
 */
import { ConnectionError, frameSizeError } from "./connection-error.ts";
import { errorCode, frameFlag, readUint31 } from "./frame.ts";
import { HeadMemo } from "./head-memo.ts";
import { HpackDecoder } from "./hpack-decoder.ts";
import { continuationFramesMax, headerBlockBytesMax, headerTableBytes } from "./limits.ts";
import { RequestHead, RequestTrailers } from "./request-head.ts";
import type { Routes } from "./route.ts";

export class HeaderReader {
  /** The stream whose block goes on in a CONTINUATION frame; 0: none. */
  openStreamId = 0;
  /** Of the block read last, or under way. */
  endsStream = false;
  dependsOnItself = false;
  /** The block that is whole now: block[start, end). */
  block: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;

  private readonly routes: Routes;
  private readonly decoder = new HpackDecoder(headerTableBytes);
  private readonly memo = new HeadMemo();
  private pieces: Uint8Array[] = [];
  private piecesBytes = 0;

  constructor(routes: Routes) {
    this.routes = routes;
  }

  /** A HEADERS payload. True: the block is whole. @throws ConnectionError */
  headers(
    flags: number,
    streamId: number,
    bytes: Uint8Array,
    payloadStart: number,
    payloadEnd: number,
  ): boolean {
    let start = payloadStart;
    let end = payloadEnd;
    this.dependsOnItself = false;
    if ((flags & (frameFlag.padded | frameFlag.priority)) !== 0) {
      if ((flags & frameFlag.padded) !== 0) {
        end -= start < end ? (bytes[start] as number) : 0;
        start++;
      }
      if ((flags & frameFlag.priority) !== 0) {
        // RFC 9113 section 4.2: too small for what must be there, whatever the padding says.
        if (payloadEnd - start < 5) throw frameSizeError("HEADERS");
        this.dependsOnItself = start + 5 <= end && readUint31(bytes, start) === streamId;
        start += 5;
      }
      if (start > end)
        throw new ConnectionError(errorCode.protocolError, "HEADERS padding exceeds the frame");
    }
    this.endsStream = (flags & frameFlag.endStream) !== 0;
    if ((flags & frameFlag.endHeaders) !== 0) {
      this.block = bytes;
      this.start = start;
      this.end = end;
      return true;
    }
    this.openStreamId = streamId;
    this.pieces = [];
    this.piecesBytes = 0;
    this.addPiece(bytes, start, end);
    return false;
  }

  /** A CONTINUATION payload. True: the block is whole. @throws ConnectionError */
  continuation(
    flags: number,
    streamId: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): boolean {
    if (this.openStreamId === 0 || streamId !== this.openStreamId) {
      throw new ConnectionError(errorCode.protocolError, "unexpected CONTINUATION");
    }
    if (this.pieces.length > continuationFramesMax) {
      throw new ConnectionError(errorCode.enhanceYourCalm, "too many CONTINUATION frames");
    }
    this.addPiece(bytes, start, end);
    if ((flags & frameFlag.endHeaders) === 0) return false;
    this.block = Buffer.concat(this.pieces);
    this.start = 0;
    this.end = this.block.length;
    this.pieces = [];
    this.openStreamId = 0;
    return true;
  }

  private addPiece(bytes: Uint8Array, start: number, end: number): void {
    this.piecesBytes += end - start;
    if (this.piecesBytes > headerBlockBytesMax)
      throw new ConnectionError(errorCode.enhanceYourCalm, "header block too large");
    this.pieces.push(Uint8Array.prototype.slice.call(bytes, start, end));
  }

  /** The whole block as the head of a request. @throws ConnectionError COMPRESSION_ERROR */
  readHead(): RequestHead {
    const { table } = this.decoder;
    const { version } = table;
    const known = this.memo.find(this.block, this.start, this.end, version);
    if (known !== undefined) return known;
    const head = new RequestHead();
    this.decoder.decode(this.block, this.start, this.end, head);
    head.finish(this.routes);
    if (table.version === version) this.memo.keep(this.block, this.start, this.end, version, head);
    return head;
  }

  /** The whole block as trailers, or as something to be dropped. @throws ConnectionError COMPRESSION_ERROR */
  readTrailers(): RequestTrailers {
    const trailers = new RequestTrailers();
    this.decoder.decode(this.block, this.start, this.end, trailers);
    return trailers;
  }
}
