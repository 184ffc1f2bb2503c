/**
 * A client with some watches on one stream. It is slow at times, leaves and goes to another member, asks for progress, ends watches and makes
 * them anew; whenever its stream ends it goes on, with each watch, behind the last revision that it has got.
 */
import { fromText } from "../../node/lib/bytes.ts";
import { etcdserverpb } from "../../node/proto/generated/messages.js";
import { int64Long, longToBigint, longToNumber, numberLong } from "../../node/proto/long.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import { WatchChecker, type WatchWish } from "./checkers/watch-checker.ts";
import type { SimCluster } from "./cluster.ts";
import type { WatchCall } from "./watch-call.ts";
import { keyName } from "./workload.ts";

/** Pause before the next attempt when nobody listens, or the stream has ended. */
const retryMs = 300;
/** Longest time between two of the client's own doings. */
const pauseMsMax = 10_000;

interface ClientWatch {
  readonly checker: WatchChecker;
  readonly wish: WatchWish;
  /** Its number on the stream. */
  id: bigint;
  /** The server has said that it has it. What it says of the whole stream before that is not about this watch. */
  isCreated: boolean;
}

export class WatchClient {
  private readonly name: string;
  private readonly cluster: SimCluster;
  private readonly random: SeededRandom;
  private readonly watches: readonly ClientWatch[];
  private readonly byId = new Map<bigint, ClientWatch>();
  private readonly demandsLeader: boolean;
  private call: WatchCall | undefined;
  private nextId = 1n;
  private isOver = false;

  constructor(cluster: SimCluster, number: number) {
    this.name = `w${number}`;
    this.cluster = cluster;
    this.random = cluster.world.randomFor(`watch ${number}`);
    this.demandsLeader = this.random.chance(0.5);
    const count = 1 + this.random.below(3);
    this.watches = Array.from({ length: count }, (_, at) => this.newWatch(at));
  }

  start(): void {
    const { world } = this.cluster;
    world.after(this.random.below(20_000), () => this.connect());
    this.later();
  }

  /** From now on it reads at once what it gets, and stays where it is. */
  settle(): void {
    this.isOver = true;
    this.call?.setReading(true);
  }

  /** An event that it still has to get; undefined when it has got all there are. */
  get missing(): string | undefined {
    return this.watches.map(({ checker }) => checker.missing).find((text) => text !== undefined);
  }

  get compared(): number {
    return this.watches.reduce((sum, { checker }) => sum + checker.compared, 0);
  }

  private newWatch(at: number): ClientWatch {
    const { random, cluster } = this;
    const { history } = cluster;
    const wish = drawWish(random, cluster.plan.keys);
    const checker = new WatchChecker(
      {
        ...{ name: `${this.name}.${at}`, wish, history },
        onViolation: (text) => cluster.violations.push(`watch ${text}`),
      },
      // A start in the past is chosen when it is known what is past.
      random.pick([undefined, undefined, 1, 2 + random.below(60)]),
    );
    return { checker, wish, id: 0n, isCreated: false };
  }

  private connect(): void {
    const { cluster, random } = this;
    const doors = cluster.doors();
    if (doors.length === 0) {
      cluster.world.after(retryMs, () => this.connect());
      return;
    }
    this.byId.clear();
    const call: WatchCall = random.pick(doors).openWatch({
      demandsLeader: this.demandsLeader,
      onMessage: (bytes) => {
        if (this.call === call) this.take(etcdserverpb.WatchResponse.decode(bytes));
      },
      onEnd: () => {
        if (this.call === call) this.ended();
      },
      onFull: () => cluster.counters.add("watchFull"),
    });
    this.call = call;
    for (const watch of this.watches) this.create(watch);
  }

  private ended(): void {
    const { cluster, random } = this;
    this.call = undefined;
    cluster.counters.add("watchMoved");
    cluster.world.after(random.below(2 * retryMs), () => this.connect());
  }

