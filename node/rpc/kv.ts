/**
 * The KV service. A write is validated here and proposed with the client's own bytes; a read is served from the store once it may be.
 * One small object per call carries it through the turns; answers are built in one writer and copied into the connection at once.
 */

import { writeRange } from "../apply/range.ts";
import type { ApplyResult } from "../apply/result.ts";
import { applyTxn, isReadOnlyTxn, isSerializableTxn } from "../apply/txn.ts";
import type { UnaryCall } from "../grpc/unary-call.ts";
import { assert } from "../lib/assert.ts";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
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
import { decodeTxnRequest, type TxnRequest } from "../proto/txn-request.ts";
import { WireError, Writer } from "../proto/wire.ts";
import type { Member } from "../server/member.ts";
import type { Proposer } from "../server/propose.ts";
import type { ReadWaiter } from "../server/read-index.ts";
import { failMalformed, failWith } from "./errors.ts";
import {
  checkDeleteRangeRequest,
  checkPutRequest,
  checkRangeRequest,
  checkTxnRequest,
} from "./kv-checks.ts";
import { putCost, txnCost } from "./quota.ts";

export interface KvServiceOptions {
  readonly member: Member;
  readonly txnOpsMax: number;
  /** Stored bytes at which writes are refused. */
  readonly quotaBytes: number;
}

/** Where answers are built; one that a large answer has grown beyond the second is not kept. */
const replyBytes = 64 * 1024;
const replyBytesKept = 4 * 1024 * 1024;

export class KvService {
  readonly member: Member;
  private readonly options: KvServiceOptions;
  private readonly header: ResponseHeaderTemplate;
  private writer = new Writer(replyBytes);
  private readonly putRequest = new PutRequestView();
  private readonly rangeRequest = new RangeRequestView();
  private readonly deleteRangeRequest = new DeleteRangeRequestView();

  constructor(options: KvServiceOptions) {
    const { member } = options;
    this.options = options;
    this.member = member;
    this.header = new ResponseHeaderTemplate({ clusterId: member.clusterId, memberId: member.id });
  }

  put(call: UnaryCall, bytes: Uint8Array, start: number, end: number): void {
    if (!decoded(call, this.putRequest, bytes, start, end)) return;
    const error = this.checkQuota(putCost(this.putRequest)) ?? checkPutRequest(this.putRequest);
    if (error !== undefined) failWith(call, error);
    else this.member.propose(internalRequest.put, bytes, start, end, new WriteCall(this, call));
  }

  deleteRange(call: UnaryCall, bytes: Uint8Array, start: number, end: number): void {
    if (!decoded(call, this.deleteRangeRequest, bytes, start, end)) return;
    const error = checkDeleteRangeRequest(this.deleteRangeRequest);
    if (error !== undefined) failWith(call, error);
    else
      this.member.propose(
        internalRequest.deleteRange,
        bytes,
        start,
        end,
        new WriteCall(this, call),
      );
  }

  txn(call: UnaryCall, bytes: Uint8Array, start: number, end: number): void {
    const request = decodedTxn(call, bytes, start, end);
    if (request === undefined) return;
    const error =
      this.checkQuota(txnCost(request)) ?? checkTxnRequest(request, this.options.txnOpsMax);
    if (error !== undefined) {
      failWith(call, error);
    } else if (!isReadOnlyTxn(request)) {
      this.member.propose(internalRequest.txn, bytes, start, end, new WriteCall(this, call));
    } else if (isSerializableTxn(request)) {
      this.replyReadTxn(call, request);
    } else {
      const kept = decodeTxnRequest(copyOf(bytes, start, end), 0, end - start);
      this.member.linearizableRead(new ReadTxnCall(this, call, kept));
    }
  }

  range(call: UnaryCall, bytes: Uint8Array, start: number, end: number): void {
    if (!decoded(call, this.rangeRequest, bytes, start, end)) return;
    const error = checkRangeRequest(this.rangeRequest);
    if (error !== undefined) failWith(call, error);
    else if (this.rangeRequest.serializable) this.replyRange(call, this.rangeRequest);
    else this.member.linearizableRead(new RangeCall(this, call, copyOf(bytes, start, end)));
  }

