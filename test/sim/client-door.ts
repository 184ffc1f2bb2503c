/** What clients of a run reach of a member beside its key-value requests: Watch streams, and what only the leader knows of leases. */
import { Admission } from "../../node/rpc/admission.ts";
import { LeaderWatch } from "../../node/rpc/leader-watch.ts";
import { WatchService } from "../../node/rpc/watch.ts";
import type { Member } from "../../node/server/member.ts";
import type { LeaseReply, LeaseTimes } from "../../node/server/peer-transport.ts";
import type { EventLoop } from "./event-loop.ts";
import type { KvServer } from "./requests.ts";
import { WatchCall, type WatchCallOptions } from "./watch-call.ts";
import type { World } from "./world.ts";

export interface ClientDoorOptions {
  readonly world: World;
  readonly loop: EventLoop;
  readonly member: Member;
  /** Grants, revocations and puts go through it like any write. */
  readonly server: KvServer;
  readonly delayMs: () => number;
}

export type WatchCallEvents = Pick<
  WatchCallOptions,
  "demandsLeader" | "onMessage" | "onEnd" | "onFull"
>;

/** The connection broke, or the member refused. */
export type LeaseAnswer<Value> = LeaseReply<Value> | { readonly kind: "lost" };

const requestBytesMax = 1024 * 1024;
const progressIntervalMs = 4000;

export class ClientDoor {
  readonly server: KvServer;
  private readonly options: ClientDoorOptions;
  private readonly watches: WatchService;
  private readonly calls = new Set<WatchCall>();
  private readonly lost = new Set<() => void>();

  constructor(options: ClientDoorOptions) {
    const { member } = options;
    const { timers, electionTimeoutMs } = member;
    this.options = options;
    this.server = options.server;
    this.watches = new WatchService({
      member,
      admission: new Admission(member),
      leaderWatch: new LeaderWatch({
        timers,
        electionTimeoutMs,
        hasLeader: () => member.hasLeader,
      }),
      requestBytesMax,
      progressIntervalMs,
      random: member.random,
    });
  }

  openWatch(events: WatchCallEvents): WatchCall {
    const { world, loop, delayMs } = this.options;
    const call = new WatchCall({ ...{ world, loop, delayMs, ...events } });
    for (const each of this.calls) if (each.isOver) this.calls.delete(each);
    this.calls.add(call);
    world.after(delayMs(), () => loop.dispatch(() => this.watches.open(call)));
    return call;
  }

  renew(id: bigint, done: (answer: LeaseAnswer<number>) => void): void {
    this.ask((member) => member.leaseRequests.renew(id), done);
  }

  times(id: bigint, done: (answer: LeaseAnswer<LeaseTimes>) => void): void {
    this.ask((member) => member.leaseRequests.times(id, true), done);
  }

  /** The process is gone: every connection breaks. */
  close(): void {
    const { world, delayMs } = this.options;
    for (const call of this.calls) call.lose();
    for (const lose of this.lost) world.after(delayMs(), lose);
    this.calls.clear();
    this.lost.clear();
  }

  private ask<Value>(
    question: (member: Member) => Promise<LeaseReply<Value>>,
    done: (answer: LeaseAnswer<Value>) => void,
  ): void {
    const { world, loop, member, delayMs } = this.options;
    const lose = (): void => done({ kind: "lost" });
    this.lost.add(lose);
    world.after(delayMs(), () =>
      loop.dispatch(() => {
        world.promised();
        void question(member).then((answer) => {
          if (this.lost.delete(lose)) world.after(delayMs(), () => done(answer));
        });
      }),
    );
  }
}
