/**
 * Random requests of the KV and Maintenance services, as a hostile and forgetful client would make them: few keys that meet often, old and
 * future revisions, every flag, wrong combinations, numbers at the ends of int64. The same seed gives the same requests as long as both
 * servers give the same revisions.
 */
import type { SeededRandom } from "../support/seeded-random.ts";

/** Field values as protobufjs' fromObject takes them: 64-bit numbers as decimal strings. */
export type Message = Readonly<Record<string, unknown>>;

export interface Operation {
  readonly method: "Range" | "RangeStream" | "Put" | "DeleteRange" | "Txn" | "Compact" | "HashKV";
  readonly request: Message;
}

/** What the generator knows of the store: learned from the real etcd's answers. */
export interface StoreView {
  currentRevision: number;
  compactRevision: number;
}

export const extremes = [
  "-9223372036854775808",
  "9223372036854775807",
  "-1",
  "1",
  "4294967296",
  "9007199254740993",
  "-9007199254740993",
];

export const bytes = (text: string): Buffer => Buffer.from(text, "latin1");

/** Keys in three families with equal beginnings, and some with bytes that sort at the ends. */
export const keys: readonly Buffer[] = [
  ...Array.from({ length: 14 }, (_, index) => `a/${String.fromCharCode(97 + index)}`),
  ...Array.from({ length: 14 }, (_, index) => `a/b/${index}`),
  ...Array.from({ length: 14 }, (_, index) => `key-${index}`),
  ...["\0", "\0\0", "\xff", "\xff\xff", "a", "b", "z".repeat(300)],
].map(bytes);

/**
 * Operations from a compaction to the next, or to a question for a hash. Both servers keep no hash of a compaction that comes while the one
 * before is still being removed, and etcd has the hash of a compaction only when it is through: races that this keeps them out of.
 */
const restAfterCompact = 25;

export class OperationSource {
  private readonly random: SeededRandom;
  private readonly view: StoreView;
  private sinceCompact = 0;

  constructor(random: SeededRandom, view: StoreView) {
    this.random = random;
    this.view = view;
  }

  next(): Operation {
    this.sinceCompact += 1;
    const share = this.random.below(1000);
    if (share < 330) return { method: "Put", request: this.put() };
    if (share < 440) return { method: "DeleteRange", request: this.deleteRange() };
    if (share < 690) return { method: "Range", request: this.range() };
    if (share < 920) return { method: "Txn", request: this.txn(0) };
    if (share < 970) return { method: "RangeStream", request: this.rangeForStream() };
    if (share < 985 && this.sinceCompact > restAfterCompact) {
      this.sinceCompact = 0;
      return { method: "Compact", request: this.compact() };
    }
    if (this.sinceCompact <= restAfterCompact) return { method: "Put", request: this.put() };
    return { method: "HashKV", request: { revision: this.revision() } };
  }

  private put(): Message {
    const { random } = this;
    const request: Record<string, unknown> = { key: this.key(), value: this.value() };
    if (random.chance(0.25)) request["prev_kv"] = true;
    if (random.chance(0.08)) {
      request["ignore_value"] = true;
      if (random.chance(0.8)) delete request["value"];
    }
    if (random.chance(0.08)) request["ignore_lease"] = true;
    if (random.chance(0.02)) request["lease"] = this.number();
    return request;
  }

  private deleteRange(): Message {
    const request: Record<string, unknown> = { ...this.keyRange(0.5) };
    if (this.random.chance(0.4)) request["prev_kv"] = true;
    return request;
  }

  /**
   * Without an open end, within transactions: etcd does not see that such a delete overlaps a put of the same transaction, and a compaction at
   * exactly that revision then takes the put's record away (3.7.1, key_index.go: doCompact stops at the tombstone). Ours keeps it.
   */
  private boundedDelete(): Message {
    const request = this.deleteRange();
    const isOpen = bytes("\0").equals((request["range_end"] as Buffer | undefined) ?? bytes("-"));
    return isOpen ? { ...request, range_end: bytes("\xff\xff\xff") } : request;
  }

