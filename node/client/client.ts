/** The client library: etcd's calls as methods that take and give plain objects. Errors are ClientErrors. */
import { etcdserverpb } from "../proto/generated/messages.js";
import { int64Long, uint64Long } from "../proto/long.ts";
import {
  type Alarm,
  type Alarms,
  alarmsResult,
  alarmType,
  type Hash,
  type HashKv,
  hashKvResult,
  hashResult,
  type MemberAdd,
  type MemberList,
  memberAddResult,
  memberListResult,
  type Status,
  statusResult,
} from "./cluster-results.ts";
import { type CallOptions, Connection, type ConnectionOptions } from "./connection.ts";
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
import {
  grantResult,
  keepAliveOnce,
  type LeaseGrant,
  LeaseKeepAlive,
  type LeaseRenewal,
  type Leases,
  type LeaseTimes,
  leasesResult,
  timesResult,
} from "./lease.ts";
import { leaseGrant, leaseLeases, leaseRevoke, leaseTimeToLive, method } from "./methods.ts";
import type { TlsOptions } from "./tls-credentials.ts";
import { Watch } from "./watch.ts";
import type { WatchOptions } from "./watch-types.ts";

const pb = etcdserverpb;
const range = method("KV/Range", true, pb.RangeRequest, pb.RangeResponse);
const put = method("KV/Put", false, pb.PutRequest, pb.PutResponse);
const deleteRange = method("KV/DeleteRange", false, pb.DeleteRangeRequest, pb.DeleteRangeResponse);
const txn = method("KV/Txn", false, pb.TxnRequest, pb.TxnResponse);
const compact = method("KV/Compact", false, pb.CompactionRequest, pb.CompactionResponse);
const rangeStream = method("KV/RangeStream", false, pb.RangeRequest, pb.RangeStreamResponse);
const status = method("Maintenance/Status", true, pb.StatusRequest, pb.StatusResponse);
const alarm = method("Maintenance/Alarm", true, pb.AlarmRequest, pb.AlarmResponse);
const defragment = method(
  "Maintenance/Defragment",
  false,
  pb.DefragmentRequest,
  pb.DefragmentResponse,
);
const hash = method("Maintenance/Hash", true, pb.HashRequest, pb.HashResponse);
const hashKv = method("Maintenance/HashKV", true, pb.HashKVRequest, pb.HashKVResponse);
const memberList = method("Cluster/MemberList", true, pb.MemberListRequest, pb.MemberListResponse);
const memberAdd = method("Cluster/MemberAdd", false, pb.MemberAddRequest, pb.MemberAddResponse);
const memberRemove = method(
  "Cluster/MemberRemove",
  false,
  pb.MemberRemoveRequest,
  pb.MemberRemoveResponse,
);
const memberUpdate = method(
  "Cluster/MemberUpdate",
  false,
  pb.MemberUpdateRequest,
  pb.MemberUpdateResponse,
);
const memberPromote = method(
  "Cluster/MemberPromote",
  false,
  pb.MemberPromoteRequest,
  pb.MemberPromoteResponse,
);
const moveLeader = method(
  "Maintenance/MoveLeader",
  false,
  pb.MoveLeaderRequest,
  pb.MoveLeaderResponse,
);

export class Client {
  private readonly connection: Connection;

  constructor(options: ConnectionOptions) {
    this.connection = new Connection(options);
  }

