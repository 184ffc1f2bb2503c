/**
 * One run over watches: both servers get the same random writes and the same random requests on their Watch streams, one after the other, and
 * after each all that the streams brought is compared, event by event. Now and then both servers are killed and started again.
 */
import type { ServerPair } from "../conformance/pair.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { difference } from "./judge.ts";
import type { Operation, StoreView } from "./operations.ts";
import { connect, Difference, learn, readable } from "./run.ts";
import { encodeRequest } from "./service.ts";
import { WatchBook } from "./watch-book.ts";
import { WatchClient } from "./watch-client.ts";
import { type WatchOperation, WatchOperationSource } from "./watch-operations.ts";
import { WatchPair } from "./watch-pair.ts";

/** For both servers: so small that a response of large events is cut, and notifications within a run. */
export const watchServerFlags = [
  "--max-request-bytes=150000",
  "--watch-progress-notify-interval=1s",
];

const burstKeys = 10;
const burstValueBytes = 90_000;

export interface WatchRunOptions {
  readonly seed: number;
  readonly operations: number;
  /** How often both servers are killed and started again, evenly spread. */
  readonly restarts: number;
  readonly onProgress?: (done: number) => void;
}

export interface WatchRunResult {
  /** What happened, and how often: operations by kind, ends of watches, and so on. */
  readonly tally: ReadonlyMap<string, number>;
  readonly events: number;
}

export async function runWatches(
  pair: ServerPair,
  options: WatchRunOptions,
): Promise<WatchRunResult> {
  const run = new WatchRun(pair, options);
  try {
    return await run.all();
  } finally {
    run.disconnect();
  }
}

class WatchRun {
  private readonly servers: ServerPair;
  private readonly options: WatchRunOptions;
  private readonly view: StoreView = { currentRevision: 1, compactRevision: 0 };
  private readonly source: WatchOperationSource;
  private readonly book = new WatchBook();
  private readonly tally = new Map<string, number>();
  private events = 0;
  private services;
  private clients: readonly [WatchClient, WatchClient];
  /** The watch of everything. */
  private observer: WatchPair | undefined;
  private prober: WatchPair | undefined;
  private observed = 0;
  private streams: WatchPair[] = [];

  constructor(servers: ServerPair, options: WatchRunOptions) {
    this.servers = servers;
    this.options = options;
    this.source = new WatchOperationSource(new SeededRandom(options.seed), this.view);
    this.services = connect(servers);
    this.clients = [new WatchClient(servers.etcd.address), new WatchClient(servers.ours.address)];
  }

  async all(): Promise<WatchRunResult> {
    const { operations, restarts, onProgress } = this.options;
    const restartEvery = Math.ceil((operations + 1) / (restarts + 1));
    await this.observe();
    for (let done = 0; done < operations; done++) {
      if (done > 0 && done % restartEvery === 0) await this.restart();
      const operation = this.source.next(this.streams.length);
      this.count(operation.kind);
      try {
        await this.do(operation);
      } catch (error) {
        if (error instanceof Difference) throw error;
        throw this.report(done, operation, [String(error)]);
      }
      const found = this.streams.flatMap((stream) => stream.differences());
      if (found.length > 0) throw this.report(done, operation, found);
      onProgress?.(done + 1);
    }
    for (const stream of this.streams) this.forget(stream);
    return { tally: this.tally, events: this.events };
  }

  disconnect(): void {
    for (const stream of this.streams) stream.close();
    this.observer?.close();
    this.prober?.close();
    for (const client of this.clients) client.close();
    this.services.close();
  }

  private async do(operation: WatchOperation): Promise<void> {
    switch (operation.kind) {
      case "write":
        await this.write(operation.operation);
        break;
      case "burst":
        await this.burst();
        break;
      case "open":
        this.streams.push(new WatchPair(...this.clients));
        break;
      case "close": {
        const [stream] = this.streams.splice(operation.stream, 1);
        if (stream !== undefined) this.forget(stream);
        break;
      }
      case "progress":
        await this.progress(operation.stream);
        break;
      default:
        await this.request(operation.stream, operation.request);
    }
  }

  private async write(operation: Operation): Promise<void> {
    const { services, view } = this;
    const before = view.currentRevision;
    const request = encodeRequest(operation);
    const [etcd, ours] = await Promise.all([
      services.etcd.call(operation.method, request),
      services.ours.call(operation.method, request),
    ]);
    const problem = difference(operation, etcd, ours);
    if (problem !== undefined) throw new Error(problem);
    learn(view, operation, etcd);
    if (view.currentRevision === before) return;
    await this.learnHistory();
    for (const stream of this.streams) await this.book.settled(stream);
  }

