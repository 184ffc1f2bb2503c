/**
 * The disk of one machine, which outlives its processes: the file system of the log and the snapshots, and the backend's own. All that
 * can happen to a disk is here; when it happens is decided elsewhere.
 */
import { MemoryDisks, MemoryHome } from "../../node/backend/memory-home.ts";
import { MemoryFs } from "../support/memory-fs.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import type { EventLoop } from "./event-loop.ts";
import type { MachineConditions } from "./plan.ts";
import type { World } from "./world.ts";

const noSpace = (): Error =>
  Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });

export class MachineDisk {
  fs = new MemoryFs();
  isFull = false;
  private backends: MemoryDisks;
  private readonly world: World;
  private readonly random: SeededRandom;
  private readonly conditions: MachineConditions;
  private slowness = 1;
  /** Runs once, while the next write is on its way to the disk. */
  private onWrite: (() => void) | undefined;

  constructor(world: World, random: SeededRandom, conditions: MachineConditions) {
    this.world = world;
    this.random = random;
    this.conditions = conditions;
    this.backends = new MemoryDisks();
  }

  /** The disk in the hands of a new process. */
  attach(loop: EventLoop): MemoryHome {
    this.fs.setComplete((run) => {
      this.world.after(this.delayMs(), () =>
        loop.dispatch(() => {
          this.world.promised();
          run();
        }),
      );
    });
    this.watchOperations();
    return new MemoryHome(this.backends, { timers: loop, commitDelayMs: () => 1 + this.delayMs() });
  }

  /** Power fails: unsynced writes survive or not, torn by the sector; a batch of the backend whole or not at all. */
  crash(): void {
    this.fs = this.fs.crash(this.random);
    this.backends.crash(this.random.chance(0.5) ? "lost" : "durable");
  }

  /** The process is gone, the machine goes on. */
  kill(): void {
    this.fs = this.fs.kill();
    this.backends.crash(this.random.chance(0.5) ? "lost" : "durable");
  }

  /** A new disk in the machine. */
  wipe(): void {
    this.fs = new MemoryFs();
    this.backends = new MemoryDisks();
    this.isFull = false;
    this.slowness = 1;
    this.onWrite = undefined;
  }

  /** Everything takes so many times as long; 1 is the normal state. */
  slowDown(factor: number): void {
    this.slowness = factor;
  }

  setFull(isFull: boolean): void {
    this.isFull = isFull;
    this.watchOperations();
  }

  /** Power fails in the middle of the next write. */
  duringNextWrite(run: () => void): void {
    this.onWrite = run;
    this.watchOperations();
  }

  /** True if there is data, so that a start is a restart. */
  get hasData(): boolean {
    return this.fs.files().size > 0;
  }

  /** A bit goes bad somewhere in what is durable. Returns where; undefined when there is nothing. */
  rot(): string | undefined {
    const { random } = this;
    const { live } = this.backends;
    const records = live.records.length;
    if (records > 0 && random.chance(0.5)) {
      const at = random.below(records);
      const bits = (live.records[at]?.value.length ?? 0) * 8;
      live.rot(at, random.below(bits));
      return `backend record ${at} of ${records}`;
    }
    const logs = [...this.fs.files()].filter(
      ([path, bytes]) => path.endsWith(".wal") && bytes.some((byte) => byte !== 0),
    );
    if (logs.length === 0) return undefined;
    const [path, bytes] = random.pick(logs);
    // Behind the last record there are zeros that nobody wrote.
    const used = bytes.findLastIndex((byte) => byte !== 0) + 1;
    const position = random.below(used);
    this.fs.flip(path, position, 1 << random.below(8));
    return `${path} byte ${position} of ${used}`;
  }

  private delayMs(): number {
    const { diskMsMin, diskMsSpread } = this.conditions;
    return (diskMsMin + (this.random.uint32() / 2 ** 32) * diskMsSpread) * this.slowness;
  }

  private watchOperations(): void {
    const { isFull, onWrite } = this;
    this.backends.live.failWrites(isFull ? noSpace() : null);
    if (!isFull && onWrite === undefined) {
      this.fs.setFault(undefined);
      return;
    }
    this.fs.setFault((operation) => {
      if (isFull && (operation === "write" || operation === "create")) return noSpace();
      if (operation === "write" && this.onWrite !== undefined) {
        this.world.after(this.delayMs() * 0.5, this.onWrite);
        this.onWrite = undefined;
        this.watchOperations();
      }
      return undefined;
    });
  }
}
