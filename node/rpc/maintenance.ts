/** The Maintenance service, as far as it is served: Status, Hash, HashKV, and Alarm for asking. */
import type { UnaryCall } from "../grpc/unary-call.ts";
import type { HashKvOutcome } from "../mvcc/kv-hash.ts";
import type { KvStore } from "../mvcc/kv-store.ts";
import { etcdserverpb } from "../proto/generated/messages.js";
import { int64Long, type Long, longToBigint, numberLong, uint64Long } from "../proto/long.ts";
import type { Member } from "../server/member.ts";
import { serverVersion, storageVersion } from "../server/version.ts";
import type { Admission } from "./admission.ts";
import { failWith, grpcCode, statusOf } from "./errors.ts";
import { headerOf } from "./header.ts";
import { decodedMessage } from "./request-bytes.ts";

export interface MaintenanceOptions {
  readonly member: Member;
  readonly admission: Admission;
  /** Stored bytes at which writes are refused; Infinity for no limit. */
  readonly quotaBytes: number;
  /** The same as it was configured; -1 stands for no limit when not given. */
  readonly quotaBackendBytes?: number;
}

/** A backend of etcd's is never empty, and etcdctl divides by its size. */
const sizeBytesMin = 4096;

const sizeOf = (bytes: number): Long => numberLong(Math.max(bytes, sizeBytesMin));

export class MaintenanceService {
  private readonly options: MaintenanceOptions;
  private readonly member: Member;

  constructor(options: MaintenanceOptions) {
    this.options = options;
    this.member = options.member;
  }

  status(call: UnaryCall, bytes: Uint8Array): void {
    const { member } = this;
    const { raft, store } = member;
    if (!this.isAdmitted(call, etcdserverpb.StatusRequest, bytes, true)) return;
    this.reply(call, etcdserverpb.StatusResponse, {
      header: headerOf(member, store.currentRevision),
      version: serverVersion,
      dbSize: sizeOf(store.logicalBytes + store.freedBytes),
      dbSizeInUse: sizeOf(store.logicalBytes),
      leader: uint64Long(raft.lead),
      raftIndex: numberLong(raft.committed),
      raftTerm: numberLong(raft.term),
      raftAppliedIndex: numberLong(raft.applied),
      errors: member.hasLeader ? [] : [statusOf.NoLeader.text],
      isLearner: member.isLearner,
      storageVersion,
      dbSizeQuota: numberLong(this.quota()),
      downgradeInfo: {},
    });
  }

  /** No request that this member serves can raise an alarm, so the list is empty; raising and disarming are not served. */
  alarm(call: UnaryCall, bytes: Uint8Array): void {
    const request = this.isAdmitted(call, etcdserverpb.AlarmRequest, bytes, false);
    if (request === undefined) return;
    if (request.action !== etcdserverpb.AlarmRequest.AlarmAction.GET) {
      const text = "etcd-ts: alarms can only be listed in this version";
      call.fail(grpcCode.unimplemented, text);
      return;
    }
    const header = headerOf(this.member, this.member.store.currentRevision);
    this.reply(call, etcdserverpb.AlarmResponse, { header });
  }

  /** Over all of the backend; for tests of etcd's kind, as it moves with every entry. */
  hash(call: UnaryCall, bytes: Uint8Array): void {
    if (!this.isAdmitted(call, etcdserverpb.HashRequest, bytes, false)) return;
    const { member } = this;
    const revision = member.store.currentRevision;
    this.whenHashed(
      call,
      (store) => store.hash(),
      (hash) =>
        this.reply(call, etcdserverpb.HashResponse, { header: headerOf(member, revision), hash }),
    );
  }

  hashKv(call: UnaryCall, bytes: Uint8Array): void {
    const request = this.isAdmitted(call, etcdserverpb.HashKVRequest, bytes, false);
    if (request === undefined) return;
    const { member } = this;
    const asked = longToBigint(request.revision);
    const hashKv = (store: KvStore): Promise<HashKvOutcome> => store.hashKv(saturated(asked));
    this.whenHashed(call, hashKv, (result) => {
      if (result.kind !== "ok") {
        failWith(call, result.kind === "compacted" ? "Compacted" : "FutureRev");
        return;
      }
      const { revision, hash, compactRevision, hashRevision } = result;
      this.reply(call, etcdserverpb.HashKVResponse, {
        header: headerOf(member, revision),
        hash,
        compactRevision: numberLong(compactRevision),
        // A negative one, at which nothing was, is given back as it came.
        hashRevision: asked < 0n ? int64Long(asked) : numberLong(hashRevision),
      });
    });
  }

  /** The request, if it is one and this member may answer it; undefined when the call is answered. */
  private isAdmitted<Request>(
    call: UnaryCall,
    type: { decode(bytes: Uint8Array): Request },
    bytes: Uint8Array,
    isForLearners: boolean,
  ): Request | undefined {
    const request = decodedMessage(call, type, bytes);
    if (request === undefined) return undefined;
    const error = this.options.admission.refuse(call, isForLearners);
    if (error === undefined) return request;
    failWith(call, error);
    return undefined;
  }

  private reply<Response>(
    call: UnaryCall,
    type: { encode(response: Response): { finish(): Uint8Array } },
    response: Response,
  ): void {
    const bytes = type.encode(response).finish();
    call.reply(bytes, 0, bytes.length);
  }

  /** Corruption that hashing has met ends the member, as every other that a read meets. A store that was replaced meanwhile is no matter. */
  private whenHashed<Result>(
    call: UnaryCall,
    hash: (store: KvStore) => Promise<Result>,
    answer: (result: Result) => void,
  ): void {
    const { member } = this;
    const { store } = member;
    if (member.isInstalling) {
      failWith(call, "LeaderChanged");
      return;
    }
    hash(store).then(answer, (error: unknown) => {
      const isReplaced = member.isInstalling || member.store !== store;
      failWith(call, isReplaced ? "LeaderChanged" : "Stopped");
      if (!isReplaced) member.failed(error);
    });
  }

  private quota(): number {
    const { quotaBytes, quotaBackendBytes = -1 } = this.options;
    return Number.isFinite(quotaBytes) ? quotaBytes : quotaBackendBytes;
  }
}

/** A revision that large is a future one; nothing is at one below 0. */
function saturated(revision: bigint): number {
  if (revision < 0n) return -1;
  return revision > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(revision);
}
