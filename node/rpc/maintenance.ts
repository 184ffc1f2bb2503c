/** The Maintenance service, as far as it is served: Status, Hash, HashKV, and Alarm for asking. */
import type { UnaryCall } from "../grpc/unary-call.ts";
import { serverVersion } from "../lib/etcd-version.ts";
import { etcdserverpb } from "../proto/generated/messages.js";
import { int64Long, type Long, longToBigint, numberLong, uint64Long } from "../proto/long.ts";
import type { Member } from "../server/member.ts";
import { type Hashed, hashKvAt, hashOf } from "../server/store-hash.ts";
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
      storageVersion: member.cluster.storageVersion ?? "",
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
    const hashing = hashOf(member, (store) => store.hash());
    this.whenHashed(call, hashing, (hash) =>
      this.reply(call, etcdserverpb.HashResponse, { header: headerOf(member, revision), hash }),
    );
  }

  hashKv(call: UnaryCall, bytes: Uint8Array): void {
    const request = this.isAdmitted(call, etcdserverpb.HashKVRequest, bytes, false);
    if (request === undefined) return;
    const { member } = this;
    this.whenHashed(call, hashKvAt(member, longToBigint(request.revision)), (hashed) => {
      const { revision, hash, compactRevision, hashRevision } = hashed;
      this.reply(call, etcdserverpb.HashKVResponse, {
        header: headerOf(member, revision),
        hash,
        compactRevision: numberLong(compactRevision),
        hashRevision: int64Long(hashRevision),
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

  private whenHashed<Result>(
    call: UnaryCall,
    hashing: Promise<Hashed<Result>>,
    answer: (result: Result) => void,
  ): void {
    const failed = (error: unknown): void => this.member.failed(error);
    hashing
      .then((hashed) => {
        if (hashed.kind === "ok") answer(hashed.result);
        else failWith(call, hashed.error);
      })
      .catch(failed);
  }

  private quota(): number {
    const { quotaBytes, quotaBackendBytes = -1 } = this.options;
    return Number.isFinite(quotaBytes) ? quotaBytes : quotaBackendBytes;
  }
}
