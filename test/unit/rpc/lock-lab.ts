/** A member in a simulated world with its Lock and Election services. */
import assert from "node:assert/strict";
import type { StreamHandler } from "../../../node/grpc/stream-call.ts";
import type { GrpcTransport } from "../../../node/grpc/transport.ts";
import { toText } from "../../../node/lib/bytes.ts";
import { etcdserverpb, v3electionpb, v3lockpb } from "../../../node/proto/generated/messages.js";
import { internalRequest } from "../../../node/proto/internal-raft-codec.ts";
import { encodeLeaseGrant, encodeLeaseRevoke } from "../../../node/proto/lease-codec.ts";
import { int64Long } from "../../../node/proto/long.ts";
import { LeaderWatch } from "../../../node/rpc/leader-watch.ts";
import { LeaseService } from "../../../node/rpc/lease.ts";
import { MemberKeySpace } from "../../../node/rpc/lock-key-space.ts";
import { registerLockServices } from "../../../node/rpc/lock-services.ts";
import type { Member } from "../../../node/server/member.ts";
import type { MemberConfig } from "../../../node/server/member-options.ts";
import { RecordedCall, RecordedStream } from "./recorded-call.ts";
import { RpcLab } from "./rpc-lab.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);

/** Nobody waits for the answer. */
const nobody = { applied: () => undefined, refused: () => undefined };

/** Knows how many streams would be ended for want of a leader. */
class CountingLeaderWatch extends LeaderWatch {
  count = 0;

  override add(lost: () => void): () => void {
    this.count += 1;
    const forget = super.add(lost);
    return () => {
      this.count -= 1;
      forget();
    };
  }
}

export class LockLab {
  readonly lab: RpcLab;
  readonly keys: MemberKeySpace;
  readonly leaderWatch: CountingLeaderWatch;
  hasLeader = true;
  private readonly handlers = new Map<string, StreamHandler>();

  private constructor(lab: RpcLab) {
    this.lab = lab;
    const { member, admission, kv } = lab;
    const leaderWatch = new CountingLeaderWatch({
      timers: member.timers,
      electionTimeoutMs: member.electionTimeoutMs,
      hasLeader: () => this.hasLeader,
    });
    this.leaderWatch = leaderWatch;
    const newId = (): bigint => member.newRequestId();
    const lease = new LeaseService({ member, admission, leaderWatch, newId });
    const transport: Pick<GrpcTransport, "addStream"> = {
      addStream: (path, _kind, handler) => void this.handlers.set(path, handler),
    };
    registerLockServices(transport as GrpcTransport, { member, admission, leaderWatch, kv, lease });
    this.keys = new MemberKeySpace({ member, kv, lease });
  }

  /** With leases 1 to `leases`. */
  static async open(leases: number, config: Partial<MemberConfig> = {}): Promise<LockLab> {
    const lab = new LockLab(await RpcLab.open({ config }));
    for (let id = 1; id <= leases; id++) {
      const grant = encodeLeaseGrant({ id: BigInt(id), ttlSeconds: 600 });
      lab.member.propose(internalRequest.leaseGrant, grant, 0, grant.length, nobody);
    }
    await lab.pass();
    return lab;
  }

  get member(): Member {
    return this.lab.member;
  }

  pass(ms = 200): Promise<void> {
    return this.lab.world.pass(ms);
  }

  async revoke(lease: bigint): Promise<void> {
    await this.lab.world.propose(
      this.member,
      internalRequest.leaseRevoke,
      encodeLeaseRevoke(lease),
    );
    await this.pass();
  }

  begin(path: string, message: Uint8Array, call = new RecordedStream()): RecordedStream {
    const handler = this.handlers.get(path);
    assert(handler !== undefined, path);
    handler(call);
    call.deliver(message);
    return call;
  }

  lock(name: string, lease: bigint): RecordedStream {
    const message = v3lockpb.LockRequest.encode({ name: bytes(name), lease: int64Long(lease) });
    return this.begin("/v3lockpb.Lock/Lock", message.finish());
  }

  unlock(key: string): RecordedStream {
    const message = v3lockpb.UnlockRequest.encode({ key: bytes(key) });
    return this.begin("/v3lockpb.Lock/Unlock", message.finish());
  }

  campaign(name: string, lease: bigint, value: string): RecordedStream {
    const message = v3electionpb.CampaignRequest.encode({
      name: bytes(name),
      lease: int64Long(lease),
      value: bytes(value),
    });
    return this.begin("/v3electionpb.Election/Campaign", message.finish());
  }

  observe(name: string, call = new RecordedStream()): RecordedStream {
    const message = v3electionpb.LeaderRequest.encode({ name: bytes(name) });
    return this.begin("/v3electionpb.Election/Observe", message.finish(), call);
  }

  /** On its way when this returns. */
  put(key: string, value: string): void {
    const message = etcdserverpb.PutRequest.encode({ key: bytes(key), value: bytes(value) });
    this.lab.begin(new RecordedCall(), "put", message.finish());
  }

  /** Keys with this prefix, in order. */
  async keysBelow(prefix: string): Promise<string[]> {
    const rangeEnd = `${prefix.slice(0, -1)}${String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)}`;
    const message = etcdserverpb.RangeRequest.encode({
      key: bytes(prefix),
      rangeEnd: bytes(rangeEnd),
    });
    const reply = await this.lab.reply("range", message.finish());
    return etcdserverpb.RangeResponse.decode(reply).kvs.map(({ key }) => toText(key as Uint8Array));
  }
}

/** The key that an answered Lock holds. */
export function lockedKey(call: RecordedStream): string {
  assert.equal(call.end, "finished");
  assert.equal(call.sent.length, 1);
  return toText(v3lockpb.LockResponse.decode(call.sent[0] as Uint8Array).key);
}

/** What an observer was told. */
export const observed = (call: RecordedStream): string[] =>
  call.sent.map((message) =>
    toText(v3electionpb.LeaderResponse.decode(message).kv?.value ?? bytes("")),
  );
