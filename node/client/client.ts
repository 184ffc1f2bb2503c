/** The client library: etcd's calls as methods that take and give plain objects. Errors are ClientErrors. */
import { etcdserverpb } from "../proto/generated/messages.js";
import { numberLong } from "../proto/long.ts";
import {
  type Alarms,
  alarmsResult,
  type Hash,
  type HashKv,
  hashKvResult,
  hashResult,
  type MemberList,
  memberListResult,
  type Status,
  statusResult,
} from "./cluster-results.ts";
import { type CallOptions, Connection, type ConnectionOptions, type Method } from "./connection.ts";
import { deleteRequest, putRequest, rangeRequest, txnRequest } from "./kv-requests.ts";
import {
  deleteResult,
  header,
  putResult,
  rangeChunk,
  rangeResult,
  txnResult,
} from "./kv-results.ts";
import type {
  Bytes,
  DeleteOptions,
  DeleteResult,
  Header,
  KeyValue,
  PutOptions,
  PutResult,
  RangeChunk,
  RangeOptions,
  RangeResult,
  TxnRequest,
  TxnResult,
} from "./kv-types.ts";

function method<Request, Response>(
  path: string,
  isRepeatable: boolean,
  request: { encode(message: Request): { finish(): Uint8Array } },
  response: { decode(bytes: Uint8Array): Response },
): Method<Request, Response> {
  return {
    path: `/etcdserverpb.${path}`,
    isRepeatable,
    encode: (message) => request.encode(message).finish(),
    decode: (bytes) => response.decode(bytes),
  };
}

const pb = etcdserverpb;
const range = method("KV/Range", true, pb.RangeRequest, pb.RangeResponse);
const put = method("KV/Put", false, pb.PutRequest, pb.PutResponse);
const deleteRange = method("KV/DeleteRange", false, pb.DeleteRangeRequest, pb.DeleteRangeResponse);
const txn = method("KV/Txn", false, pb.TxnRequest, pb.TxnResponse);
const compact = method("KV/Compact", false, pb.CompactionRequest, pb.CompactionResponse);
const rangeStream = method("KV/RangeStream", false, pb.RangeRequest, pb.RangeStreamResponse);
const status = method("Maintenance/Status", true, pb.StatusRequest, pb.StatusResponse);
const alarm = method("Maintenance/Alarm", true, pb.AlarmRequest, pb.AlarmResponse);
const hash = method("Maintenance/Hash", true, pb.HashRequest, pb.HashResponse);
const hashKv = method("Maintenance/HashKV", true, pb.HashKVRequest, pb.HashKVResponse);
const memberList = method("Cluster/MemberList", true, pb.MemberListRequest, pb.MemberListResponse);

export class Client {
  private readonly connection: Connection;

  constructor(options: ConnectionOptions) {
    this.connection = new Connection(options);
  }

  async put(key: Bytes, value: Bytes, options: PutOptions & CallOptions = {}): Promise<PutResult> {
    return putResult(await this.connection.call(put, putRequest(key, value, options), options));
  }

  /** The key's newest value, or the one at `revision`; undefined when there is none. */
  async get(
    key: Bytes,
    options: Pick<RangeOptions, "revision" | "serializable"> & CallOptions = {},
  ): Promise<KeyValue | undefined> {
    return (await this.range(key, options)).kvs[0];
  }

  async range(key: Bytes, options: RangeOptions & CallOptions = {}): Promise<RangeResult> {
    return rangeResult(await this.connection.call(range, rangeRequest(key, options), options));
  }

  async delete(key: Bytes, options: DeleteOptions & CallOptions = {}): Promise<DeleteResult> {
    return deleteResult(
      await this.connection.call(deleteRange, deleteRequest(key, options), options),
    );
  }

  async txn(request: TxnRequest, options: CallOptions = {}): Promise<TxnResult> {
    return txnResult(await this.connection.call(txn, txnRequest(request), options));
  }

  /**
   * Gives up all revisions below `revision`. With `physical` the answer comes only when they are gone from the answering member's disk,
   * however long that takes.
   */
  async compact(
    revision: number,
    options: { readonly physical?: boolean } & CallOptions = {},
  ): Promise<Header> {
    const { physical = false } = options;
    const deadline = physical ? { deadlineMs: 0 } : {};
    const request = { revision: numberLong(revision), physical };
    const response = await this.connection.call(compact, request, { ...deadline, ...options });
    return header(response.header);
  }

  /** A range in chunks, all of one revision: for answers that are too large for one message. Without a deadline of its own. */
  async *rangeStream(
    key: Bytes,
    options: Omit<RangeOptions, "sortTarget"> & CallOptions = {},
  ): AsyncGenerator<RangeChunk, void, undefined> {
    const request = rangeRequest(key, options);
    for await (const response of this.connection.stream(rangeStream, request, options)) {
      yield rangeChunk(response.rangeResponse ?? {});
    }
  }

  /** Of the member that answers: name `endpoint` to ask a certain one. */
  async status(options: CallOptions = {}): Promise<Status> {
    return statusResult(await this.connection.call(status, {}, options));
  }

  async memberList(
    options: { readonly linearizable?: boolean } & CallOptions = {},
  ): Promise<MemberList> {
    const request = { linearizable: options.linearizable ?? true };
    return memberListResult(await this.connection.call(memberList, request, options));
  }

  /** All alarms that are raised, of all members. */
  async alarms(options: CallOptions = {}): Promise<Alarms> {
    return alarmsResult(await this.connection.call(alarm, {}, options));
  }

  /** The hash of all that the answering member's backend holds: it moves with every entry, and is for tests. */
  async hash(options: CallOptions = {}): Promise<Hash> {
    return hashResult(await this.connection.call(hash, {}, options));
  }

  /** The hash of the answering member's history up to `revision`; 0 for all of it. */
  async hashKv(options: { readonly revision?: number } & CallOptions = {}): Promise<HashKv> {
    const request = { revision: numberLong(options.revision ?? 0) };
    return hashKvResult(await this.connection.call(hashKv, request, options));
  }

  /** Calls that are under way end with Cancelled or Unavailable. */
  close(): void {
    this.connection.close();
  }
}
