/**
 * The home of a member's backend in memory. What outlives the process lies in `MemoryDisks`, with the faults of such a disk; each process
 * has a `MemoryHome` of its own over it.
 */
import { assert } from "../lib/assert.ts";
import type { Timers } from "../lib/ports.ts";
import { type LogIndex, logIndex } from "../lib/units.ts";
import type { BackendHome, SnapshotReceiver } from "./backend-snapshot.ts";
import { ReceivedBytes } from "./bbolt/received-file.ts";
import { MemoryBackend, type MemoryBackendOptions } from "./memory-backend.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { StateReceiver } from "./snapshot-receiver.ts";

/** The backends of one machine. */
export class MemoryDisks {
  readonly name: string;
  /** The live one. */
  live: MemoryDisk;
  /** The received states that are whole, by index. */
  readonly received = new Map<LogIndex, MemoryDisk>();
  /** Counts crashes. */
  life = 0;
  /** What is about to become durable; a crash decides about it. */
  private inFlight: (() => void) | undefined;
  private serial = 0;

  constructor(name = "memory") {
    this.name = name;
    this.live = new MemoryDisk(name);
  }

  /** Power is cut. What is in flight, a commit or the exchange of two disks, is lost or made it; partly received states are gone. */
  crash(inFlight: "lost" | "durable"): void {
    this.live.crash(inFlight);
    if (inFlight === "durable") this.inFlight?.();
    this.inFlight = undefined;
    this.life++;
  }

  /** An empty disk beside the live one. */
  spare(): MemoryDisk {
    this.serial++;
    return new MemoryDisk(this.name, this.serial);
  }

  /** Makes `change`, all at once, after `wait`, for a process of this `life`. Never resolves when a crash comes, or came, before. */
  async change(change: () => void, life: number, wait: Promise<void>): Promise<void> {
    if (life !== this.life) return never();
    assert(this.inFlight === undefined, "one change of the disks at a time");
    this.inFlight = change;
    await wait;
    if (life !== this.life) return never();
    this.inFlight = undefined;
    change();
  }
}

const never = (): Promise<void> => new Promise(() => undefined);

export class MemoryHome implements BackendHome {
  private readonly disks: MemoryDisks;
  /** A process that a crash has ended changes nothing any more. */
  private readonly life: number;
  private readonly options: MemoryBackendOptions;
  private readonly timers: Timers;
  private backend: MemoryBackend | undefined;
  /** Changes of the disks happen one after the other. */
  private last: Promise<void> = Promise.resolve();

  constructor(disks: MemoryDisks, options: MemoryBackendOptions) {
    this.disks = disks;
    this.life = disks.life;
    this.options = options;
    this.timers = options.timers;
  }

  async open(): Promise<MemoryBackend> {
    this.backend = new MemoryBackend(this.disks.live, this.options);
    return this.backend;
  }

  async receive(): Promise<SnapshotReceiver> {
    const { disks, options } = this;
    const disk = disks.spare();
    return new StateReceiver({
      name: disks.name,
      file: new ReceivedBytes(),
      openBackend: async () => new MemoryBackend(disk, options),
      keep: ({ consistentIndex }) =>
        this.change(() => {
          if (!disks.received.has(consistentIndex)) disks.received.set(consistentIndex, disk);
        }),
      removeBackend: async () => {},
      ignored: () => undefined,
    });
  }

  async received(): Promise<readonly LogIndex[]> {
    return [...this.disks.received.keys()].sort((a, b) => a - b);
  }

  hasReceived(index: LogIndex): boolean {
    return this.disks.received.has(index);
  }

  async install(index: LogIndex): Promise<MemoryBackend> {
    const { disks } = this;
    assert(this.backend?.isClosed !== false, "install beside an open backend", index);
    await this.change(() => {
      const disk = disks.received.get(index);
      assert(disk !== undefined, "install of a state that was not received", index);
      disks.live = disk;
      for (const other of [...disks.received.keys()])
        if (other <= index) disks.received.delete(other);
    });
    return this.open();
  }

  async discardReceived(upTo: LogIndex = logIndex(Number.MAX_SAFE_INTEGER)): Promise<void> {
    const { received } = this.disks;
    for (const index of [...received.keys()]) if (index <= upTo) received.delete(index);
  }

  private change(change: () => void): Promise<void> {
    const run = (): Promise<void> => this.disks.change(change, this.life, this.wait());
    this.last = this.last.then(run, run);
    return this.last;
  }

  private wait(): Promise<void> {
    const delayMs = this.options.commitDelayMs?.() ?? 0;
    return new Promise((resolve) => void this.timers.after(delayMs, resolve));
  }
}
