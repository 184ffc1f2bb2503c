/** The Lease service (etcd v3rpc/lease.go): grants and revocations go through the log, the rest is asked of the leader. */
import { leaseCost } from "../apply/quota-cost.ts";
import type { StreamCall } from "../grpc/stream-call.ts";
import type { UnaryCall } from "../grpc/unary-call.ts";
import { etcdserverpb } from "../proto/generated/messages.js";
import { internalRequest } from "../proto/internal-raft-codec.ts";
import { encodeLeaseGrant } from "../proto/lease-codec.ts";
import { int64Long, longToBigint, numberLong } from "../proto/long.ts";
import type { Member } from "../server/member.ts";
import { type Admission, demandsLeader } from "./admission.ts";
import { failWith } from "./errors.ts";
import { headerOf } from "./header.ts";
import type { LeaderWatch } from "./leader-watch.ts";
import { LeaseKeepAliveStream } from "./lease-keep-alive.ts";
import { admittedMessage, replyMessage } from "./request-bytes.ts";
import { hasSpace } from "./space.ts";

export interface LeaseServiceOptions {
  readonly member: Member;
  readonly admission: Admission;
  readonly leaderWatch: LeaderWatch;
  /** A 64-bit number that no lease has, as far as luck goes. */
  readonly newId: () => bigint;
}

export class LeaseService {
  private readonly options: LeaseServiceOptions;

  constructor(options: LeaseServiceOptions) {
    this.options = options;
  }

  grant(call: UnaryCall, bytes: Uint8Array): void {
    const request = this.admitted(call, etcdserverpb.LeaseGrantRequest, bytes);
    if (request === undefined) return;
    const { member, newId } = this.options;
    if (!hasSpace(member.quota, call, leaseCost)) return;
    let id = BigInt.asIntN(64, longToBigint(request.ID));
    while (id === 0n) id = BigInt.asUintN(63, newId());
    const ttlSeconds = saturated(longToBigint(request.TTL));
    const message = encodeLeaseGrant({ id, ttlSeconds });
    member.propose(internalRequest.leaseGrant, message, 0, message.length, {
      applied: (result) =>
        replyMessage(call, etcdserverpb.LeaseGrantResponse, {
          header: headerOf(member, member.store.currentRevision),
          ID: int64Long(id),
          TTL: numberLong(result.kind === "leaseGrant" ? result.ttlSeconds : 0),
        }),
      refused: (error) => failWith(call, error),
    });
  }

  revoke(call: UnaryCall, bytes: Uint8Array): void {
    if (this.admitted(call, etcdserverpb.LeaseRevokeRequest, bytes) === undefined) return;
    const { member } = this.options;
    member.propose(internalRequest.leaseRevoke, bytes, 0, bytes.length, {
      applied: () =>
        replyMessage(call, etcdserverpb.LeaseRevokeResponse, {
          header: headerOf(member, member.store.currentRevision),
        }),
      refused: (error) => failWith(call, error),
    });
  }

  timeToLive(call: UnaryCall, bytes: Uint8Array): void {
    const request = this.admitted(call, etcdserverpb.LeaseTimeToLiveRequest, bytes);
    if (request === undefined) return;
    const { member } = this.options;
    const id = BigInt.asIntN(64, longToBigint(request.ID));
    void member.leaseRequests.times(id, request.keys).then((answer) => {
      if (answer.kind === "refused") {
        failWith(call, answer.error);
        return;
      }
      const times =
        answer.kind === "notFound"
          ? { TTL: numberLong(-1) }
          : {
              TTL: int64Long(BigInt(answer.value.remainingSeconds)),
              grantedTTL: numberLong(answer.value.grantedSeconds),
              keys: [...answer.value.keys],
            };
      const header = headerOf(member, member.store.currentRevision);
      replyMessage(call, etcdserverpb.LeaseTimeToLiveResponse, {
        header,
        ID: int64Long(id),
        ...times,
      });
    });
  }

  /** Of the answering member: not linearizable, as on etcd. */
  leases(call: UnaryCall, bytes: Uint8Array): void {
    if (this.admitted(call, etcdserverpb.LeaseLeasesRequest, bytes) === undefined) return;
    const { member } = this.options;
    replyMessage(call, etcdserverpb.LeaseLeasesResponse, {
      header: headerOf(member, member.store.currentRevision),
      leases: member.lessor.all().map(({ id }) => ({ ID: int64Long(id) })),
    });
  }

  keepAlive(call: StreamCall): void {
    const { member, admission, leaderWatch } = this.options;
    const error = admission.refuse(call, false, "stream");
    if (error !== undefined) {
      failWith(call, error);
      return;
    }
    const stream = new LeaseKeepAliveStream(member, call);
    const forget = demandsLeader(call)
      ? leaderWatch.add(() => stream.fail("NoLeader"))
      : () => undefined;
    stream.onEnd = forget;
  }

  private admitted<Request>(
    call: UnaryCall,
    type: { decode(bytes: Uint8Array): Request },
    bytes: Uint8Array,
  ): Request | undefined {
    const { admission } = this.options;
    return admittedMessage(call, admission, { type, bytes, isForLearners: false });
  }
}

function saturated(value: bigint): number {
  const signed = BigInt.asIntN(64, value);
  if (signed > BigInt(Number.MAX_SAFE_INTEGER)) return Number.MAX_SAFE_INTEGER;
  return signed < 0n ? 0 : Number(signed);
}
