/** The Election service (etcd server/etcdserver/api/v3election/election.go). */
import { campaign, leader, observe, proclaim, resign } from "../concurrency/election.ts";
import { ConcurrencyError } from "../concurrency/key-space.ts";
import type { StreamCall } from "../grpc/stream-call.ts";
import { v3electionpb } from "../proto/generated/messages.js";
import { int64Long, longToBigint, numberLong } from "../proto/long.ts";
import { type Admission, demandsLeader } from "./admission.ts";
import { failWith } from "./errors.ts";
import type { LeaderWatch } from "./leader-watch.ts";
import { admitted, serveWaiting } from "./lock-calls.ts";
import type { MemberKeySpace } from "./lock-key-space.ts";

const pb = v3electionpb;
const campaignCodec = { request: pb.CampaignRequest, response: pb.CampaignResponse };
const proclaimCodec = { request: pb.ProclaimRequest, response: pb.ProclaimResponse };
const resignCodec = { request: pb.ResignRequest, response: pb.ResignResponse };
const leaderCodec = { request: pb.LeaderRequest, response: pb.LeaderResponse };

export interface ElectionServiceOptions {
  readonly keys: MemberKeySpace;
  readonly admission: Admission;
  readonly leaderWatch: LeaderWatch;
}

export class ElectionService {
  private readonly options: ElectionServiceOptions;

  constructor(options: ElectionServiceOptions) {
    this.options = options;
  }

  campaign(call: StreamCall): void {
    const { keys, admission } = this.options;
    serveWaiting(call, admission, campaignCodec, async (request, signal) => {
      const { name, value } = request;
      const lease = await keys.leaseOf(longToBigint(request.lease));
      const { header, office } = await campaign(keys, { name, lease, value, signal });
      const { key, revision } = office;
      const proof = { name, key, rev: numberLong(revision), lease: int64Long(lease) };
      return { header, leader: proof };
    });
  }

  proclaim(call: StreamCall): void {
    const { keys, admission } = this.options;
    serveWaiting(call, admission, proclaimCodec, async ({ leader: proof, value }) => {
      const office = await this.officeOf(proof);
      return { header: await proclaim(keys, office, value) };
    });
  }

  resign(call: StreamCall): void {
    const { keys, admission } = this.options;
    serveWaiting(call, admission, resignCodec, async ({ leader: proof }) => {
      const office = await this.officeOf(proof);
      return { header: await resign(keys, office) };
    });
  }

  leader(call: StreamCall): void {
    const { keys, admission } = this.options;
    serveWaiting(call, admission, leaderCodec, ({ name }) => leader(keys, name));
  }

  /** A stream of leaders and their proclamations. It ends without an error when a look for the leader is refused, as on etcd. */
  observe(call: StreamCall): void {
    const { admission, leaderWatch } = this.options;
    const ended = new AbortController();
    call.onCancel(() => ended.abort());
    call.onMessage((bytes, start, end) => {
      const message = { type: pb.LeaderRequest, bytes: bytes.subarray(start, end) };
      const request = admitted(call, admission, { ...message, kind: "stream" });
      if (request === undefined) return;
      const forget = demandsLeader(call)
        ? leaderWatch.add(() => {
            failWith(call, "NoLeader");
            ended.abort();
          })
        : () => undefined;
      ended.signal.addEventListener("abort", forget);
      void this.tell(call, request.name, ended.signal).finally(() => ended.abort());
    });
  }

  private async tell(call: StreamCall, name: Uint8Array, signal: AbortSignal): Promise<void> {
    let drained = (): void => undefined;
    call.onDrain(() => drained());
    signal.addEventListener("abort", () => drained());
    try {
      for await (const { header, kv } of observe(this.options.keys, name, signal)) {
        const message = pb.LeaderResponse.encode({ header, kv }).finish();
        if (call.send(message, 0, message.length) || call.isOver) continue;
        // What is not read stays in the history, and costs no memory.
        await new Promise<void>((resolve) => {
          drained = resolve;
        });
      }
    } catch (error) {
      if (!(error instanceof ConcurrencyError)) throw error;
    }
    call.finish();
  }

  /** A proof without a lease asks for a session of its own, as on etcd; the key is put with that lease. */
  private async officeOf(proof: v3electionpb.LeaderKey.$Properties | null | undefined): Promise<{
    readonly key: Uint8Array;
    readonly revision: number;
    readonly lease: bigint;
  }> {
    if (proof === null || proof === undefined)
      throw new ConcurrencyError('"leader" field must be provided');
    const lease = await this.options.keys.leaseOf(longToBigint(proof.lease));
    return { key: proof.key ?? new Uint8Array(0), revision: saturated(proof.rev), lease };
  }
}

/** A revision that no key has stays one. */
function saturated(value: v3electionpb.LeaderKey.$Properties["rev"]): number {
  const revision = longToBigint(value);
  const { MAX_SAFE_INTEGER: max } = Number;
  return revision > BigInt(max) || revision < 0n ? max : Number(revision);
}
