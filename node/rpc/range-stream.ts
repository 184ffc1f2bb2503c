/**
 * KV/RangeStream (etcd v3_server.go, rangeStream; KEP-5966): a Range whose answer comes in chunks, all of one revision. Merged, the
 * chunks are the Range's answer; header, more and count stand in the last one alone.
 */
import { hasRevisionFilters, isDefaultOrdering, planRange } from "../apply/range-plan.ts";
import type { StreamCall } from "../grpc/stream-call.ts";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { KvStore } from "../mvcc/kv-store.ts";
import { RangeRequestView } from "../proto/range-request.ts";
import { ResponseHeaderTemplate } from "../proto/response-header.ts";
import type { Member } from "../server/member.ts";
import { type Admission, demandsLeader } from "./admission.ts";
import { failWith, grpcCode } from "./errors.ts";
import { checkRangeRequest } from "./kv-checks.ts";
import type { LeaderWatch } from "./leader-watch.ts";
import { RangeChunks } from "./range-chunks.ts";
import { copyOf, decoded } from "./request-bytes.ts";
import type { SlicedJob, SliceQueue } from "./slice-queue.ts";

export interface RangeStreamOptions {
  readonly member: Member;
  readonly admission: Admission;
  readonly slices: SliceQueue;
  readonly leaderWatch: LeaderWatch;
  /** --max-request-bytes, near which chunks are kept. */
  readonly requestBytesMax: number;
}

export class RangeStreamService {
  readonly options: RangeStreamOptions;
  readonly header: ResponseHeaderTemplate;
  private readonly streams = new Set<RangeStream>();

  constructor(options: RangeStreamOptions) {
    const { member } = options;
    this.options = options;
    this.header = new ResponseHeaderTemplate({ clusterId: member.clusterId, memberId: member.id });
    member.onCompaction(() => {
      for (const stream of this.streams) stream.compacted();
    });
  }

  open(call: StreamCall): void {
    call.onMessage((bytes, start, end) => {
      call.onMessage(() => undefined);
      const request = new RangeRequestView();
      if (!decoded(call, request, bytes, start, end)) return;
      const { admission } = this.options;
      const error = admission.refuse(call, false, "stream") ?? checkRangeRequest(request);
      if (error !== undefined) failWith(call, error);
      else if (!isDefaultOrdering(request))
        call.fail(grpcCode.unimplemented, "RangeStream does not support custom sort orders");
      else if (hasRevisionFilters(request))
        call.fail(grpcCode.unimplemented, "RangeStream does not support revision filters");
      else this.begin(call, copyOf(bytes, start, end), request.serializable);
    });
  }

  private begin(call: StreamCall, message: Uint8Array, isSerializable: boolean): void {
    const stream = new RangeStream(this, call, message);
    this.streams.add(stream);
    const forget = demandsLeader(call)
      ? this.options.leaderWatch.add(() => stream.refused("NoLeader"))
      : () => undefined;
    stream.onEnd = () => {
      this.streams.delete(stream);
      forget();
    };
    call.onCancel(() => stream.end());
    if (isSerializable) stream.readable();
    else this.options.member.linearizableRead(stream);
  }
}

/** One stream: waits for its time to read, then sends slice by slice, as fast as the client takes it. */
class RangeStream implements SlicedJob {
  onEnd: () => void = () => undefined;
  private readonly service: RangeStreamService;
  private readonly call: StreamCall;
  private readonly message: Uint8Array;
  private chunks: RangeChunks | undefined;
  /** What `chunks` reads. */
  private store: KvStore | undefined;
  private isEnded = false;
  /** The client is behind: the next slice comes when it has caught up. */
  private isWaiting = false;

  constructor(service: RangeStreamService, call: StreamCall, message: Uint8Array) {
    this.service = service;
    this.call = call;
    this.message = message;
    call.onDrain(() => {
      if (!this.isWaiting || this.isEnded) return;
      this.isWaiting = false;
      service.options.slices.add(this);
    });
  }

  readable(): void {
    if (!this.isEnded) this.service.options.slices.start(this);
  }

  refused(error: EtcdErrorKind): void {
    if (this.isEnded) return;
    failWith(this.call, error);
    this.end();
  }

  /** What this stream reads is given up: it ends as on etcd, and does not hold up the removal. Also told when the store was replaced. */
  compacted(): void {
    const { store } = this.service.options.member;
    if (this.chunks !== undefined && this.store !== store) this.refused("LeaderChanged");
    else if (this.chunks !== undefined && this.chunks.revision < store.compactRevision)
      this.refused("Compacted");
  }

  defer(): void {
    // The message is a copy.
  }

  step(): boolean {
    if (this.isEnded) return false;
    const { member } = this.service.options;
    if (this.chunks === undefined && member.isInstalling) {
      member.whenReadable(this);
      return false;
    }
    // A received snapshot has taken the place of what was being read; the client shall ask again.
    if (this.chunks !== undefined && (this.store !== member.store || member.isInstalling)) {
      this.refused("LeaderChanged");
      return false;
    }
    const chunks = (this.chunks ??= this.open());
    if (chunks === undefined) return false;
    const chunk = chunks.next();
    if (chunk === undefined) return true;
    const hasRoom = this.call.send(chunk.bytes, 0, chunk.length);
    if (chunk.isLast) {
      this.call.finish();
      this.end();
      return false;
    }
    this.isWaiting = !hasRoom;
    return hasRoom;
  }

  end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.chunks?.close();
    this.onEnd();
  }

  private open(): RangeChunks | undefined {
    const { member, requestBytesMax } = this.service.options;
    const request = new RangeRequestView();
    request.decode(this.message, 0, this.message.length);
    const plan = planRange(request);
    // One more than the limit tells whether there is more.
    const limit = plan.limit === 0 ? 0 : plan.limit + 1;
    this.store = member.store;
    const cursor = this.store.openRange({ ...plan, limit });
    if (cursor.kind !== "ok") {
      this.refused(cursor.kind === "compacted" ? "Compacted" : "FutureRev");
      return undefined;
    }
    return new RangeChunks({
      cursor,
      limit: plan.limit,
      isOneChunk: request.limit < 0,
      countOnly: plan.countOnly,
      targetBytes: requestBytesMax,
      header: this.service.header,
      headerRevision: member.store.currentRevision,
      raftTerm: () => member.raft.term,
    });
  }
}
