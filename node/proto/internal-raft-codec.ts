/**
 * etcdserverpb.InternalRaftRequest, the data of a normal raft entry, around a request whose bytes are not touched: what
 * the client sent is what the log holds and what apply/ decodes. Fields are written in the order Go's encoder keeps:
 *
 *   requests below 100:  [tag][length][request bytes] [a2 06][length][header]
 *   requests above 100:  [a2 06][length][header] [tag][length][request bytes]
 *
 * etcd 3.7.1 puts the request id into the header and leaves the older field `ID` empty; both are read.
 */
import { emptyBytes, fromText, toText } from "../lib/bytes.ts";
import { halvesSize, readHalves, type Uint64Halves, writeHalves } from "./int64.ts";
import { Reader, tagOf, type Writer, wireType } from "./wire.ts";

/** Field numbers of the requests. */
export const internalRequest = {
  range: 3,
  put: 4,
  deleteRange: 5,
  txn: 6,
  compaction: 7,
  leaseGrant: 8,
  leaseRevoke: 9,
  alarm: 10,
  leaseCheckpoint: 11,
  clusterVersionSet: 1300,
  clusterMemberAttrSet: 1301,
  downgradeInfoSet: 1302,
} as const;

const idField = 1;
const headerField = 100;
const idTag = tagOf(idField, wireType.varint);
/** Reserved in 3.7; before, a request of the v2 API stood in it. In a v2 request without anything around it, the method does. */
const v2Field = 2;
const headerTag = tagOf(headerField, wireType.bytes);

/** Whose permissions count when the entry is applied; absent while auth is off. */
export interface RequestAuth {
  readonly username: string;
  /** Revision of the auth store. */
  readonly revision: number;
}

/**
 * Appends the entry data for `message[start, end)`, an encoded request that belongs into `field`. The 64-bit request id
 * comes as two unsigned 32-bit numbers. Many parameters, because an object per proposal costs on this path.
 */
export function encodeInternalRaft(
  writer: Writer,
  requestIdHigh: number,
  requestIdLow: number,
  field: number,
  message: Uint8Array,
  start: number,
  end: number,
  auth?: RequestAuth,
): void {
  if (field < headerField) writer.bytesField(field, message, start, end);
  if (auth === undefined) writeIdHeader(writer, requestIdHigh, requestIdLow);
  else writeAuthHeader(writer, requestIdHigh, requestIdLow, auth);
  if (field > headerField) writer.bytesField(field, message, start, end);
}

/** Upper bound of what `encodeInternalRaft` adds to the message's own bytes, without auth. */
export const internalRaftOverheadBytes = 32;

function writeIdHeader(writer: Writer, high: number, low: number): void {
  writer.varint(headerTag);
  if (high === 0 && low === 0) {
    writer.byte(0);
    return;
  }
  writer.byte(1 + halvesSize(high, low));
  writer.byte(idTag);
  writeHalves(writer, high, low);
}

function writeAuthHeader(writer: Writer, high: number, low: number, auth: RequestAuth): void {
  const mark = writer.beginMessage(headerField);
  if (high !== 0 || low !== 0) {
    writer.byte(idTag);
    writeHalves(writer, high, low);
  }
  if (auth.username !== "") writer.bytesField(2, fromText(auth.username));
  writer.numberField(3, auth.revision);
  writer.endMessage(mark);
}

const reader = new Reader(emptyBytes);
const headerReader = new Reader(emptyBytes);
const halves: Uint64Halves = { high: 0, low: 0 };

/** Entry data decoded in place; reused from entry to entry. */
export class InternalRaftView {
  buffer: Uint8Array = emptyBytes;
  /** The request id as unsigned 32-bit halves; both 0 when there is none. */
  idHigh = 0;
  idLow = 0;
  /** Empty without auth. */
  username = "";
  /** Revision of the auth store; 0 without auth. */
  authRevision = 0;
  /** Field number of the request, which stands in buffer[start, end); 0 when the entry holds none. */
  field = 0;
  start = 0;
  end = 0;
  /** The entry is, or holds, a request of the v2 API: `decodeV2Request` reads buffer[entryStart, entryEnd). `field` means nothing then. */
  isV2 = false;
  entryStart = 0;
  entryEnd = 0;

  /** Throws WireError when buffer[start, end) is malformed; the view is then undefined. */
  decode(buffer: Uint8Array, start: number, end: number): void {
    this.buffer = buffer;
    this.idHigh = this.idLow = this.authRevision = 0;
    this.username = "";
    this.field = 0;
    this.isV2 = false;
    this.start = this.end = start;
    this.entryStart = start;
    this.entryEnd = end;
    let oldHigh = 0;
    let oldLow = 0;
    reader.reset(buffer, start, end);
    while (!reader.isDone) {
      const tag = reader.tag();
      if (tag === headerTag) {
        reader.bytes();
        this.decodeHeader(buffer, reader.start, reader.stop);
      } else if (tag === idTag) {
        readHalves(reader, halves);
        oldHigh = halves.high;
        oldLow = halves.low;
      } else if ((tag & 7) === wireType.bytes) {
        reader.bytes();
        this.field = Math.floor(tag / 8);
        this.start = reader.start;
        this.end = reader.stop;
        if (this.field === v2Field) this.isV2 = true;
      } else {
        reader.skip(tag);
      }
    }
    if (oldHigh !== 0 || oldLow !== 0) {
      this.idHigh = oldHigh;
      this.idLow = oldLow;
    }
  }

  private decodeHeader(buffer: Uint8Array, start: number, end: number): void {
    headerReader.reset(buffer, start, end);
    while (!headerReader.isDone) {
      const tag = headerReader.tag();
      switch (tag) {
        case idTag:
          readHalves(headerReader, halves);
          this.idHigh = halves.high;
          this.idLow = halves.low;
          break;
        case 0x12:
          this.username = toText(headerReader.view());
          break;
        case 0x18:
          this.authRevision = headerReader.varint();
          break;
        default:
          headerReader.skip(tag);
      }
    }
  }
}
