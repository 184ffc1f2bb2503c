/** A member in a simulated world with its services before it. */
import assert from "node:assert/strict";
import { Admission } from "../../../node/rpc/admission.ts";
import { KvService } from "../../../node/rpc/kv.ts";
import { SliceQueue } from "../../../node/rpc/slice-queue.ts";
import type { Member } from "../../../node/server/member.ts";
import type { MemberConfig } from "../../../node/server/member-options.ts";
import { MemberLab } from "../server/member-lab.ts";
import { RecordedCall } from "./recorded-call.ts";

export type KvMethod = "put" | "range" | "deleteRange" | "txn" | "compact";

export class RpcLab {
  readonly world: MemberLab;
  readonly member: Member;
  readonly admission: Admission;
  readonly slices: SliceQueue;
  readonly kv: KvService;

  private constructor(world: MemberLab, member: Member) {
    const { clock, timers } = member;
    this.world = world;
    this.member = member;
    this.admission = new Admission(member);
    this.slices = new SliceQueue({ clock, timers });
    const { admission, slices } = this;
    this.kv = new KvService({ member, admission, slices, txnOpsMax: 4 });
  }

  static async open(options: { readonly config?: Partial<MemberConfig> } = {}): Promise<RpcLab> {
    const world = new MemberLab();
    const member = await world.start(options.config);
    return new RpcLab(world, member);
  }

  /** Calls with the message in the middle of a buffer that is overwritten when the handler returns, as a socket's is. */
  async call(method: KvMethod, message: Uint8Array): Promise<RecordedCall> {
    const call = new RecordedCall();
    this.begin(call, method, message);
    await this.world.pass(50);
    return call;
  }

  begin(call: RecordedCall, method: KvMethod, message: Uint8Array): void {
    const chunk = new Uint8Array(message.length + 10);
    chunk.set(message, 5);
    this.kv[method](call, chunk, 5, 5 + message.length);
    chunk.fill(0xff);
  }

  async reply(method: KvMethod, message: Uint8Array): Promise<Uint8Array> {
    const { replies, failures } = await this.call(method, message);
    assert.deepEqual(failures, []);
    assert.equal(replies.length, 1);
    return replies[0] as Uint8Array;
  }
}
