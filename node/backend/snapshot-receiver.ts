/**
 * Receives a state: first the database as it comes, then, when it is there to its end, what it holds into an empty backend beside the live one. Both
 * kinds of home receive like this; they differ in where the two lie and in what keeps the backend (level-home.ts, memory-home.ts).
 */
import { assert } from "../lib/assert.ts";
import { CorruptionError } from "../lib/corruption-error.ts";
import { diskError } from "../lib/disk-error.ts";
import { logIndex, revision, term } from "../lib/units.ts";
import type { AppliedPosition } from "./backend.ts";
import type { MemberBackend, SnapshotReceiver } from "./backend-snapshot.ts";
import { Database } from "./bbolt/database.ts";
import { DatabaseFault, faulty } from "./bbolt/database-fault.ts";
import type { ReceivedFile } from "./bbolt/received-file.ts";
import { SealSum } from "./bbolt/seal-page.ts";
import { type ReadState, readState, type StateSink } from "./bbolt/state-reader.ts";

/** Where one state is received. */
export interface ReceivingPlace {
  /** Names it in errors. */
  readonly name: string;
  /** Empty at first; removed when its content is in the backend, or when that is given up. */
  readonly file: ReceivedFile;
  /** Makes the backend; called once at most. What it rejects with, it has cleaned up after. */
  openBackend(): Promise<MemberBackend>;
  /** The backend is whole, durable and closed: keeps it under its index. */
  keep(position: AppliedPosition): Promise<void>;
  /** Removes the backend; it is closed. */
  removeBackend(): Promise<void>;
  /** Told the names of the buckets that are not taken over, if there are any. */
  ignored(buckets: readonly string[]): void;
}

/** What gathers between two synced batches; at 1 µs a record, a batch stays one short turn. */
const batchOpsMax = 5000;
const batchBytesMax = 4 * 1024 * 1024;

export class StateReceiver implements SnapshotReceiver {
  private readonly place: ReceivingPlace;
  private readonly sum = new SealSum();
  private backend: MemberBackend | undefined;
  /** The step that was begun last; never rejects. */
  private step: Promise<void> = Promise.resolve();
  private isBusy = false;
  private isKept = false;
  private ending: Promise<void> | undefined;

  constructor(place: ReceivingPlace) {
    this.place = place;
  }

  write(chunk: Uint8Array): Promise<void> {
    return this.attempt(async () => {
      await this.place.file.append(chunk);
      this.sum.add(chunk);
    });
  }

  finish(): Promise<AppliedPosition> {
    return this.attempt(async () => {
      const { place } = this;
      const { position, ignored } = await this.takeOver().catch((error: unknown) => {
        throw error instanceof DatabaseFault ? refused(error) : error;
      });
      if (ignored.length > 0) place.ignored(ignored);
      await place.file.remove();
      await place.keep(position);
      this.isKept = true;
      this.ending = Promise.resolve();
      return position;
    });
  }

  /** Also in the middle of a step, which then rejects. */
  abort(): Promise<void> {
    this.ending ??= this.remove();
    return this.ending;
  }

  /** Brings the content of the file into a new backend, makes it durable and closes it. */
  private async takeOver(): Promise<ReadState> {
    const { file } = this.place;
    const database = await Database.open(file);
    const { highWater, txid } = database.meta;
    // Etcd sends its file up to there and no further.
    if (file.size !== database.size)
      faulty(`it has ${file.size} bytes, and ${database.size} by what it says`);
    if (this.sum.isBroken(highWater, txid)) faulty("other bytes than were sent");
    this.checkGoing();
    const backend = await this.place.openBackend();
    this.backend = backend;
    const state = await readState(database, this.sinkInto(backend));
    await this.commit(backend, state.position);
    await backend.close();
    return state;
  }

  private sinkInto(backend: MemberBackend): StateSink {
    let lastMain = 0;
    return {
      bucketEntry: (bucket, key, value) => backend.put(bucket, key, value),
      record: (main, sub, kind, bytes, start, end) => {
        backend.append(revision(main), sub, kind, bytes, start, end);
        lastMain = main;
      },
      pageDone: () => {
        this.checkGoing();
        const { pendingOps, pendingBytes } = backend;
        if (pendingOps < batchOpsMax && pendingBytes < batchBytesMax) return undefined;
        // Nobody takes the batches before the last for a state: their index is 0.
        return this.commit(backend, {
          consistentIndex: logIndex(0),
          term: term(0),
          revision: revision(lastMain),
        });
      },
    };
  }

  private checkGoing(): void {
    if (this.ending !== undefined) throw new Error(`${this.place.name}: the receiving has ended`);
  }

  private async remove(): Promise<void> {
    await this.step;
    if (this.isKept) return;
    await this.backend?.close();
    await this.place.file.remove();
    if (this.backend !== undefined) await this.place.removeBackend();
  }

  /** Does one step; when it fails, nothing is left of all of them. */
  private async attempt<Result>(act: () => Promise<Result>): Promise<Result> {
    assert(!this.isBusy, "a receiver does one thing at a time");
    this.checkGoing();
    this.isBusy = true;
    const result = act();
    this.step = result.then(
      () => undefined,
      () => undefined,
    );
    try {
      return await result;
    } catch (error) {
      await this.abort();
      throw error;
    } finally {
      this.isBusy = false;
    }
  }

  private commit(backend: MemberBackend, position: AppliedPosition): Promise<void> {
    return new Promise((resolve, reject) => {
      backend.commit(position, (error) => {
        if (error === null) resolve();
        else reject(diskError(`cannot write the received state ${this.place.name}`, error));
      });
    });
  }
}

const refused = (fault: DatabaseFault): CorruptionError =>
  new CorruptionError(
    `a state received from another member: ${fault.message}; nothing of it was kept, it will be sent again`,
    { cause: fault },
  );
