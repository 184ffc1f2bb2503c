/**
 * A client with one lease at a time: it grants it, attaches keys to it, keeps it alive through whichever member, asks what is left of it, and
 * at some time revokes it or simply forgets it. Keys move from one lease to the next.
 */
import { toText } from "../../node/lib/bytes.ts";
import type { LeaseTimes } from "../../node/server/peer-transport.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import type { ClientDoor, LeaseAnswer } from "./client-door.ts";
import type { SimCluster } from "./cluster.ts";
import { type Answer, deleteRequest, grantRequest, putRequest, revokeRequest } from "./requests.ts";

/** A client gives up after so long. */
const patienceMs = 9000;
/** What it has given up may still reach a log, or the leader, for so long: two stalls, and the members' own patience. */
const lateMs = 25_000;
const retryMs = 300;
const keysMax = 4;

interface OwnLease {
  readonly id: bigint;
  readonly ttlSeconds: number;
  /** Keys that are surely attached, and no others; undefined when an answer is missing. */
  keys: Set<string> | undefined;
}

export class LeaseClient {
  private readonly number: number;
  private readonly cluster: SimCluster;
  private readonly random: SeededRandom;
  private lease: OwnLease | undefined;
  /** Many stay with one member as long as it answers. */
  private door: ClientDoor | undefined;
  private granted = 0;
  private values = 0;
  /** Until then, writes without an answer may still happen. */
  private unsureUntilMs = 0;
  private isOver = false;

  constructor(cluster: SimCluster, number: number) {
    this.number = number;
    this.cluster = cluster;
    this.random = cluster.world.randomFor(`lease ${number}`);
  }

  start(): void {
    this.later(this.random.below(5000));
  }

  /** It begins nothing more; its lease is left to end. */
  stop(): void {
    this.isOver = true;
  }

  private later(delayMs: number): void {
    this.cluster.world.after(delayMs, () => this.next());
  }

  private next(): void {
    if (this.isOver) return;
    const { random, lease, cluster } = this;
    const doors = cluster.doors();
    if (doors.length === 0) {
      this.later(retryMs);
      return;
    }
    if (this.door === undefined || !doors.includes(this.door) || random.chance(0.2))
      this.door = random.pick(doors);
    if (lease === undefined) this.grant(this.door);
    else this.use(lease, this.door, random.below(100));
  }

  private grant(door: ClientDoor): void {
    const { cluster, random } = this;
    const { world, leases, counters } = cluster;
    this.granted += 1;
    const id = BigInt((this.number + 1) * 1000 + this.granted);
    const ttlSeconds = 1 + random.below(7);
    const sentMs = world.nowMs;
    leases.began(id);
    this.call<Answer>(
      (done) => door.server.write(grantRequest(id, ttlSeconds), done),
      (answer) => {
        // What has no answer lives as long as it will; the client knows nothing of it.
        leases.ended(id, this.quietMs(answer.kind));
        world.note(`l${this.number} grant ${id} ${ttlSeconds}s ${answer.kind}`);
        if (answer.kind === "written") {
          counters.add("leaseGranted");
          // The members may have raised it; what was asked for is the least.
          leases.renewed(id, sentMs, ttlSeconds);
          this.lease = {
            id,
            ttlSeconds,
            // Behind a write that was called later than this and is done, no earlier one can come.
            keys: sentMs < this.unsureUntilMs ? undefined : new Set(),
          };
        }
        this.later(random.below(1000));
      },
    );
  }

  /** `choice` from 0 to 99. */
  private use(lease: OwnLease, door: ClientDoor, choice: number): void {
    if (choice < 45) this.renew(lease, door);
    else if (choice < 67) this.put(lease, door);
    else if (choice < 74) this.remove(lease, door);
    else if (choice < 88) this.askTimes(lease, door);
    else if (choice < 94) this.revoke(lease, door);
    else {
      this.cluster.world.note(`l${this.number} forgets ${lease.id}`);
      this.forget(lease);
      this.pause(lease);
    }
  }

