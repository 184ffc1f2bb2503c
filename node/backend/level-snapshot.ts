/** The newest committed state of a LevelDB backend, read from a snapshot of the store while writes go on. */
import type { AppliedPosition, BucketName } from "./backend.ts";
import type { StateSnapshot } from "./backend-snapshot.ts";
import type { StateSource, StoredRecord } from "./bbolt/state-source.ts";
import { encodeState } from "./bbolt/state-writer.ts";
import { type BucketEntry, Buckets } from "./buckets.ts";
import { damaged } from "./damage.ts";
import { bucketSpace, RevisionKey, revisionSpace } from "./layout.ts";
import type { LevelStore, SharedSnapshot } from "./level-store.ts";
import type { LiveSums } from "./live-totals.ts";

/** What a seal says of the state that it ends. */
export interface SealedState {
  readonly position: AppliedPosition;
  readonly live: LiveSums;
  readonly bucketEntries: number;
  readonly bucketsSum: number;
}

export class LevelSnapshot implements StateSnapshot, StateSource {
  readonly name: string;
  readonly position: AppliedPosition;
  readonly live: LiveSums;
  private readonly store: LevelStore;
  private readonly shared: SharedSnapshot;
  private readonly sealed: SealedState;
  private readonly isStoreClosing: () => boolean;
  private isReleased = false;
  private buckets: Promise<Buckets> | undefined;

  /** Takes `shared` over: the store as it was sealed. */
  constructor(
    store: LevelStore,
    shared: SharedSnapshot,
    sealed: SealedState,
    isStoreClosing: () => boolean,
  ) {
    this.name = store.dir;
    this.position = sealed.position;
    this.live = sealed.live;
    this.store = store;
    this.shared = shared;
    this.sealed = sealed;
    this.isStoreClosing = isStoreClosing;
  }

  chunks(): AsyncIterable<Uint8Array> {
    return encodeState(this);
  }

  release(): void {
    if (this.isReleased) return;
    this.isReleased = true;
    this.shared.release();
  }

  async bucket(name: BucketName): Promise<readonly BucketEntry[]> {
    this.buckets ??= this.loadBuckets();
    return (await this.buckets).entries(name);
  }

  async *records(): AsyncGenerator<readonly StoredRecord[]> {
    this.checkUsable();
    const key = new RevisionKey();
    const isStopped = (): boolean => this.isReleased || this.isStoreClosing();
    for await (const entries of this.store.slices(revisionSpace, this.shared, isStopped)) {
      const records: StoredRecord[] = [];
      for (const [text, value] of entries) {
        if (!key.parse(text)) throw damaged(this.name, "a snapshot met an unknown key");
        if (!key.isSeal) records.push({ main: key.main, sub: key.sub, value });
      }
      yield records;
    }
  }

  /** All buckets are read together: they fit into memory, where the live backend has them too. */
  private async loadBuckets(): Promise<Buckets> {
    this.checkUsable();
    const buckets = new Buckets();
    const { bucketEntries, bucketsSum } = this.sealed;
    const shared = this.shared.share();
    try {
      await this.store.readAll(
        bucketSpace,
        (key, value) => {
          const fault = buckets.load(key, value);
          if (fault === undefined) return;
          throw damaged(this.name, `bucket entry ${Buffer.from(key).toString("hex")}: ${fault}`);
        },
        shared,
      );
    } catch (error) {
      this.checkUsable();
      throw error;
    } finally {
      shared.release();
    }
    if (buckets.count !== bucketEntries || buckets.sum !== bucketsSum)
      throw damaged(
        this.name,
        `the buckets, ${buckets.count} entries, are not those of their seal`,
      );
    return buckets;
  }

  private checkUsable(): void {
    if (this.isReleased || this.isStoreClosing())
      throw new Error(`backend ${this.name}: a snapshot was read after its end`);
  }
}