  private async burst(): Promise<void> {
    for (let index = 0; index < burstKeys; index++) {
      const value = Buffer.alloc(burstValueBytes, index);
      await this.write({ method: "Put", request: { key: Buffer.from(`big/${index}`), value } });
    }
    const request = { key: Buffer.from("big/"), range_end: Buffer.from("big0") };
    await this.write({ method: "DeleteRange", request });
  }

  private async request(at: number, request: WatchRequest): Promise<void> {
    const stream = this.streams[at];
    if (stream === undefined) return;
    const { currentRevision: current, compactRevision: compacted } = this.view;
    const before = stream.sides[0].record.lives.length;
    await stream.ask(request);
    const creation = request["create_request"];
    if (creation !== undefined && stream.sides[0].record.lives.length > before)
      this.book.created(stream, creation as WatchRequest, { current, compacted });
    await this.book.settled(stream);
    const start = Number((creation as WatchRequest | undefined)?.["start_revision"] ?? 0);
    if (start > 0 && start <= current) await this.caughtUp();
  }

  /**
   * Etcd brings watches of the past up to date ten times a second, all at once: until then a compaction may still hit one that has nothing to get.
   * One more of them, with something to get, tells when that is over.
   */
  private async caughtUp(): Promise<void> {
    const { book, view, prober } = this;
    const past = book.newest(view.compactRevision);
    if (past === undefined || prober === undefined) return;
    const count = prober.sides[0].record.lives.length;
    const { key, revision } = past;
    await prober.ask({ create_request: { key, start_revision: String(revision), watch_id: "1" } });
    await prober.until("event of the past", ({ lives }) => (lives[count]?.events.length ?? 0) > 0);
    await prober.ask({ cancel_request: { watch_id: "1" } });
  }

  private async progress(at: number): Promise<void> {
    const stream = this.streams[at];
    if (stream === undefined) return;
    const [{ record }] = stream.sides;
    const before = record.progresses;
    const isDue = this.book.hasProgress(stream, this.view.currentRevision);
    await stream.ask({ progress_request: {} });
    if (isDue !== record.progresses > before) throw new Error(`etcd's progress is unexpected`);
  }

  private async observe(): Promise<void> {
    this.observer = new WatchPair(...this.clients);
    this.prober = new WatchPair(...this.clients);
    const all = { key: Buffer.from("\0"), range_end: Buffer.from("\0"), prev_kv: true };
    const create = { ...all, start_revision: String(this.view.currentRevision + 1) };
    this.observed = 0;
    await this.observer.ask({ create_request: create });
  }

  private async learnHistory(): Promise<void> {
    const { observer, view } = this;
    if (observer === undefined) return;
    await observer.until(
      `event of revision ${view.currentRevision}`,
      ({ lives: [life] }) => life?.told === view.currentRevision && !life.isOpen,
    );
    const found = observer.differences();
    if (found.length > 0) throw new Error(found.join("\n"));
    const events = observer.sides[0].record.lives[0]?.events ?? [];
    for (; this.observed < events.length; this.observed++)
      this.book.remember(events[this.observed] as string);
  }

  private async restart(): Promise<void> {
    for (const stream of this.streams) this.forget(stream);
    this.streams = [];
    this.disconnect();
    await this.servers.restart();
    this.services = connect(this.servers);
    this.clients = [
      new WatchClient(this.servers.etcd.address),
      new WatchClient(this.servers.ours.address),
    ];
    await this.observe();
  }

  /** Counts what the stream was good for, and closes it. */
  private forget(stream: WatchPair): void {
    for (const { events, end, notifications, cuts } of stream.sides[1].record.lives) {
      this.events += events.length;
      this.count(`watch ${end?.replace(/ .*/, "") ?? "closed"}`);
      if (notifications > 0) this.count("watch notified");
      if (cuts.size > 0) this.count("response in parts");
    }
    for (const control of stream.sides[1].record.controls) {
      if (control.startsWith("progress")) this.count("progress of all");
      if (control.includes("empty")) this.count("empty range");
      if (control.includes("duplicate")) this.count("duplicate id");
    }
    stream.close();
  }

  private count(what: string): void {
    this.tally.set(what, (this.tally.get(what) ?? 0) + 1);
  }

  private report(done: number, operation: WatchOperation, found: readonly string[]): Difference {
    const asked = JSON.stringify(operation, readable);
    return new Difference(
      `seed ${this.options.seed}, operation ${done}: ${asked}\n${found.join("\n")}`,
    );
  }
}

type WatchRequest = Readonly<Record<string, unknown>>;
