/**
 * etcdserverpb.ResponseHeader, which stands as field 1 in every answer. The two ids never change while a member runs,
 * so their bytes are made once.
 */
import { tagOf, varintSize, Writer, wireType } from "./wire.ts";

/** Number of the header field in every response message. */
const headerField = 1;
const headerTag = tagOf(headerField, wireType.bytes);

export interface ResponseHeader {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  /** Of the key space; 0 in the Cluster service's answers. */
  readonly revision: number;
  readonly raftTerm: number;
}

/** One per member. */
export class ResponseHeaderTemplate {
  private readonly ids: Uint8Array;

  constructor(ids: { readonly clusterId: bigint; readonly memberId: bigint }) {
    const writer = new Writer(32);
    writer.bigintField(1, ids.clusterId);
    writer.bigintField(2, ids.memberId);
    this.ids = writer.finish();
  }

  /** Appends the header field. It is below 128 bytes, so its length takes one. */
  write(writer: Writer, revision: number, raftTerm: number): void {
    const { ids } = this;
    let length = ids.length;
    if (revision !== 0) length += 1 + varintSize(revision);
    if (raftTerm !== 0) length += 1 + varintSize(raftTerm);
    writer.reserve(2);
    writer.buffer[writer.position++] = headerTag;
    writer.buffer[writer.position++] = length;
    writer.raw(ids, 0, ids.length);
    writer.numberField(3, revision);
    writer.numberField(4, raftTerm);
  }
}

/** Appends the header field of a message that is written rarely. */
export function writeResponseHeader(writer: Writer, header: ResponseHeader): void {
  new ResponseHeaderTemplate(header).write(writer, header.revision, header.raftTerm);
}

const noIds = new ResponseHeaderTemplate({ clusterId: 0n, memberId: 0n });

/** The header of an answer inside a transaction's answer: the revision and nothing else. */
export function writeRevisionHeader(writer: Writer, revision: number): void {
  noIds.write(writer, revision, 0);
}
