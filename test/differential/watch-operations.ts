/** Random operations around watches: writes, compactions, and everything that a Watch stream takes, with every option and many mistakes. */
import type { SeededRandom } from "../support/seeded-random.ts";
import {
  bytes,
  extremes,
  keys,
  type Message,
  type Operation,
  OperationSource,
  type StoreView,
} from "./operations.ts";

export type WatchOperation =
  | { readonly kind: "write"; readonly operation: Operation }
  /** Large values that are deleted at once: a response that has to be cut. */
  | { readonly kind: "burst" }
  | { readonly kind: "open" }
  | { readonly kind: "close"; readonly stream: number }
  | {
      readonly kind: "create" | "cancel" | "progress";
      readonly stream: number;
      readonly request: Message;
    };

const streamsMax = 4;
const writes = new Set(["Put", "DeleteRange", "Txn", "Compact"]);

export class WatchOperationSource {
  private readonly random: SeededRandom;
  private readonly view: StoreView;
  private readonly kv: OperationSource;

  constructor(random: SeededRandom, view: StoreView) {
    this.random = random;
    this.view = view;
    this.kv = new OperationSource(random, view);
  }

  /** `streams` are open. */
  next(streams: number): WatchOperation {
    const { random } = this;
    if (streams === 0) return { kind: "open" };
    const share = random.below(1000);
    if (share < 3) return { kind: "burst" };
    if (share < 15 && streams < streamsMax) return { kind: "open" };
    const stream = random.below(streams);
    if (share < 25) return { kind: "close", stream };
    if (share < 180) return { kind: "create", stream, request: { create_request: this.create() } };
    if (share < 290)
      return { kind: "cancel", stream, request: { cancel_request: { watch_id: this.anyId() } } };
    if (share < 370) return { kind: "progress", stream, request: { progress_request: {} } };
    return { kind: "write", operation: this.write() };
  }

  private write(): Operation {
    for (;;) {
      const { method, request } = this.kv.next();
      if (!writes.has(method)) continue;
      if (method !== "Compact") return { method, request };
      // Whether a watch still finds a record that is being removed is a race.
      return { method, request: { ...request, physical: true } };
    }
  }

  private create(): Message {
    const { random } = this;
    const request: Record<string, unknown> = { ...this.range() };
    if (random.chance(0.5)) request["start_revision"] = this.start();
    if (random.chance(0.5)) request["prev_kv"] = true;
    if (random.chance(0.3)) request["fragment"] = true;
    if (random.chance(0.2)) request["progress_notify"] = true;
    if (random.chance(0.3))
      request["filters"] = random.pick([[0], [1], [0, 1], [1, 1], [7], [7, 0]]);
    if (random.chance(0.35)) request["watch_id"] = this.anyId();
    return request;
  }

  private range(): Message {
    const { random } = this;
    const key = random.chance(0.03) ? bytes("") : random.pick(keys);
    const share = random.below(100);
    if (share < 30) return { key };
    if (share < 50) return { key: bytes("\0"), range_end: bytes("\0") };
    if (share < 60) return { key, range_end: bytes("\0") };
    if (share < 75) return { key: bytes("a/"), range_end: bytes("a0") };
    if (share < 80) return { key: bytes("big/"), range_end: bytes("big0") };
    if (share < 84) return { key, range_end: key };
    return { key, range_end: random.pick(keys) };
  }

  private start(): string {
    const { random, view } = this;
    const { currentRevision, compactRevision } = view;
    const share = random.below(100);
    if (share < 10) return String(currentRevision);
    if (share < 25) return String(currentRevision + 1);
    if (share < 40) return String(currentRevision + 2 + random.below(20));
    if (share < 75)
      return String(currentRevision - random.below(currentRevision - compactRevision + 1));
    if (share < 80) return String(compactRevision);
    if (share < 92) return String(random.below(compactRevision + 1));
    return random.pick(extremes);
  }

  /** Mostly one of the first that a server chooses; never -1, which stands for no watch. */
  private anyId(): string {
    const { random } = this;
    if (random.chance(0.85)) return String(random.below(12));
    return random.pick(extremes.filter((number) => number !== "-1"));
  }
}
