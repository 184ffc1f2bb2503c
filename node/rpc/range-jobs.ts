/** Ranges of many keys and transactions that only read, answered in slices; each holds on to the revision it began at. */
import { RangeRead } from "../apply/range-read.ts";
import type { Refused } from "../apply/result.ts";
import { TxnRead } from "../apply/txn-read.ts";
import type { UnaryCall } from "../grpc/unary-call.ts";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
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
  private under: { readonly read: Read; readonly writer: Writer } | undefined;

  constructor(service: KvService, call: UnaryCall) {
    this.service = service;
    this.call = call;
  }

  abstract defer(): void;
  protected abstract open(): Read | Refused;
  /** Appends what stands before and behind the slices. */
  protected abstract begin(read: Read, writer: Writer): void;
  protected abstract finish(read: Read, writer: Writer): void;

  step(): boolean {
    const under = this.under ?? this.start();
    if (under === undefined) return false;
    const { read, writer } = under;
    const isUnfinished = !this.call.isOver && read.step(writer);
    if (isUnfinished && writer.position <= messageBytesMax) return true;
    read.close();
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
    failWith(this.call, error);
  }

  private start(): { readonly read: Read; readonly writer: Writer } | undefined {
    if (this.call.isOver) return undefined;
    const read = this.open();
    if (read.kind === "refused") {
      failWith(this.call, read.error);
      return undefined;
    }
    const writer = this.service.takeWriter();
    this.service.writeHeader(writer, this.service.member.store.currentRevision);
    this.begin(read, writer);
    this.under = { read, writer };
    return this.under;
  }
}

export class RangeJob extends ReadJob<RangeRead> {
  private request: RangeRequestView;

  /** `request` and its bytes are needed in the turn of the first step only. */
  constructor(service: KvService, call: UnaryCall, request: RangeRequestView) {
    super(service, call);
    this.request = request;
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

  /** The request's bytes are its own. */
  constructor(service: KvService, call: UnaryCall, request: TxnRequest) {
    super(service, call);
    this.request = request;
  }

  override defer(): void {
    // The request lives as long as the job.
  }

  override step(): boolean {
    const { member, slices } = this.service;
    if (this.isBegun || !member.store.isWriting) return super.step();
    // Compares look at the store as it is, which is half of an entry's doing now.
    member.whenReadable({
      readable: () => slices.start(this),
      refused: (error) => this.refuse(error),
    });
    return false;
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