  private create(watch: ClientWatch): void {
    const { wish, checker } = watch;
    watch.id = this.nextId;
    watch.isCreated = false;
    this.nextId += 1n;
    this.byId.set(watch.id, watch);
    const { FilterType } = etcdserverpb.WatchCreateRequest;
    this.request({
      createRequest: {
        key: fromText(wish.key),
        ...(wish.end === undefined ? {} : { rangeEnd: fromText(wish.end) }),
        startRevision: numberLong(checker.next ?? 0),
        progressNotify: true,
        filters: [
          ...(wish.noPut ? [FilterType.NOPUT] : []),
          ...(wish.noDelete ? [FilterType.NODELETE] : []),
        ],
        prevKv: wish.prevKv,
        watchId: int64Long(watch.id),
      },
    });
  }

  private cancel(watch: ClientWatch): void {
    this.byId.delete(watch.id);
    this.request({ cancelRequest: { watchId: int64Long(watch.id) } });
  }

  private request(request: etcdserverpb.WatchRequest.$Properties): void {
    this.call?.request(etcdserverpb.WatchRequest.encode(request).finish());
  }

  private take(response: etcdserverpb.WatchResponse): void {
    const { cluster, byId } = this;
    const { counters, world } = cluster;
    const id = BigInt.asIntN(64, longToBigint(response.watchId));
    world.trace.number(Number(id) * 64 + response.events.length);
    world.trace.number(longToNumber(response.header?.revision));
    if (id === -1n && !response.created) {
      counters.add("watchProgress");
      for (const { checker, isCreated } of byId.values()) if (isCreated) checker.progress(response);
      return;
    }
    const watch = byId.get(id);
    // Of one that the client has ended.
    if (watch === undefined) return;
    if (response.canceled) this.canceled(watch, response);
    else if (response.created) {
      watch.isCreated = true;
      watch.checker.created(response);
    } else if (response.events.length > 0) watch.checker.events(response);
    else {
      counters.add("watchProgress");
      watch.checker.progress(response);
    }
  }

  private canceled(watch: ClientWatch, response: etcdserverpb.WatchResponse): void {
    const { cluster } = this;
    const compactRevision = longToNumber(response.compactRevision);
    if (compactRevision === 0) {
      cluster.violations.push(`watch ${this.name}: ended with "${response.cancelReason}"`);
      return;
    }
    cluster.counters.add("watchCompacted");
    watch.checker.compacted(compactRevision);
    this.cancel(watch);
    this.create(watch);
  }

  private later(): void {
    this.cluster.world.after(this.random.below(pauseMsMax), () => {
      if (this.isOver) return;
      this.act(this.random.below(100));
      this.later();
    });
  }

  /** `choice` from 0 to 99. */
  private act(choice: number): void {
    const { random, call, cluster } = this;
    if (call === undefined) return;
    if (choice < 30) this.request({ progressRequest: {} });
    else if (choice < 65) {
      call.setReading(false);
      cluster.world.after(random.below(random.chance(0.3) ? 30_000 : 5000), () =>
        call.setReading(true),
      );
    } else if (choice < 80) {
      const watch = random.pick(this.watches);
      if (watch.id === 0n || watch.checker.next === undefined) return;
      this.cancel(watch);
      this.create(watch);
    } else {
      call.cancel();
      this.ended();
    }
  }
}

function drawWish(random: SeededRandom, keys: number): WatchWish {
  const [first, second] = [random.below(keys), random.below(keys)].sort((a, b) => a - b);
  const [low, high] = [keyName(first ?? 0), keyName((second ?? 0) + 1)];
  const ranges = [
    { key: low, end: undefined },
    { key: low, end: high },
    { key: "\0", end: "\0" },
    { key: "lease/", end: "lease0" },
    { key: "bulk/", end: "bulk0" },
  ];
  return {
    ...random.pick(ranges),
    prevKv: random.chance(0.4),
    noPut: random.chance(0.1),
    noDelete: random.chance(0.1),
  };
}
