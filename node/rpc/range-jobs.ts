/** Ranges of many keys and transactions that only read, answered in slices; each holds on to the revision it began at. */
import { RangeRead } from "../apply/range-read.ts";
import type { Refused } from "../apply/result.ts";
import { TxnRead } from "../apply/txn-read.ts";
import type { UnaryCall } from "../grpc/unary-call.ts";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { KvStore } from "../mvcc/kv-store.ts";
import { appendTxnSucceeded, finishRange } from "../proto/kv-response.ts";
import { RangeRequestView } from "../proto/range-request.ts";
import type { TxnRequest } from "../proto/txn-request.ts";
import type { Writer } from "../proto/wire.ts";
import { failWith, grpcCode } from "./errors.ts";
import type { KvService } from "./kv.ts";
import { copyOf } from "./request-bytes.ts";
import type { SlicedJob } from "./slice-queue.ts";

/** etcd lets grpc-go send messages up to this size (MaxInt32). */
const messageBytesMax = 2 ** 31 - 1;

interface SlicedRead {
  readonly kind: "ok";
  step(writer: Writer): boolean;
  close(): void;
}

/** Opens the read in its first step, builds the answer in a writer of its own, and sends it whole. */
abstract class ReadJob<Read extends SlicedRead> implements SlicedJob {
  protected readonly service: KvService;
  private readonly call: UnaryCall;
  /** It goes on in a later turn, and a log line may need the request then. */
  private isKept = false;
  private under:
    | { readonly read: Read; readonly writer: Writer; readonly store: KvStore }
    | undefined;

  constructor(service: KvService, call: UnaryCall) {
    this.service = service;
    this.call = call;
  }

  abstract defer(): void;
  protected abstract open(): Read | Refused;
  /** Appends what stands before and behind the slices. */
  protected abstract begin(read: Read, writer: Writer): void;
  protected abstract finish(read: Read, writer: Writer): void;
  /** For the figures; called once. */
  protected abstract ended(isSuccess: boolean): void;

  step(): boolean {
    const { member } = this.service;
    if (this.under === undefined && member.isInstalling) return this.wait();
    const under = this.under ?? this.start();
    if (under === undefined) {
      this.ended(false);
      return false;
    }
    const { read, writer, store } = under;
    if (store !== member.store || member.isInstalling) return this.giveUp(writer);
    const isUnfinished = !this.call.isOver && read.step(writer);
    if (isUnfinished && writer.position <= messageBytesMax) {
      if (!this.isKept) this.defer();
      this.isKept = true;
      return true;
    }
    read.close();
    // An answer that is too large was made all the same, as etcd counts.
    this.ended(!this.call.isOver);
    if (this.call.isOver) {
      this.service.giveBack(writer);
    } else if (isUnfinished) {
      this.call.fail(
        grpcCode.resourceExhausted,
        `grpc: trying to send message larger than max (${writer.position} vs. ${messageBytesMax})`,
      );
    } else {
      this.finish(read, writer);
      this.service.reply(this.call, writer);
    }
    return false;
  }

  protected get isBegun(): boolean {
    return this.under !== undefined;
  }

  protected refuse(error: EtcdErrorKind): void {
    this.ended(false);
    failWith(this.call, error);
  }

  /** Begins when the store can be read. */
  protected wait(): false {
    const { member, slices } = this.service;
    this.defer();
    member.whenReadable({
      readable: () => slices.start(this),
      refused: (error) => this.refuse(error),
    });
    return false;
  }

  /** A received snapshot has taken the place of what was being read; the client shall ask again. */
  private giveUp(writer: Writer): false {
    this.service.giveBack(writer);
    this.ended(false);
    if (!this.call.isOver) failWith(this.call, "LeaderChanged");
    return false;
  }

  private start(): typeof this.under {
    if (this.call.isOver) return undefined;
    const read = this.open();
    if (read.kind === "refused") {
      failWith(this.call, read.error);
      return undefined;
    }
    const { store } = this.service.member;
    const writer = this.service.takeWriter();
    this.service.writeHeader(writer, store.currentRevision);
    this.begin(read, writer);
    this.under = { read, writer, store };
    return this.under;
  }
}

/** When a Range came, and when its reading was begun with, on the monotonic clock. */
export interface ReadSince {
  readonly sinceMs: number;
  readonly readMs: number;
}

export class RangeJob extends ReadJob<RangeRead> {
  private request: RangeRequestView;
  private readonly times: ReadSince;

  /** `request` and its bytes are needed in the turn of the first step only. */
  constructor(service: KvService, call: UnaryCall, request: RangeRequestView, times: ReadSince) {
    super(service, call);
    this.request = request;
    this.times = times;
  }

  protected override ended(isSuccess: boolean): void {
    const { sinceMs, readMs } = this.times;
    this.service.meter.rangeEnded(sinceMs, readMs, isSuccess, this.request);
  }

  override defer(): void {
    this.request = cloneRequest(this.request);
  }

  protected override open(): RangeRead | Refused {
    return RangeRead.open(this.service.member.store, this.request);
  }

  protected override begin(): void {
    // The kvs follow the header.
  }

  protected override finish(read: RangeRead, writer: Writer): void {
    finishRange(writer, read.more, read.count);
  }
}

export class TxnReadJob extends ReadJob<TxnRead> {
  private readonly request: TxnRequest;
  private readonly sinceMs: number;

  /** The request's bytes are its own. */
  constructor(service: KvService, call: UnaryCall, request: TxnRequest) {
    super(service, call);
    this.request = request;
    this.sinceMs = service.meter.nowMs;
  }

  protected override ended(isSuccess: boolean): void {
    this.service.meter.txnEnded(this.sinceMs, isSuccess);
  }

  override defer(): void {
    // The request lives as long as the job.
  }

  override step(): boolean {
    // Compares look at the store as it is, which may be half of an entry's doing now.
    if (!this.isBegun && this.service.member.store.isWriting) return this.wait();
    return super.step();
  }

  protected override open(): TxnRead | Refused {
    return TxnRead.open(this.service.member.store, this.request);
  }

  protected override begin(read: TxnRead, writer: Writer): void {
    appendTxnSucceeded(writer, read.succeeded);
  }

  protected override finish(): void {
    // The responses are all there is.
  }
}

function cloneRequest(request: RangeRequestView): RangeRequestView {
  const from = Math.min(request.keyStart, request.rangeEndStart);
  const copy = Object.assign(new RangeRequestView(), request);
  copy.buffer = copyOf(request.buffer, from, Math.max(request.keyEnd, request.rangeEndEnd));
  copy.keyStart -= from;
  copy.keyEnd -= from;
  copy.rangeEndStart -= from;
  copy.rangeEndEnd -= from;
  return copy;
}
