/**
 * The KV service. A write is validated here and proposed with the client's own bytes; a read is served from the store once it may be.
 * One small object per call carries it through the turns (kv-calls.ts, range-jobs.ts); answers are built in one writer and copied into
 * the connection at once. RangeStream is range-stream.ts.
 */

import { CompactionRequestView } from "../apply/compaction.ts";
import { putCost, txnCost } from "../apply/quota-cost.ts";
import { writeRange } from "../apply/range.ts";
import type { ApplyResult } from "../apply/result.ts";
import { isReadOnlyTxn, isSerializableTxn } from "../apply/txn.ts";
import type { UnaryCall } from "../grpc/unary-call.ts";
import { assert } from "../lib/assert.ts";
import { DeleteRangeRequestView } from "../proto/delete-range-request.ts";
import { internalRequest } from "../proto/internal-raft-codec.ts";
import {
  appendDeleted,
  appendDeletedPrevKv,
  appendPutPrevKv,
  appendTxnSucceeded,
  finishRange,
} from "../proto/kv-response.ts";
import { PutRequestView } from "../proto/put-request.ts";
import { RangeRequestView } from "../proto/range-request.ts";
import { ResponseHeaderTemplate } from "../proto/response-header.ts";
import type { TxnRequest } from "../proto/txn-request.ts";
import { Writer } from "../proto/wire.ts";
import type { Member } from "../server/member.ts";
import type { Admission } from "./admission.ts";
import { failWith } from "./errors.ts";
import { CompactCall, RangeCall, ReadTxnCall, WriteCall } from "./kv-calls.ts";
import {
  checkDeleteRangeRequest,
  checkPutRequest,
  checkRangeRequest,
  checkTxnRequest,
} from "./kv-checks.ts";
import { RangeJob, TxnReadJob } from "./range-jobs.ts";
import { ReadMeter } from "./read-meter.ts";
import { copyOf, decoded, decodedTxn } from "./request-bytes.ts";
import type { SliceQueue } from "./slice-queue.ts";
import { hasSpace } from "./space.ts";

export interface KvServiceOptions {
  readonly member: Member;
  readonly admission: Admission;
  readonly slices: SliceQueue;
  readonly txnOpsMax: number;
}

/** Where answers are built; one that a large answer has grown beyond the second is not kept. */
const replyBytes = 64 * 1024;
const replyBytesKept = 4 * 1024 * 1024;

export class KvService {
  readonly member: Member;
  readonly slices: SliceQueue;
  readonly meter: ReadMeter;
  private readonly options: KvServiceOptions;
  private readonly admission: Admission;
  private readonly header: ResponseHeaderTemplate;
  private writer: Writer | undefined = new Writer(replyBytes);
  private readonly putRequest = new PutRequestView();
  private readonly rangeRequest = new RangeRequestView();
  private readonly deleteRangeRequest = new DeleteRangeRequestView();
  private readonly compactionRequest = new CompactionRequestView();

  constructor(options: KvServiceOptions) {
    const { member, slices, admission } = options;
    this.options = options;
    this.member = member;
    this.slices = slices;
    this.admission = admission;
    const { clock, logger } = member;
    this.meter = new ReadMeter({ clock, logger, stats: member.stats.requests });
    this.header = new ResponseHeaderTemplate({ clusterId: member.clusterId, memberId: member.id });
  }

  put(call: UnaryCall, bytes: Uint8Array, start: number, end: number): void {
    if (!decoded(call, this.putRequest, bytes, start, end)) return;
    if (!this.isAdmitted(call, putCost(this.putRequest))) return;
    const error = checkPutRequest(this.putRequest);
    if (error !== undefined) failWith(call, error);
    else this.member.propose(internalRequest.put, bytes, start, end, new WriteCall(this, call));
  }

  deleteRange(call: UnaryCall, bytes: Uint8Array, start: number, end: number): void {
    if (!decoded(call, this.deleteRangeRequest, bytes, start, end)) return;
    const error =
      this.admission.refuse(call, false) ?? checkDeleteRangeRequest(this.deleteRangeRequest);
    const field = internalRequest.deleteRange;
    if (error !== undefined) failWith(call, error);
    else this.member.propose(field, bytes, start, end, new WriteCall(this, call));
  }

  txn(call: UnaryCall, bytes: Uint8Array, start: number, end: number): void {
    const request = decodedTxn(call, bytes, start, end);
    if (request === undefined || !this.isAdmitted(call, txnCost(request))) return;
    const error = checkTxnRequest(request, this.options.txnOpsMax);
    if (error !== undefined) {
      failWith(call, error);
    } else if (!isReadOnlyTxn(request)) {
      this.member.propose(internalRequest.txn, bytes, start, end, new WriteCall(this, call));
    } else {
      const read = new ReadTxnCall(this, call, copyOf(bytes, start, end));
      if (isSerializableTxn(request)) read.readable();
      else this.member.linearizableRead(read);
    }
  }

