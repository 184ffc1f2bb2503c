/**
 * A transaction that only reads, answered in slices like RangeRead: all of its ranges see one revision, the one at which its compares
 * were decided. Transactions that write are applied by executeTxn, or in slices
 * by executeTxnInSlices.
 */
import { assert } from "../lib/assert.ts";
import type { KvStore } from "../mvcc/kv-store.ts";
import {
  appendEmptyResponseOp,
  appendTxnSucceeded,
  beginResponseOp,
  endResponseOp,
  finishRange,
  responseOp,
} from "../proto/kv-response.ts";
import type { RangeRequestView } from "../proto/range-request.ts";
import { writeRevisionHeader } from "../proto/response-header.ts";
import type { TxnRequest } from "../proto/txn-request.ts";
import type { Writer } from "../proto/wire.ts";
import type { LeaseLookup } from "./put.ts";
import { writeRange } from "./range.ts";
import { RangeRead, sliceBytesMax } from "./range-read.ts";
import { type Refused, refuse } from "./result.ts";
import { type DecidedTxn, decideTxn } from "./txn.ts";

/** The responses in order; a nested transaction's stand between its `begin` and its `end`. */
type Part =
  | { readonly kind: "range"; readonly request: RangeRequestView; read: RangeRead | undefined }
  | { readonly kind: "begin"; readonly succeeded: boolean }
  | { readonly kind: "end" }
  | { readonly kind: "none" };

/** Nothing here puts. */
const noLeases: LeaseLookup = { get: () => undefined };

/** Ranges of one key that a slice answers. */
const slicePartsMax = 256;

export class TxnRead {
  readonly kind = "ok";
  readonly succeeded: boolean;
  private readonly store: KvStore;
  private readonly revision: number;
  private readonly parts: Part[] = [];
  private at = 0;
  /** Marks of the range and of the nested transactions that are being written. */
  private rangeMark = -1;
  private readonly nestedMarks: number[] = [];
  /** The parts that are left were opened, because turns pass before their time comes. */
  private isOpen = false;

  /** Decides and checks. Precondition: no branch writes. `close` it; the request's bytes must live until then. */
  static open(store: KvStore, request: TxnRequest): TxnRead | Refused {
    const decided = decideTxn(store, noLeases, request);
    return typeof decided === "string" ? refuse(decided) : new TxnRead(store, decided);
  }

  private constructor(store: KvStore, decided: DecidedTxn) {
    this.store = store;
    this.succeeded = decided.succeeded;
    this.revision = store.currentRevision;
    this.flatten(decided);
  }

  private flatten({ ops }: DecidedTxn): void {
    for (const op of ops) {
      if (op.kind === "range") {
        this.parts.push({ kind: "range", request: op.request, read: undefined });
      } else if (op.kind === "txn") {
        this.parts.push({ kind: "begin", succeeded: op.txn.succeeded });
        this.flatten(op.txn);
        this.parts.push({ kind: "end" });
      } else {
        assert(op.kind === "none", "a transaction that only reads writes", op.kind);
        this.parts.push({ kind: "none" });
      }
    }
  }

  /** Appends a slice of TxnResponse.responses; false when all are there. The first step is taken in the turn of `open`. */
  step(writer: Writer): boolean {
    const bytesEnd = writer.position + sliceBytesMax;
    for (let parts = 0; this.at < this.parts.length; parts++) {
      if (parts === slicePartsMax || writer.position >= bytesEnd) return this.pause();
      if (!this.write(this.parts[this.at] as Part, writer)) return this.pause();
      this.at += 1;
    }
    return false;
  }

  close(): void {
    for (const part of this.parts) if (part.kind === "range") part.read?.close();
  }

  /** False when the part is not whole yet: that was a slice of its own. */
  private write(part: Part, writer: Writer): boolean {
    switch (part.kind) {
      case "range":
        return this.writeRange(part, writer);
      case "begin":
        this.nestedMarks.push(beginResponseOp(writer, responseOp.txn));
        writeRevisionHeader(writer, 0);
        appendTxnSucceeded(writer, part.succeeded);
        return true;
      case "end":
        endResponseOp(writer, this.nestedMarks.pop() as number);
        return true;
      case "none":
        appendEmptyResponseOp(writer);
        return true;
    }
  }

  private writeRange(part: Extract<Part, { kind: "range" }>, writer: Writer): boolean {
    if (this.rangeMark < 0) {
      this.rangeMark = beginResponseOp(writer, responseOp.range);
      writeRevisionHeader(writer, this.revision);
    }
    const { request } = part;
    if (!this.isOpen && request.rangeEndStart === request.rangeEndEnd) {
      const outcome = writeRange(this.store, request, writer);
      assert(outcome.kind === "ok", "a checked range was refused");
      finishRange(writer, outcome.more, outcome.count);
    } else {
      const read = (part.read ??= this.openRange(request));
      if (read.step(writer)) return false;
      finishRange(writer, read.more, read.count);
      read.close();
    }
    endResponseOp(writer, this.rangeMark);
    this.rangeMark = -1;
    return true;
  }

  private pause(): boolean {
    if (this.isOpen) return true;
    this.isOpen = true;
    for (const part of this.parts.slice(this.at))
      if (part.kind === "range") part.read ??= this.openRange(part.request);
    return true;
  }

  private openRange(request: RangeRequestView): RangeRead {
    const read = RangeRead.open(this.store, request);
    assert(read.kind === "ok", "a checked range was refused");
    return read;
  }
}