  private renew(lease: OwnLease, door: ClientDoor): void {
    const { id } = lease;
    const { world, leases, counters } = this.cluster;
    const sentMs = world.nowMs;
    leases.began(id);
    this.call<LeaseAnswer<number>>(
      (done) => door.renew(id, done),
      (answer) => {
        leases.ended(id, this.quietMs(answer.kind));
        world.note(`l${this.number} renew ${id} ${answer.kind}`);
        if (answer.kind === "found") {
          counters.add("leaseRenewed");
          leases.renewed(id, sentMs, answer.value);
        } else if (answer.kind === "notFound") this.gone(lease);
        // Some do not care for their lease once they have renewed it.
        if (this.random.chance(0.1)) this.forget(lease);
        this.pause(lease);
      },
    );
  }

  /** A key of its own, which may be attached to an earlier lease. */
  private put(lease: OwnLease, door: ClientDoor): void {
    const key = this.ownKey();
    this.values += 1;
    const request = putRequest(key, `l${this.number}.${this.values}`, lease.id);
    this.call<Answer>(
      (done) => door.server.write(request, done),
      (answer) => {
        if (answer.kind === "written") lease.keys?.add(key);
        else this.unsure(lease);
        this.pause(lease);
      },
    );
  }

  private remove(lease: OwnLease, door: ClientDoor): void {
    const key = this.ownKey();
    this.call<Answer>(
      (done) => door.server.write(deleteRequest(key), done),
      (answer) => {
        if (answer.kind === "written") lease.keys?.delete(key);
        else this.unsure(lease);
        this.pause(lease);
      },
    );
  }

  private askTimes(lease: OwnLease, door: ClientDoor): void {
    const { id } = lease;
    const { leases, counters, violations } = this.cluster;
    this.call<LeaseAnswer<LeaseTimes>>(
      (done) => door.times(id, done),
      (answer) => {
        if (answer.kind === "notFound") this.gone(lease);
        else if (answer.kind === "found") {
          counters.add("leaseTimesTold");
          const { remainingSeconds, grantedSeconds } = answer.value;
          leases.toldRemaining(id, remainingSeconds, grantedSeconds);
          const [told, known] = [keysOf(answer.value), lease.keys];
          if (known !== undefined && told !== [...known].sort().join(" "))
            violations.push(`lease ${id}: has the keys ${told}, not ${[...known].join(" ")}`);
        }
        this.pause(lease);
      },
    );
  }

  private revoke(lease: OwnLease, door: ClientDoor): void {
    const { id } = lease;
    this.cluster.leases.givenUp(id);
    this.call<Answer>(
      (done) => door.server.write(revokeRequest(id), done),
      (answer) => {
        this.cluster.world.note(`l${this.number} revoke ${id} ${answer.kind}`);
        this.forget(lease);
        this.pause(lease);
      },
    );
  }

  private gone(lease: OwnLease): void {
    this.cluster.leases.toldGone(lease.id);
    this.forget(lease);
  }

  private forget(lease: OwnLease): void {
    if (this.lease === lease) this.lease = undefined;
  }

  private unsure(lease: OwnLease): void {
    lease.keys = undefined;
    this.unsureUntilMs = this.cluster.world.nowMs + lateMs;
  }

  private pause({ ttlSeconds }: OwnLease): void {
    const isBurst = this.random.chance(0.3);
    this.later(this.random.below(isBurst ? 50 : ttlSeconds * 700));
  }

  private ownKey(): string {
    return `lease/${this.number}/${this.random.below(keysMax)}`;
  }

  /** When nothing of a call can have its effect any more, now that it has ended so. */
  private quietMs(kind: string): number {
    const isAnswered = kind === "written" || kind === "found" || kind === "notFound";
    return this.cluster.world.nowMs + (isAnswered ? 0 : lateMs);
  }

  private call<Told extends { readonly kind: string }>(
    send: (done: (answer: Told) => void) => void,
    use: (answer: Told | { readonly kind: "lost" }) => void,
  ): void {
    let isOver = false;
    const finish = (answer: Told | { readonly kind: "lost" }): void => {
      if (isOver) return;
      isOver = true;
      giveUp.cancel();
      use(answer);
    };
    const giveUp = this.cluster.world.after(patienceMs, () => finish({ kind: "lost" }));
    send(finish);
  }
}

const keysOf = ({ keys }: LeaseTimes): string => keys.map(toText).sort().join(" ");