  range(call: UnaryCall, bytes: Uint8Array, start: number, end: number): void {
    const request = this.rangeRequest;
    if (!decoded(call, request, bytes, start, end)) return;
    const sinceMs = this.meter.nowMs;
    const error = this.admission.refuse(call, request.serializable) ?? checkRangeRequest(request);
    if (error !== undefined) failWith(call, error);
    else if (request.serializable) this.replyRange(call, request, sinceMs);
    else {
      const message = copyOf(bytes, start, end);
      this.member.linearizableRead(new RangeCall(this, call, message, sinceMs));
    }
  }

  compact(call: UnaryCall, bytes: Uint8Array, start: number, end: number): void {
    const request = this.compactionRequest;
    if (!decoded(call, request, bytes, start, end)) return;
    const error = this.admission.refuse(call, false);
    const field = internalRequest.compaction;
    if (error !== undefined) failWith(call, error);
    else
      this.member.propose(field, bytes, start, end, new CompactCall(this, call, request.physical));
  }

  /** Serves a linearizable range whose time has come; the message was valid when it arrived. */
  replyKeptRange(call: UnaryCall, message: Uint8Array, sinceMs: number): void {
    this.rangeRequest.decode(message, 0, message.length);
    this.replyRange(call, this.rangeRequest, sinceMs);
  }

  replyReadTxn(call: UnaryCall, request: TxnRequest): void {
    this.slices.start(new TxnReadJob(this, call, request));
  }

  /** The answer to a Put, DeleteRange or Txn. */
  replyWrite(call: UnaryCall, result: ApplyResult): void {
    const writer = this.takeWriter();
    switch (result.kind) {
      case "put":
        this.writeHeader(writer, result.revision);
        if (result.prevKv !== undefined)
          appendPutPrevKv(writer, result.prevKv, 0, result.prevKv.length);
        break;
      case "deleteRange":
        this.writeHeader(writer, result.revision);
        appendDeleted(writer, result.deleted);
        for (const prevKv of result.prevKvs) appendDeletedPrevKv(writer, prevKv, 0, prevKv.length);
        break;
      case "txn":
        this.writeHeader(writer, result.revision);
        appendTxnSucceeded(writer, result.succeeded);
        writer.raw(result.responses, 0, result.responses.length);
        break;
      default:
        assert(false, "a KV write was applied as something else", result.kind);
    }
    this.reply(call, writer);
  }

  /** The answer to a Compact: a header, of the revision now. */
  replyCompaction(call: UnaryCall): void {
    const writer = this.takeWriter();
    this.writeHeader(writer, this.member.store.currentRevision);
    this.reply(call, writer);
  }

  /** A range of one key at once; one of many in slices, if one slice is not enough. */
  private replyRange(call: UnaryCall, request: RangeRequestView, sinceMs: number): void {
    const { store, isInstalling } = this.member;
    const readMs = this.meter.nowMs;
    if (request.rangeEndEnd > request.rangeEndStart || store.isWriting || isInstalling) {
      this.slices.start(new RangeJob(this, call, request, { sinceMs, readMs }));
      return;
    }
    const writer = this.takeWriter();
    this.writeHeader(writer, store.currentRevision);
    const outcome = writeRange(store, request, writer);
    if (outcome.kind === "refused") {
      this.giveBack(writer);
      failWith(call, outcome.error);
      this.meter.rangeEnded(sinceMs, readMs, false, request);
      return;
    }
    finishRange(writer, outcome.more, outcome.count);
    this.reply(call, writer);
    this.meter.rangeEnded(sinceMs, readMs, true, request);
  }

  writeHeader(writer: Writer, revision: number): void {
    this.header.write(writer, revision, this.member.raft.term);
  }

  /** An empty writer, to be given to `reply` or `giveBack`. */
  takeWriter(): Writer {
    const writer = this.writer ?? new Writer(replyBytes);
    this.writer = undefined;
    writer.reset();
    return writer;
  }

  giveBack(writer: Writer): void {
    if (writer.buffer.length <= replyBytesKept) this.writer = writer;
  }

  reply(call: UnaryCall, writer: Writer): void {
    call.reply(writer.buffer, 0, writer.position);
    this.giveBack(writer);
  }

  /** Whether a write may go on; false when the call is, or will be, refused. Space comes before the request's own faults, as on etcd. */
  private isAdmitted(call: UnaryCall, costBytes: number): boolean {
    const error = this.admission.refuse(call, false);
    if (error !== undefined) {
      failWith(call, error);
      return false;
    }
    return hasSpace(this.member.quota, call, costBytes);
  }
}
