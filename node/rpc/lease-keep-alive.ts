/**
 * One LeaseKeepAlive stream (etcd v3rpc/lease.go, leaseKeepAlive). Many renewals may be on their way at once; their answers leave in the
 * order of the requests, each with the revision from before its renewal, so that no client sees a lease alive behind the revision that ended it.
 */
import type { StreamCall } from "../grpc/stream-call.ts";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import { etcdserverpb } from "../proto/generated/messages.js";
import { int64Long, longToBigint, numberLong } from "../proto/long.ts";
import type { Member } from "../server/member.ts";
import { failWith } from "./errors.ts";
import { headerOf } from "./header.ts";
import { decodedMessage } from "./request-bytes.ts";
import { isReceiveFailure } from "./stream-failures.ts";

/** Renewals under way, after which the stream is not read on; it goes on at half of that. */
const pendingMax = 256;

interface Pending {
  readonly id: bigint;
  readonly header: etcdserverpb.ResponseHeader.$Properties;
  /** Seconds; undefined until it is known. */
  ttl: number | undefined;
}

export class LeaseKeepAliveStream {
  onEnd: () => void = () => undefined;
  private readonly member: Member;
  private readonly call: StreamCall;
  private readonly pending: Pending[] = [];
  private isPaused = false;
  /** The client does not take answers as fast as they come. */
  private isFull = false;
  private isHalfClosed = false;
  private isEnded = false;

  constructor(member: Member, call: StreamCall) {
    this.member = member;
    this.call = call;
    call.onCancel((code) => {
      if (isReceiveFailure(code)) member.stats.services.keepAliveReceiveFailures += 1;
      this.end();
    });
    call.onDrain(() => {
      this.isFull = false;
      this.resume();
    });
    call.onHalfClose(() => {
      this.isHalfClosed = true;
      this.finishIfDone();
    });
    call.onMessage((bytes, start, stop) => this.renew(bytes.subarray(start, stop)));
  }

  fail(error: EtcdErrorKind): void {
    if (this.isEnded) return;
    failWith(this.call, error);
    this.end();
  }

  private renew(bytes: Uint8Array): void {
    const { member, call, pending } = this;
    const request = decodedMessage(call, etcdserverpb.LeaseKeepAliveRequest, bytes);
    if (request === undefined) {
      member.stats.services.keepAliveReceiveFailures += 1;
      this.end();
      return;
    }
    const id = BigInt.asIntN(64, longToBigint(request.ID));
    const header = headerOf(member, member.store.currentRevision);
    const renewal: Pending = { id, header, ttl: undefined };
    pending.push(renewal);
    if (pending.length >= pendingMax) this.pause();
    void member.leaseRequests.renew(id).then((reply) => {
      if (reply.kind === "refused") {
        this.fail(reply.error);
        return;
      }
      renewal.ttl = reply.kind === "found" ? reply.value : 0;
      this.answer();
    });
  }

  private answer(): void {
    const { pending, call } = this;
    while (!this.isEnded && pending[0]?.ttl !== undefined) {
      const { id, header, ttl } = pending.shift() as Pending;
      const message = { header, ID: int64Long(id), TTL: numberLong(ttl ?? 0) };
      const bytes = etcdserverpb.LeaseKeepAliveResponse.encode(message).finish();
      if (call.send(bytes, 0, bytes.length) || call.isOver) continue;
      this.isFull = true;
      this.pause();
    }
    this.resume();
    this.finishIfDone();
  }

  private pause(): void {
    this.isPaused = true;
    this.call.pause();
  }

  private resume(): void {
    if (!this.isPaused || this.isFull || this.isEnded || this.pending.length > pendingMax / 2)
      return;
    this.isPaused = false;
    this.call.resume();
  }

  private finishIfDone(): void {
    if (!this.isHalfClosed || this.isEnded || this.pending.length > 0) return;
    this.call.finish();
    this.end();
  }

  private end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.pending.length = 0;
    this.onEnd();
  }
}
