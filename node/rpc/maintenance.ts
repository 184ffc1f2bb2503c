/** The Maintenance service, as far as it is served: Status, Alarm, Defragment, Hash, HashKV. */
import type { UnaryCall } from "../grpc/unary-call.ts";
import { serverVersion } from "../lib/etcd-version.ts";
import { type AlarmMember, alarmType } from "../proto/alarm-codec.ts";
import { etcdserverpb } from "../proto/generated/messages.js";
import { internalRequest } from "../proto/internal-raft-codec.ts";
import { int64Long, type Long, longToBigint, numberLong, uint64Long } from "../proto/long.ts";
import type { Member } from "../server/member.ts";
import { type Hashed, hashKvAt, hashOf } from "../server/store-hash.ts";
import type { Admission } from "./admission.ts";
import { failWith, statusOf } from "./errors.ts";
import { headerOf } from "./header.ts";
import { admittedMessage, replyMessage } from "./request-bytes.ts";

/** A backend of etcd's is never empty, and etcdctl divides by its size. */
const sizeBytesMin = 4096;

const sizeOf = (bytes: number): Long => numberLong(Math.max(bytes, sizeBytesMin));

const alarmNames: readonly string[] = ["NONE", "NOSPACE", "CORRUPT"];

/** As Go prints the message. */
const alarmText = ({ memberId, alarm }: AlarmMember): string =>
  `memberID:${memberId} alarm:${alarmNames[alarm] ?? alarm}`;

/** Who is told of defragmentations that clients ask for: the health service. */
export interface DefragmentationListener {
  defragStarted(): void;
  defragFinished(): void;
}

export class MaintenanceService {
  private readonly member: Member;
  private readonly admission: Admission;
  private readonly health: DefragmentationListener | undefined;

  constructor(member: Member, admission: Admission, health?: DefragmentationListener) {
    this.member = member;
    this.admission = admission;
    this.health = health;
  }

  status(call: UnaryCall, bytes: Uint8Array): void {
    const { member } = this;
    const { raft, store } = member;
    if (!this.isAdmitted(call, etcdserverpb.StatusRequest, bytes, true)) return;
    replyMessage(call, etcdserverpb.StatusResponse, {
      header: headerOf(member, store.currentRevision),
      version: serverVersion,
      dbSize: sizeOf(store.logicalBytes + store.freedBytes),
      dbSizeInUse: sizeOf(store.logicalBytes),
      leader: uint64Long(raft.lead),
      raftIndex: numberLong(raft.committed),
      raftTerm: numberLong(raft.term),
      raftAppliedIndex: numberLong(raft.applied),
      errors: [
        ...(member.hasLeader ? [] : [statusOf.NoLeader.text]),
        ...member.alarms.list(alarmType.none).map(alarmText),
      ],
      isLearner: member.isLearner,
      storageVersion: member.cluster.storageVersion ?? "",
      dbSizeQuota: numberLong(member.quota.shownBytes),
      downgradeInfo: {},
    });
  }

  /** Also a list is an entry of the log, as on etcd: it is as new as the request. */
  alarm(call: UnaryCall, bytes: Uint8Array): void {
    const request = this.isAdmitted(call, etcdserverpb.AlarmRequest, bytes, false);
    if (request === undefined) return;
    const { member } = this;
    member.propose(internalRequest.alarm, bytes, 0, bytes.length, {
      applied: (result) => {
        const alarms = result.kind === "alarms" ? result.alarms : [];
        replyMessage(call, etcdserverpb.AlarmResponse, {
          header: headerOf(member, member.store.currentRevision),
          alarms: alarms.map(({ memberId, alarm }) => ({ memberID: uint64Long(memberId), alarm })),
        });
      },
      refused: (error) => failWith(call, error),
    });
  }

  /** Answers when the disk of this member has its room back; everybody else goes on meanwhile. The answer has no header, as on etcd. */
  defragment(call: UnaryCall, bytes: Uint8Array): void {
    if (!this.isAdmitted(call, etcdserverpb.DefragmentRequest, bytes, false)) return;
    const { logger, defragmentation } = this.member;
    logger.info("starting defragment");
    this.health?.defragStarted();
    const running = defragmentation.run().finally(() => this.health?.defragFinished());
    running.then(
      () => {
        logger.info("finished defragment");
        replyMessage(call, etcdserverpb.DefragmentResponse, {});
      },
      (error: unknown) => {
        logger.warn("failed to defragment", { error });
        failWith(call, this.member.isRunning ? "DefragmentFailed" : "Stopped");
      },
    );
  }

  /** Over all of the backend; for tests of etcd's kind, as it moves with every entry. */
  hash(call: UnaryCall, bytes: Uint8Array): void {
    if (!this.isAdmitted(call, etcdserverpb.HashRequest, bytes, false)) return;
    const { member } = this;
    const revision = member.store.currentRevision;
    const hashing = hashOf(member, (store) => store.hash());
    this.whenHashed(call, hashing, (hash) =>
      replyMessage(call, etcdserverpb.HashResponse, { header: headerOf(member, revision), hash }),
    );
  }

  hashKv(call: UnaryCall, bytes: Uint8Array): void {
    const request = this.isAdmitted(call, etcdserverpb.HashKVRequest, bytes, false);
    if (request === undefined) return;
    const { member } = this;
    this.whenHashed(call, hashKvAt(member, longToBigint(request.revision)), (hashed) => {
      const { revision, hash, compactRevision, hashRevision } = hashed;
      replyMessage(call, etcdserverpb.HashKVResponse, {
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
    return admittedMessage(call, this.admission, { type, bytes, isForLearners });
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
}
