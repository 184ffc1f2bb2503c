/**
 * The key space of this member as locks and elections see it: requests pass through the KV and Lease services inside of the process, as etcd's
 * pass through its in-process client (server api/v3client), and events come from the hub of watchers.
 */
import {
  ConcurrencyError,
  type KeySpace,
  type WatchedEvents,
  type WatchedKeys,
} from "../concurrency/key-space.ts";
import type { UnaryCall, UnaryHandler } from "../grpc/unary-call.ts";
import { cloneBytes } from "../lib/bytes.ts";
import type { EventBatch, WatchSink } from "../mvcc/watch/watcher.ts";
import { Watcher } from "../mvcc/watch/watcher.ts";
import { etcdserverpb } from "../proto/generated/messages.js";
import { longToBigint, numberLong } from "../proto/long.ts";
import type { Member } from "../server/member.ts";
import { grpcCode, statusOf } from "./errors.ts";
import { headerOf } from "./header.ts";
import type { KvService } from "./kv.ts";
import type { LeaseService } from "./lease.ts";

/** The lease of a session that brings none (client/v3/concurrency/session.go). */
const sessionTtlSeconds = 60;

export interface MemberKeySpaceOptions {
  readonly member: Member;
  readonly kv: KvService;
  readonly lease: LeaseService;
}

export class MemberKeySpace implements KeySpace {
  private readonly options: MemberKeySpaceOptions;

  constructor(options: MemberKeySpaceOptions) {
    this.options = options;
  }

  txn(request: etcdserverpb.TxnRequest.$Properties): Promise<etcdserverpb.TxnResponse> {
    const { kv } = this.options;
    const bytes = etcdserverpb.TxnRequest.encode(request).finish();
    return inside(kv.txn.bind(kv), bytes, etcdserverpb.TxnResponse);
  }

  range(request: etcdserverpb.RangeRequest.$Properties): Promise<etcdserverpb.RangeResponse> {
    const { kv } = this.options;
    const bytes = etcdserverpb.RangeRequest.encode(request).finish();
    return inside(kv.range.bind(kv), bytes, etcdserverpb.RangeResponse);
  }

  deleteRange(
    request: etcdserverpb.DeleteRangeRequest.$Properties,
  ): Promise<etcdserverpb.DeleteRangeResponse> {
    const { kv } = this.options;
    const bytes = etcdserverpb.DeleteRangeRequest.encode(request).finish();
    return inside(kv.deleteRange.bind(kv), bytes, etcdserverpb.DeleteRangeResponse);
  }

  /** The session's lease: the one that is given, or for 0 a new one. One that does not exist is found out by the first key. */
  async leaseOf(given: bigint): Promise<bigint> {
    if (given !== 0n) return given;
    const { lease } = this.options;
    const bytes = etcdserverpb.LeaseGrantRequest.encode({ TTL: numberLong(sessionTtlSeconds) });
    const granted = await inside(
      (call, message) => lease.grant(call, message),
      bytes.finish(),
      etcdserverpb.LeaseGrantResponse,
    );
    return longToBigint(granted.ID);
  }

  async *watch(
    { key, rangeEnd, startRevision, without }: WatchedKeys,
    signal: AbortSignal,
  ): AsyncGenerator<WatchedEvents, void, undefined> {
    const { member } = this.options;
    const inbox = new WatchInbox(member);
    const view = { prevKv: false, noPut: without === "puts", noDelete: without === "deletions" };
    const watcher = new Watcher({ key, end: rangeEnd }, view, inbox, startRevision);
    const close = (): void => inbox.close();
    if (signal.aborted) return;
    signal.addEventListener("abort", close);
    member.watches.add(watcher);
    try {
      for (;;) {
        const events = await inbox.next();
        if (events === undefined) return;
        yield events;
      }
    } finally {
      signal.removeEventListener("abort", close);
      member.watches.remove(watcher);
    }
  }
}

/** Holds one batch of events. While nobody takes it the watcher stays behind, and costs nothing more. */
class WatchInbox implements WatchSink {
  private readonly member: Member;
  private batch: WatchedEvents | undefined;
  private isClosed = false;
  private wake: () => void = () => undefined;

  constructor(member: Member) {
    this.member = member;
  }

  get isFull(): boolean {
    return this.batch !== undefined;
  }

  events(_watcher: Watcher, { bytes, start, end, revision }: EventBatch): void {
    const { events } = etcdserverpb.WatchResponse.decode(cloneBytes(bytes, start, end));
    this.batch = { header: headerOf(this.member, revision), events };
    this.wake();
  }

  compacted(): void {
    this.close();
  }

  /** Nothing comes any more; what is here may still be taken. */
  close(): void {
    this.isClosed = true;
    this.wake();
  }

  async next(): Promise<WatchedEvents | undefined> {
    while (this.batch === undefined && !this.isClosed)
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    const { batch } = this;
    if (batch === undefined) return undefined;
    this.batch = undefined;
    this.member.watches.resume(this);
    return batch;
  }
}

/** Calls a service of this process, and decodes what it answers. */
function inside<Response>(
  handler: UnaryHandler,
  request: Uint8Array,
  response: { decode(bytes: Uint8Array): Response },
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const call: UnaryCall = {
      metadata: () => undefined,
      remoteAddress: "",
      // Nobody knows whether an entry on its way is applied; those who wait see to it that it is undone.
      isOver: false,
      reply: (bytes, start, end) => resolve(response.decode(cloneBytes(bytes, start, end))),
      fail: (code, text) => reject(new ConcurrencyError(text, outerCode(code, text))),
    };
    handler(call, request, 0, request.length);
  });
}

/**
 * etcd's in-process client turns refusals that it knows by their text into errors without a code, which become Unknown on the wire; these it
 * does not know (api/v3/v3rpc/rpctypes/error.go, errStringToError).
 */
const unknownToClient: ReadonlySet<string> = new Set([
  statusOf.TimeoutWaitAppliedIndex.text,
  statusOf.Canceled.text,
  statusOf.DeadlineExceeded.text,
]);

const outerCode = (code: number, text: string): number =>
  unknownToClient.has(text) ? code : grpcCode.unknown;