  /** Serves a linearizable range whose time has come; the message was valid when it arrived. */
  replyKeptRange(call: UnaryCall, message: Uint8Array): void {
    this.rangeRequest.decode(message, 0, message.length);
    this.replyRange(call, this.rangeRequest);
  }

  replyReadTxn(call: UnaryCall, request: TxnRequest): void {
    const result = applyTxn(this.member.store, request);
    if (result.kind === "refused") failWith(call, result.error);
    else this.replyWrite(call, result);
  }

  /** The answer to a Put, DeleteRange or Txn. */
  replyWrite(call: UnaryCall, result: ApplyResult): void {
    const writer = this.emptyWriter();
    switch (result.kind) {
      case "put":
        this.header.write(writer, result.revision, this.member.raft.term);
        if (result.prevKv !== undefined)
          appendPutPrevKv(writer, result.prevKv, 0, result.prevKv.length);
        break;
      case "deleteRange":
        this.header.write(writer, result.revision, this.member.raft.term);
        appendDeleted(writer, result.deleted);
        for (const prevKv of result.prevKvs) appendDeletedPrevKv(writer, prevKv, 0, prevKv.length);
        break;
      case "txn":
        this.header.write(writer, result.revision, this.member.raft.term);
        appendTxnSucceeded(writer, result.succeeded);
        writer.raw(result.responses, 0, result.responses.length);
        break;
      default:
        assert(false, "a KV write was applied as something else", result.kind);
    }
    call.reply(writer.buffer, 0, writer.position);
  }

  private replyRange(call: UnaryCall, request: RangeRequestView): void {
    const { member } = this;
    const writer = this.emptyWriter();
    this.header.write(writer, member.store.currentRevision, member.raft.term);
    const outcome = writeRange(member.store, request, writer);
    if (outcome.kind === "refused") {
      failWith(call, outcome.error);
      return;
    }
    finishRange(writer, outcome.more, outcome.count);
    call.reply(writer.buffer, 0, writer.position);
  }

  private emptyWriter(): Writer {
    if (this.writer.buffer.length > replyBytesKept) this.writer = new Writer(replyBytes);
    this.writer.reset();
    return this.writer;
  }

  /** Requests that store nothing always pass (etcd server/storage/quota.go). */
  private checkQuota(cost: number): EtcdErrorKind | undefined {
    return cost > 0 && this.member.store.logicalBytes + cost >= this.options.quotaBytes
      ? "NoSpace"
      : undefined;
  }
}

/** A Put, DeleteRange or Txn on its way through the log. */
class WriteCall implements Proposer {
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

class RangeCall implements ReadWaiter {
  private readonly service: KvService;
  private readonly call: UnaryCall;
  private readonly message: Uint8Array;

  constructor(service: KvService, call: UnaryCall, message: Uint8Array) {
    this.service = service;
    this.call = call;
    this.message = message;
  }

  readable(): void {
    if (!this.call.isOver) this.service.replyKeptRange(this.call, this.message);
  }

  refused(error: EtcdErrorKind): void {
    failWith(this.call, error);
  }
}

class ReadTxnCall implements ReadWaiter {
  private readonly service: KvService;
  private readonly call: UnaryCall;
  private readonly request: TxnRequest;

  constructor(service: KvService, call: UnaryCall, request: TxnRequest) {
    this.service = service;
    this.call = call;
    this.request = request;
  }

  readable(): void {
    if (!this.call.isOver) this.service.replyReadTxn(this.call, this.request);
  }

  refused(error: EtcdErrorKind): void {
    failWith(this.call, error);
  }
}

interface Decodable {
  decode(bytes: Uint8Array, start: number, end: number): void;
}

/** False when the bytes are malformed: the call is answered then. */
function decoded(
  call: UnaryCall,
  view: Decodable,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  try {
    view.decode(bytes, start, end);
    return true;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    failMalformed(call);
    return false;
  }
}

function decodedTxn(
  call: UnaryCall,
  bytes: Uint8Array,
  start: number,
  end: number,
): TxnRequest | undefined {
  try {
    return decodeTxnRequest(bytes, start, end);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    failMalformed(call);
    return undefined;
  }
}

/** From Node's shared pool: cheaper than an array of its own. */
function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const copy = Buffer.allocUnsafe(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
}
