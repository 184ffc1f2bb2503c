/** A member's disk with a store on it, over restarts with and without an index checkpoint. */
import assert from "node:assert/strict";
import { MemoryBackend } from "../../../node/backend/memory-backend.ts";
import { MemoryDisk } from "../../../node/backend/memory-disk.ts";
import type { LogFields, Logger, Timers } from "../../../node/lib/ports.ts";
import { logIndex, term } from "../../../node/lib/units.ts";
import { KvStore } from "../../../node/mvcc/kv-store.ts";
import { MemoryFs } from "../../support/memory-fs.ts";
import { seededRandom } from "./key-parts.ts";
import { hexOf } from "./kv-model.ts";

export const path = "data/member/snap/index.checkpoint";
export const everything = { key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) };

const timers: Timers = {
  after: (_delayMs, run) => {
    queueMicrotask(run);
    return { cancel: () => undefined };
  },
  every: () => ({ cancel: () => undefined }),
  endOfTurn: queueMicrotask,
};

/** A member's disk and the store on it, through restarts. */
export class Home {
  readonly disk: MemoryDisk;
  readonly fs: MemoryFs;
  /** Where the index came from at the last opening. */
  cameFrom: "checkpoint" | "records" = "records";
  reason = "";
  private readonly cacheBytes: number;
  private current: { readonly backend: MemoryBackend; readonly store: KvStore } | undefined;
  private index = 0;

  constructor(cacheBytes = 1e5, disk = new MemoryDisk(), fs = new MemoryFs()) {
    this.cacheBytes = cacheBytes;
    this.disk = disk;
    this.fs = fs;
  }

  get store(): KvStore {
    assert.ok(this.current !== undefined);
    return this.current.store;
  }

  get identity(): string {
    assert.ok(this.current !== undefined);
    const { consistentIndex, term: atTerm, revision: at } = this.current.backend.committed;
    return `${this.current.backend.identity} ${consistentIndex} ${atTerm} ${at}`;
  }

  async open(): Promise<KvStore> {
    this.cameFrom = "records";
    this.reason = "";
    const note = (message: string, fields?: LogFields): void => {
      if (message.startsWith("restored")) this.cameFrom = "checkpoint";
      if (typeof fields?.["reason"] === "string") this.reason = fields["reason"];
    };
    const logger: Logger = { debug: note, info: note, warn: note, error: note };
    const backend = new MemoryBackend(this.disk, { timers });
    const store = await KvStore.open({
      backend,
      random: seededRandom(this.index + 9),
      valueCacheBytesMax: this.cacheBytes,
      checkpoint: { fs: this.fs, timers, logger, path, disk: backend },
    });
    this.index = Math.max(this.index, backend.committed.consistentIndex);
    this.current = { backend, store };
    return store;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    const bytes = Buffer.concat([key, value]);
    this.store.put(bytes, 0, key.length, key.length, bytes.length, 0n);
  }

  async commit(): Promise<void> {
    const { backend, store } = this.current as NonNullable<typeof this.current>;
    this.index += 1;
    const mark = store.beforeCommit();
    const position = {
      consistentIndex: logIndex(this.index),
      term: term(1),
      revision: store.currentRevision,
    };
    await new Promise<void>((resolve, reject) => {
      backend.commit(position, (error) => {
        if (error === null) store.afterCommit(mark);
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  /** An orderly stop. */
  async stop(): Promise<void> {
    await this.commit();
    await this.store.saveCheckpoint();
    await this.current?.backend.close();
  }

  /** All that the store can tell, of every so many revisions. */
  answers(step = 1): unknown {
    const { store } = this;
    const histories: unknown[] = [];
    for (let at = Math.max(1, store.compactRevision); at <= store.currentRevision; at += step) {
      const seen: string[] = [];
      const query = { ...everything, revision: at, limit: 0, countOnly: false };
      const outcome = store.range(query, (bytes, start, end) =>
        seen.push(hexOf(bytes.subarray(start, end))),
      );
      histories.push({ at, outcome, seen });
    }
    const { currentRevision, compactRevision, isCompacting, keyCount, logicalBytes } = store;
    return { currentRevision, compactRevision, isCompacting, keyCount, logicalBytes, histories };
  }

  /** The same, and all that a store tells that has read every record. The store that was open is not usable any more. */
  async checkAgainstRecords(step = 1): Promise<void> {
    const own = this.answers(step);
    const other = new Home(this.cacheBytes, this.disk);
    await other.open();
    assert.equal(other.cameFrom, "records");
    assert.deepEqual(own, other.answers(step));
  }
}
