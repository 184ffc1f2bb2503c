/**
 * A Range request answered in slices, with turns of the event loop between them: what writeRange does in one go, at one revision
 * whatever is applied meanwhile. Not for reads inside a transaction that writes.
 */
import { assert } from "../lib/assert.ts";
import type { KvStore } from "../mvcc/kv-store.ts";
import type { RangeCursor } from "../mvcc/range-cursor.ts";
import { appendRangeKv } from "../proto/kv-response.ts";
import type { RangeRequestView } from "../proto/range-request.ts";
import type { Writer } from "../proto/wire.ts";
import { refuseRange } from "./range.ts";
import { OrderedKeyValues } from "./range-order.ts";
import { planRange, type RangePlan } from "./range-plan.ts";
import type { Refused } from "./result.ts";

/** A slice looks at so many keys, or copies so many bytes: some milliseconds with a cold cache, a fraction of one with a warm. */
export const sliceKeysMax = 1280;
export const sliceBytesMax = 1024 * 1024;
/** Keys that are only counted cost less. */
const sliceCountMax = 8000;

/** Tags and lengths beside the KeyValues, and some more. */
const roomFactor = 1.1;

type Phase = "gather" | "count" | "append" | "done";

export class RangeRead {
  readonly kind = "ok";
  private readonly plan: RangePlan;
  private readonly cursor: RangeCursor;
  private readonly ordered: OrderedKeyValues | undefined;
  private phase: Phase = "gather";
  /** Ordered KeyValues still to be appended. */
  private appendsLeft = 0;
  private hasMore = false;
  /** The writer has room for what is to come. */
  private isSized = false;
  private readonly storeBytes: number;

  /** Opens it at the revision asked for; `close` it. The request's bytes may go when this returns. */
  static open(store: KvStore, request: RangeRequestView): RangeRead | Refused {
    const plan = planRange(request);
    const cursor = store.openRange(plan);
    if (cursor.kind !== "ok") return refuseRange(cursor.kind);
    return new RangeRead(plan, cursor, store.logicalBytes);
  }

  private constructor(plan: RangePlan, cursor: RangeCursor, storeBytes: number) {
    this.plan = plan;
    this.storeBytes = storeBytes;
    this.cursor = cursor;
    this.ordered = plan.isPlain ? undefined : new OrderedKeyValues(plan);
  }

  /** There are more keys than the limit let through. Known when `step` has returned false. */
  get more(): boolean {
    return this.hasMore;
  }

  /** Keys in the range, before limit and filters. Known when `step` has returned false. */
  get count(): number {
    const { count } = this.cursor;
    assert(count !== undefined, "the count of a range that is not finished");
    return count;
  }

  /** Appends a slice of the `kvs` fields of RangeResponse; false when the answer is whole. */
  step(writer: Writer): boolean {
    this.phase = this.advance(writer);
    return this.phase !== "done";
  }

  close(): void {
    this.cursor.close();
  }

  private advance(writer: Writer): Phase {
    switch (this.phase) {
      case "gather":
        return this.gather(writer) ? "gather" : this.afterCount();
      case "count":
        this.cursor.countSome(sliceCountMax);
        return this.afterCount();
      case "append":
        this.append(writer);
        return this.appendsLeft > 0 ? "append" : "done";
      case "done":
        return "done";
    }
  }

  private gather(writer: Writer): boolean {
    const { ordered, cursor } = this;
    const from = writer.position;
    const visit =
      ordered === undefined
        ? (bytes: Uint8Array, start: number, end: number): void =>
            appendRangeKv(writer, bytes, start, end)
        : (bytes: Uint8Array, start: number, end: number): void => ordered.add(bytes, start, end);
    const hasMore = cursor.read(sliceKeysMax, visit, sliceBytesMax);
    if (hasMore && ordered === undefined && !this.isSized) this.makeRoom(writer, from);
    return hasMore;
  }

  /** A buffer that grows by doubling copies itself again and again; what the first slice took tells what all will take. */
  private makeRoom(writer: Writer, from: number): void {
    this.isSized = true;
    const keys = Math.min(
      this.cursor.count ?? 0,
      this.plan.limit === 0 ? Infinity : this.plan.limit,
    );
    const estimated = ((writer.position - from) / sliceKeysMax) * keys * roomFactor;
    // No range holds more than the store.
    writer.reserve(Math.ceil(Math.min(estimated, this.storeBytes * roomFactor)));
  }

  private afterCount(): Phase {
    const { plan, ordered } = this;
    const { count } = this.cursor;
    if (count === undefined) return "count";
    const { limitAsked } = plan;
    if (ordered === undefined) {
      this.hasMore = limitAsked > 0 && !plan.countOnly && count > limitAsked;
      return "done";
    }
    this.hasMore = limitAsked > 0 && ordered.size > limitAsked;
    this.appendsLeft = this.hasMore ? limitAsked : ordered.size;
    return this.appendsLeft === 0 ? "done" : "append";
  }

  private append(writer: Writer): void {
    const { ordered } = this;
    if (!this.isSized && ordered !== undefined) {
      this.isSized = true;
      const share = this.appendsLeft / Math.max(1, ordered.size);
      writer.reserve(Math.ceil(ordered.bytes * share * roomFactor));
    }
    const bytesEnd = writer.position + sliceBytesMax;
    for (
      let keysLeft = sliceKeysMax;
      keysLeft > 0 && this.appendsLeft > 0 && writer.position < bytesEnd;
      keysLeft--
    ) {
      ordered?.appendNext(writer);
      this.appendsLeft -= 1;
    }
  }
}