  /**
   * Waits until one endpoint has a connection, and sends the next calls there: a write then meets no endpoint that was never reached.
   * Rejects with DeadlineExceeded.
   */
  connect(options: { readonly deadlineMs: number }): Promise<void> {
    return this.connection.connect(options.deadlineMs);
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
    revision: number | bigint,
    options: { readonly physical?: boolean } & CallOptions = {},
  ): Promise<Header> {
    const { physical = false } = options;
    const deadline = physical ? { deadlineMs: 0 } : {};
    const request = { revision: int64Long(BigInt(revision)), physical };
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

  /** The new member joins as a learner or as a voter; it is given an id and no name. */
  async memberAdd(
    peerUrls: readonly string[],
    options: { readonly isLearner?: boolean } & CallOptions = {},
  ): Promise<MemberAdd> {
    const request = { peerURLs: [...peerUrls], isLearner: options.isLearner ?? false };
    return memberAddResult(await this.connection.call(memberAdd, request, options));
  }

  /** Gives those who remain. */
  async memberRemove(id: bigint, options: CallOptions = {}): Promise<MemberList> {
    const request = { ID: uint64Long(id) };
    return memberListResult(await this.connection.call(memberRemove, request, options));
  }

  async memberUpdate(
    id: bigint,
    peerUrls: readonly string[],
    options: CallOptions = {},
  ): Promise<MemberList> {
    const request = { ID: uint64Long(id), peerURLs: [...peerUrls] };
    return memberListResult(await this.connection.call(memberUpdate, request, options));
  }

  /** Makes a learner a voter. */
  async memberPromote(id: bigint, options: CallOptions = {}): Promise<MemberList> {
    const request = { ID: uint64Long(id) };
    return memberListResult(await this.connection.call(memberPromote, request, options));
  }

  /** Only the leader does it: name its endpoint. */
  async moveLeader(targetId: bigint, options: CallOptions = {}): Promise<Header> {
    const request = { targetID: uint64Long(targetId) };
    return header((await this.connection.call(moveLeader, request, options)).header);
  }

  /**
   * Has the answering member give back the room that compaction has freed on its disk, however long that takes: name `endpoint` to ask a certain
   * one. Other calls go on meanwhile, on etcd-ts.
   */
  async defragment(options: CallOptions = {}): Promise<void> {
    await this.connection.call(defragment, {}, { deadlineMs: 0, ...options });
  }

  /** Raises an alarm in the name of a member; gives it. */
  async raiseAlarm({ memberId, type }: Alarm, options: CallOptions = {}): Promise<Alarms> {
    const request = {
      action: pb.AlarmRequest.AlarmAction.ACTIVATE,
      memberID: uint64Long(memberId),
      alarm: alarmType(type),
    };
    return alarmsResult(await this.connection.call(alarm, request, options));
  }

  /** Takes one alarm back; gives it if it was raised. */
  async disarmAlarm({ memberId, type }: Alarm, options: CallOptions = {}): Promise<Alarms> {
    const request = {
      action: pb.AlarmRequest.AlarmAction.DEACTIVATE,
      memberID: uint64Long(memberId),
      alarm: alarmType(type),
    };
    return alarmsResult(await this.connection.call(alarm, request, options));
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
  async hashKv(
    options: { readonly revision?: number | bigint } & CallOptions = {},
  ): Promise<HashKv> {
    const request = { revision: int64Long(BigInt(options.revision ?? 0)) };
    return hashKvResult(await this.connection.call(hashKv, request, options));
  }

  /** Begins at once; the responses are read from what this gives. */
  watch(key: Bytes, options: WatchOptions = {}): Watch {
    return new Watch(this.connection, key, options);
  }

  /** `id` 0n leaves the choice to the server. */
  async leaseGrant(
    ttlSeconds: number,
    options: { readonly id?: bigint } & CallOptions = {},
  ): Promise<LeaseGrant> {
    const request = { TTL: int64Long(BigInt(ttlSeconds)), ID: int64Long(options.id ?? 0n) };
    return grantResult(await this.connection.call(leaseGrant, request, options));
  }

  /** Deletes its keys. */
  async leaseRevoke(id: bigint, options: CallOptions = {}): Promise<Header> {
    const request = { ID: int64Long(id) };
    return header((await this.connection.call(leaseRevoke, request, options)).header);
  }

  async leaseTimeToLive(
    id: bigint,
    options: { readonly keys?: boolean } & CallOptions = {},
  ): Promise<LeaseTimes> {
    const request = { ID: int64Long(id), keys: options.keys ?? false };
    return timesResult(await this.connection.call(leaseTimeToLive, request, options));
  }

  async leases(options: CallOptions = {}): Promise<Leases> {
    return leasesResult(await this.connection.call(leaseLeases, {}, options));
  }

  /** Renews the lease once. Rejects with NotFound when there is none; without a signal it asks for as long as nobody answers. */
  leaseKeepAliveOnce(
    id: bigint,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<LeaseRenewal> {
    return keepAliveOnce(this.connection, id, options.signal ?? new AbortController().signal);
  }

  /** Renews the lease until `stop`. */
  leaseKeepAlive(id: bigint): LeaseKeepAlive {
    return new LeaseKeepAlive(this.connection, id);
  }

  /** Why the last TLS connection to one of the endpoints could not be used; undefined when all that is known is good. */
  get lastFailure(): string | undefined {
    return this.connection.lastFailure;
  }

  /** Other certificates, for connections from now on; calls under way go on. Throws, and keeps the old ones, when these are bad. */
  renewTls(tls: TlsOptions): void {
    this.connection.renewTls(tls);
  }

  /** Calls that are under way end with Cancelled or Unavailable. */
  close(): void {
    this.connection.close();
  }
}
