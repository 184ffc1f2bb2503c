/** What the tests of the log share: entries, options over a disk in memory, and saves as promises. */

import type { Fs, Logger, Random, Timers } from "../../../node/lib/ports.ts";
import type { ClusterId, LogIndex, MemberId, Term } from "../../../node/lib/units.ts";
import type { ConfState, Entry, EntryType, HardState } from "../../../node/raft/types.ts";
import type { Wal, WalMetadata, WalOptions, WalSnapshot } from "../../../node/wal/wal.ts";
import { MemoryFs } from "../../support/memory-fs.ts";

export const dir = "/data/member/wal";

export const metadata: WalMetadata = {
  nodeId: 0x8e9e05c52164694dn as MemberId,
  clusterId: 0xcdf818194e3a8c32n as ClusterId,
};

export const voter = 0xfedcba9876543210n as MemberId;
export const origin: WalSnapshot = { index: 0 as LogIndex, term: 0 as Term };

export const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Timers without time: what is due later happens in the next microtask. */
export const hastyTimers: Timers = {
  after(_delayMs, run) {
    let isCancelled = false;
    queueMicrotask(() => {
      if (!isCancelled) run();
    });
    return {
      cancel: () => {
        isCancelled = true;
      },
    };
  },
  every: () => ({ cancel() {} }),
  endOfTurn: (run) => queueMicrotask(run),
};

/** A disk on which the member's directory is durable: making it so is its owner's duty, not the log's. */
export async function freshDisk(): Promise<MemoryFs> {
  const disk = new MemoryFs();
  await disk.makeDir("/data/member");
  for (const path of ["/", "/data"]) await disk.syncDir(path);
  return disk;
}

export const optionsFor = (fs: Fs, changes: Partial<WalOptions> = {}): WalOptions => ({
  fs,
  timers: hastyTimers,
  logger: quiet,
  segmentBytes: 16 * 1024,
  maxWals: 0,
  ...changes,
});

export function entry(
  index: number,
  term: number,
  data: Uint8Array | string,
  type: EntryType = 0,
): Entry {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  return { index: index as LogIndex, term: term as Term, type, data: bytes };
}

export const hardState = (term: number, vote: bigint, commit: number): HardState => ({
  term: term as Term,
  vote: vote as MemberId,
  commit: commit as LogIndex,
});

export const confState = (...voters: bigint[]): ConfState => ({
  voters: voters as MemberId[],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
});

export const snapshotAt = (index: number, term: number): WalSnapshot => ({
  index: index as LogIndex,
  term: term as Term,
  confState: confState(voter),
});

type Callback = (error: Error | null) => void;

function promised(start: (done: Callback) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

export const save = (
  wal: Wal,
  state: HardState | undefined,
  entries: readonly Entry[],
): Promise<void> => promised((done) => wal.save(state, entries, done));
export const saveSnapshot = (wal: Wal, snapshot: WalSnapshot): Promise<void> =>
  promised((done) => wal.saveSnapshot(snapshot, done));
export const flush = (wal: Wal): Promise<void> => promised((done) => wal.flush(done));

/** Mulberry32. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return {
    uint32() {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return (mixed ^ (mixed >>> 14)) >>> 0;
    },
  };
}

/** Bytes that are nowhere zero over a sector, as they are in practice. */
export function bytesOf(length: number, seed = 1): Uint8Array {
  const random = seeded(seed);
  return Uint8Array.from({ length }, () => (random.uint32() % 255) + 1);
}

/** Entries without the class of their data. */
export const plain = (entries: readonly Entry[]): unknown[] =>
  entries.map(({ index, term, type, data }) => [
    index,
    term,
    type,
    Buffer.from(data).toString("hex"),
  ]);
