/** A member on a simulated machine, without a network: what the tests of server/, rpc/ and http/ start. */

import type { ApplyResult } from "../../../node/apply/result.ts";
import type { MemoryDisk } from "../../../node/backend/memory-disk.ts";
import { MemoryDisks, MemoryHome } from "../../../node/backend/memory-home.ts";
import { emptyBytes } from "../../../node/lib/bytes.ts";
import type { Timers } from "../../../node/lib/ports.ts";
import { loneNetwork } from "../../../node/server/lone-transport.ts";
import { Member } from "../../../node/server/member.ts";
import type { MemberConfig } from "../../../node/server/member-options.ts";
import { LabWorld } from "../../support/lab-world.ts";
import { MemoryFs } from "../../support/memory-fs.ts";
import { quiet } from "../wal/wal-lab.ts";

export const config: MemberConfig = {
  name: "m1",
  peerUrls: ["http://localhost:2380"],
  clientUrls: ["http://localhost:2379"],
  clusterToken: "etcd-cluster",
  tickMs: 100,
  electionTicks: 10,
  snapshotCount: 50,
  maxSnapshots: 2,
  catchupEntries: 10,
  backendBatchIntervalMs: 20,
  backendBatchOps: 40,
  valueCacheBytesMax: 64 * 1024,
  requestBytesMax: 1000,
};

export class MemberLab {
  readonly world = new LabWorld(1);
  readonly disks = new MemoryDisks();
  readonly fatal: Error[] = [];
  fs = new MemoryFs();
  /** Timers of a process that was killed never run again. */
  private life = 0;

  get disk(): MemoryDisk {
    return this.disks.live;
  }

  /** Resolves when the member serves. */
  start(changes: Partial<MemberConfig> = {}): Promise<Member> {
    return this.settled(this.starting(changes));
  }

  /** The same without a step of the world. */
  async starting(changes: Partial<MemberConfig> = {}): Promise<Member> {
    const { world, fs, disks } = this;
    const life = ++this.life;
    const ifAlive = (run: () => void) => () => {
      if (life === this.life) run();
    };
    const timers: Timers = {
      after: (delayMs, run) => world.after(delayMs, ifAlive(run)),
      every: (periodMs, run) => world.every(periodMs, ifAlive(run)),
      endOfTurn: (run) => world.endOfTurn(ifAlive(run)),
    };
    fs.setComplete((run) => void world.after(0.5, ifAlive(run)));
    const home = new MemoryHome(disks, { timers, commitDelayMs: () => 2 });
    return Member.start({
      ports: { clock: world, timers, random: world.random, fs, logger: quiet },
      config: { ...config, ...changes },
      paths: {
        wal: "/data/member/wal",
        snap: "/data/member/snap",
        backend: "/data/member/backend",
      },
      walOptions: { fs, timers, logger: quiet, segmentBytes: 8192, maxWals: 1 },
      home,
      backend: await home.open(),
      peers: loneNetwork,
      onFatal: (error) => void this.fatal.push(error),
      onRemoved: () => void this.fatal.push(new Error("removed")),
    });
  }

  /** The process is gone; what it had written without a sync may be lost ("nothing" is kept) or not. */
  crash(keeps: "nothing" | "everything"): void {
    this.life += 1;
    this.fs = this.fs.crash(this.world.random, keeps);
    this.disks.crash(keeps === "nothing" ? "lost" : "durable");
  }

  /** Runs the world until the promise is settled; throws when that takes a minute. */
  async settled<Value>(promise: Promise<Value>): Promise<Value> {
    let isDone = false;
    const end = (): void => {
      isDone = true;
    };
    promise.then(end, end);
    await this.turnEnds();
    const until = this.world.monotonicMs() + 60_000;
    if (!(await this.world.run(() => isDone, until))) throw new Error("nothing more happens");
    return promise;
  }

  async pass(ms: number): Promise<void> {
    await this.turnEnds();
    const until = this.world.monotonicMs() + ms;
    this.world.at(until, () => undefined);
    await this.world.run(() => false, until);
  }

  /** Proposes and waits for the answer: a result, or the kind of the error. */
  propose(
    member: Member,
    field: number,
    message: Uint8Array = emptyBytes,
  ): Promise<ApplyResult | string> {
    return this.settled(
      new Promise((resolve) => {
        member.propose(field, message, 0, message.length, { applied: resolve, refused: resolve });
      }),
    );
  }

  read(member: Member): Promise<string> {
    return this.settled(
      new Promise((resolve) => {
        member.linearizableRead({ readable: () => resolve("readable"), refused: resolve });
      }),
    );
  }

  /** What was asked outside of an event belongs to a turn too: its promises and its end have an event to run behind. */
  private async turnEnds(): Promise<void> {
    this.world.after(0, () => undefined);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
