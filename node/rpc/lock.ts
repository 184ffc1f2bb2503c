/** The Lock service (etcd server/etcdserver/api/v3lock/lock.go). */
import { lock, unlock } from "../concurrency/mutex.ts";
import type { StreamCall } from "../grpc/stream-call.ts";
import { v3lockpb } from "../proto/generated/messages.js";
import { longToBigint } from "../proto/long.ts";
import type { Admission } from "./admission.ts";
import { serveWaiting } from "./lock-calls.ts";
import type { MemberKeySpace } from "./lock-key-space.ts";

const lockCodec = { request: v3lockpb.LockRequest, response: v3lockpb.LockResponse };
const unlockCodec = { request: v3lockpb.UnlockRequest, response: v3lockpb.UnlockResponse };

export class LockService {
  private readonly keys: MemberKeySpace;
  private readonly admission: Admission;

  constructor(keys: MemberKeySpace, admission: Admission) {
    this.keys = keys;
    this.admission = admission;
  }

  lock(call: StreamCall): void {
    const { keys, admission } = this;
    serveWaiting(call, admission, lockCodec, async ({ name, lease }, signal) =>
      lock(keys, { name, lease: await keys.leaseOf(longToBigint(lease)), signal }),
    );
  }

  unlock(call: StreamCall): void {
    const { keys, admission } = this;
    serveWaiting(call, admission, unlockCodec, async ({ key }) => ({
      header: await unlock(keys, key),
    }));
  }
}
