/** Calls of the KV service while they wait: for their entry to be applied, or for their time to read. */
import type { ApplyResult } from "../apply/result.ts";
import type { UnaryCall } from "../grpc/unary-call.ts";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import { decodeTxnRequest } from "../proto/txn-request.ts";
import type { Proposer } from "../server/propose.ts";
import type { ReadWaiter } from "../server/read-index.ts";
import { failWith } from "./errors.ts";
import type { KvService } from "./kv.ts";

/** A Put, DeleteRange or Txn on its way through the log. */
export class WriteCall implements Proposer {
  private readonly service: KvService;
  private readonly call: UnaryCall;

  constructor(service: KvService, call: UnaryCall) {
    this.service = service;
    this.call = call;
  }

  applied(result: ApplyResult): void {
    if (!this.call.isOver) this.service.replyWrite(this.call, result);
  }

  refused(error: EtcdErrorKind): void {
    failWith(this.call, error);
  }
}

/** A Compact. A physical one waits, however long it takes, until the old records are gone for good; also one that comes too late. */
export class CompactCall implements Proposer {
  private readonly service: KvService;
  private readonly call: UnaryCall;
  private readonly isPhysical: boolean;

  constructor(service: KvService, call: UnaryCall, isPhysical: boolean) {
    this.service = service;
    this.call = call;
    this.isPhysical = isPhysical;
  }

  applied(): void {
    this.whenDone(() => {
      if (!this.call.isOver) this.service.replyCompaction(this.call);
    });
  }

  refused(error: EtcdErrorKind): void {
    if (error === "Compacted") this.whenDone(() => failWith(this.call, error));
    else failWith(this.call, error);
  }

  private whenDone(answer: () => void): void {
    if (!this.isPhysical) {
      answer();
      return;
    }
    this.service.member.compactionDone((error) => {
      if (error === undefined) answer();
      else failWith(this.call, error);
    });
  }
}

/** A read that waits for its time. `message` is the call's own copy, and was decoded once already. */
abstract class ReadCall implements ReadWaiter {
  protected readonly service: KvService;
  protected readonly call: UnaryCall;
  protected readonly message: Uint8Array;

  constructor(service: KvService, call: UnaryCall, message: Uint8Array) {
    this.service = service;
    this.call = call;
    this.message = message;
  }

  readable(): void {
    if (!this.call.isOver) this.reply();
  }

  refused(error: EtcdErrorKind): void {
    failWith(this.call, error);
  }

  protected abstract reply(): void;
}

export class RangeCall extends ReadCall {
  private readonly sinceMs: number;

  /** `sinceMs`: when it came, on the monotonic clock. */
  constructor(service: KvService, call: UnaryCall, message: Uint8Array, sinceMs: number) {
    super(service, call, message);
    this.sinceMs = sinceMs;
  }

  override readable(): void {
    if (this.call.isOver) this.service.meter.rangeRefused(this.sinceMs);
    else this.reply();
  }

  override refused(error: EtcdErrorKind): void {
    this.service.meter.rangeRefused(this.sinceMs);
    super.refused(error);
  }

  protected override reply(): void {
    this.service.replyKeptRange(this.call, this.message, this.sinceMs);
  }
}

/** A transaction that only reads. */
export class ReadTxnCall extends ReadCall {
  protected override reply(): void {
    this.service.replyReadTxn(this.call, decodeTxnRequest(this.message, 0, this.message.length));
  }
}