  private range(): Message {
    const { random } = this;
    const request: Record<string, unknown> = { ...this.keyRange(0.3) };
    if (random.chance(0.4)) request["revision"] = this.revision();
    if (random.chance(0.35)) request["limit"] = this.limit();
    if (random.chance(0.3)) request["sort_order"] = random.chance(0.02) ? 7 : random.below(3);
    if (random.chance(0.3)) request["sort_target"] = random.chance(0.02) ? 9 : random.below(5);
    if (random.chance(0.3)) request["serializable"] = true;
    if (random.chance(0.15)) request["keys_only"] = true;
    if (random.chance(0.1)) request["count_only"] = true;
    const filters = [
      "min_mod_revision",
      "max_mod_revision",
      "min_create_revision",
      "max_create_revision",
    ];
    for (const filter of filters) {
      if (random.chance(0.06)) request[filter] = this.revision();
    }
    return request;
  }

  /**
   * Mostly without what RangeStream refuses; never with a sort target and no order: etcd then sorts each chunk for itself and goes on behind
   * the last key of the sorted chunk, so that it loses keys and repeats others (3.7.1). Ours answers by key.
   */
  private rangeForStream(): Message {
    const { random } = this;
    const asked = this.range();
    const isPlain = random.chance(0.9);
    const kept = Object.entries(asked).filter(([name]) => {
      if (name === "sort_target") return !isPlain && Number(asked["sort_order"] ?? 0) !== 0;
      return !isPlain || !/^sort_|_(mod|create)_revision$/.test(name);
    });
    return Object.fromEntries(kept);
  }

  private txn(depth: number): Message {
    const { random } = this;
    const ops = (): Message[] =>
      Array.from({ length: random.below(random.chance(0.03) ? 140 : 5) }, () => this.txnOp(depth));
    const compare = Array.from({ length: random.below(3) }, () => this.compare());
    return { compare, success: ops(), failure: ops() };
  }

  private txnOp(depth: number): Message {
    const { random } = this;
    const share = random.below(100);
    if (share < 2) return {};
    if (share < 12 && depth < 3) return { request_txn: this.txn(depth + 1) };
    if (share < 45) return { request_range: this.range() };
    if (share < 60) return { request_delete_range: this.boundedDelete() };
    return { request_put: this.put() };
  }

  private compare(): Message {
    const { random } = this;
    const target = random.chance(0.02) ? 11 : random.below(5);
    const compare: Record<string, unknown> = {
      result: random.chance(0.02) ? 9 : random.below(4),
      target,
      ...this.keyRange(0.75),
    };
    const fields = ["version", "create_revision", "mod_revision", "value", "lease"];
    // Now and then the field of another target, or none: the member of the oneof decides nothing alone.
    const field = random.chance(0.05) ? random.pick(fields) : fields[target];
    if (field === "value") compare["value"] = this.value();
    else if (field === "version") compare["version"] = String(random.below(4));
    else if (field !== undefined && random.chance(0.95)) compare[field] = this.revision();
    return compare;
  }

  private compact(): Message {
    const { random, view } = this;
    const { currentRevision, compactRevision } = view;
    const request: Record<string, unknown> = { physical: random.chance(0.5) };
    const behind =
      currentRevision -
      random.below(Math.max(1, Math.floor((currentRevision - compactRevision) / 2)));
    request["revision"] = random.chance(0.25) ? this.revision() : String(behind);
    return request;
  }

  /** `single`: share of requests for one key. */
  private keyRange(single: number): Message {
    const { random } = this;
    if (random.chance(0.01)) return {};
    const key = this.key();
    if (random.chance(single)) return { key };
    const share = random.below(10);
    if (share < 3) return { key, range_end: bytes("\0") };
    if (share < 4) return { key: bytes("\0"), range_end: bytes("\0") };
    if (share < 7) return { key: bytes("a/"), range_end: bytes("a0") };
    return { key, range_end: this.key() };
  }

  private key(): Buffer {
    return this.random.chance(0.004) ? bytes("") : this.random.pick(keys);
  }

  private value(): Buffer {
    const { random } = this;
    const length = random.chance(0.02) ? 3000 : random.below(12);
    return Buffer.alloc(length, random.below(256));
  }

  /** Mostly one that can be read: 0 is the newest. */
  private revision(): string {
    const { random, view } = this;
    const share = random.below(100);
    if (share < 25) return "0";
    if (share < 85) {
      const readable = view.currentRevision - Math.max(view.compactRevision, 1) + 1;
      return String(view.currentRevision - random.below(readable));
    }
    if (share < 92) return String(random.below(view.currentRevision + 5));
    return this.number();
  }

  private limit(): string {
    return this.random.chance(0.06) ? this.number() : String(this.random.below(12));
  }

  private number(): string {
    return this.random.pick(extremes);
  }
}
