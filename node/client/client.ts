/** The client library: etcd's calls as methods that take and give plain objects. Errors are ClientErrors. */
import { etcdserverpb } from "../proto/generated/messages.js";
import { numberLong } from "../proto/long.ts";
import {
  type Alarms,
  alarmsResult,
  type HashKv,
  hashKvResult,
  type MemberList,
  memberListResult,
  type Status,
  statusResult,
} from "./cluster-results.ts";
import { type CallOptions, Connection, type ConnectionOptions, type Method } from "./connection.ts";
import { deleteRequest, putRequest, rangeRequest, txnRequest } from "./kv-requests.ts";
import { deleteResult, putResult, rangeResult, txnResult } from "./kv-results.ts";
import type {
  Bytes,
  DeleteOptions,
  DeleteResult,
  KeyValue,
  PutOptions,
  PutResult,
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
const status = method("Maintenance/Status", true, pb.StatusRequest, pb.StatusResponse);
const alarm = method("Maintenance/Alarm", true, pb.AlarmRequest, pb.AlarmResponse);
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
