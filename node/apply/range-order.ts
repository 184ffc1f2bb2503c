/** The KeyValues of a range that is filtered by revisions or answered in another order than by key: gathered as copies, then taken. */
import { compareBytes } from "../lib/bytes.ts";
import { KeyValueView, writeKeyValue } from "../proto/key-value.ts";
import { appendRangeKv } from "../proto/kv-response.ts";
import { sortTarget } from "../proto/range-request.ts";
import { Writer } from "../proto/wire.ts";
import type { RangePlan } from "./range-plan.ts";
import { SortedRuns } from "./sorted-runs.ts";

/** A KeyValue that was copied: `bytes[start, end)`, and what it is sorted by. */
interface Kept {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly number: number;
  readonly value: Uint8Array | undefined;
}

type Comparison = (a: Kept, b: Kept) => number;

const byNumber: Comparison = (a, b) => a.number - b.number;
const byValue: Comparison = (a, b) =>
  a.value === undefined || b.value === undefined ? 0 : compareBytes(a.value, b.value);

const comparisons: Readonly<Record<number, Comparison>> = {
  [sortTarget.version]: byNumber,
  [sortTarget.create]: byNumber,
  [sortTarget.mod]: byNumber,
  [sortTarget.value]: byValue,
};

/** Copies share memory: an array for each of a hundred thousand KeyValues would keep the garbage collector busy. */
const blockBytes = 1024 * 1024;

const view = new KeyValueView();
const scratch = new Writer(1024);

/** KeyValues are added in key order, as the store finds them. Ties stay in that order; etcd leaves them to Go's unstable sort. */
export class OrderedKeyValues {
  /** Bytes of all KeyValues that were added. */
  bytes = 0;
  private readonly plan: RangePlan;
  /** By key, in which order they come; the next one to take is at `taken`, or at the end of a descending answer. */
  private readonly byKey: Kept[] = [];
  private taken = 0;
  /** For every other target. Order NONE with such a target means ascending. */
  private readonly sorted: SortedRuns<Kept> | undefined;
  private block = new Uint8Array(0);
  private blockUsed = 0;

  constructor(plan: RangePlan) {
    this.plan = plan;
    const compare = comparisons[plan.sortTarget];
    if (compare === undefined) return;
    this.sorted = new SortedRuns(plan.isDescending ? (a, b) => compare(b, a) : compare);
  }

  /** KeyValues that passed the filters and were not taken. */
  get size(): number {
    return this.sorted?.size ?? this.byKey.length - this.taken;
  }

  /** Copies the KeyValue if it passes the filters. */
  add(bytes: Uint8Array, start: number, end: number): void {
    view.decode(bytes, start, end);
    if (!passesFilters(this.plan, view)) return;
    const kept = this.keep(bytes, start, end);
    if (this.sorted === undefined) this.byKey.push(kept);
    else this.sorted.add(kept);
  }

  /** Appends the next KeyValue to RangeResponse.kvs. Precondition: there is one. */
  appendNext(writer: Writer): void {
    const kept = this.take();
    if (kept === undefined) return;
    const { bytes, start, end } = kept;
    if (!this.plan.isWithoutValues) {
      appendRangeKv(writer, bytes, start, end);
      return;
    }
    view.decode(bytes, start, end);
    const { buffer, keyStart, keyEnd } = view;
    const noValue = { buffer, start: 0, end: 0 };
    scratch.reset();
    writeKeyValue(scratch, { buffer, start: keyStart, end: keyEnd }, noValue, view);
    appendRangeKv(writer, scratch.buffer, 0, scratch.position);
  }

  private take(): Kept | undefined {
    if (this.sorted !== undefined) return this.sorted.take();
    return this.plan.isDescending ? this.byKey.pop() : this.byKey[this.taken++];
  }

  /** Precondition: `view` holds it. */
  private keep(bytes: Uint8Array, start: number, end: number): Kept {
    const length = end - start;
    if (this.blockUsed + length > this.block.length) {
      this.block = new Uint8Array(Math.max(length, blockBytes));
      this.blockUsed = 0;
    }
    const { block, blockUsed: at } = this;
    block.set(bytes.subarray(start, end), at);
    this.blockUsed += length;
    this.bytes += length;
    return {
      bytes: block,
      start: at,
      end: at + length,
      number: numberOf(this.plan.sortTarget),
      value:
        this.plan.sortTarget === sortTarget.value
          ? block.subarray(at + view.valueStart - start, at + view.valueEnd - start)
          : undefined,
    };
  }
}

function numberOf(target: number): number {
  switch (target) {
    case sortTarget.version:
      return view.version;
    case sortTarget.create:
      return view.createRevision;
    case sortTarget.mod:
      return view.modRevision;
    default:
      return 0;
  }
}

function passesFilters(plan: RangePlan, { modRevision, createRevision }: KeyValueView): boolean {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = plan;
  return (
    (maxModRevision === 0 || modRevision <= maxModRevision) &&
    (minModRevision === 0 || modRevision >= minModRevision) &&
    (maxCreateRevision === 0 || createRevision <= maxCreateRevision) &&
    (minCreateRevision === 0 || createRevision >= minCreateRevision)
  );
}
