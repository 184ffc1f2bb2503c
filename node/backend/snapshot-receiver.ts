/**
 * Receives a state into an empty backend that lies beside the live one. Both kinds of home receive like this; they differ in where the empty
 * backend lies and in what keeps it (level-home.ts, memory-home.ts).
 */
import { assert } from "../lib/assert.ts";
import { diskError } from "../lib/disk-error.ts";
import { logIndex, revision, term } from "../lib/units.ts";
import type { AppliedPosition } from "./backend.ts";
import type { MemberBackend, SnapshotReceiver } from "./backend-snapshot.ts";
import { recordHeaderBytes, storedRecordKind } from "./record.ts";
import { SnapshotDecoder } from "./snapshot-decoder.ts";

/** Where one state is received. */
export interface ReceivingPlace {
  /** Names it in errors. */
  readonly name: string;
  /** Empty at first. */
  readonly backend: MemberBackend;
  /** It is whole, durable and closed: keeps it under its index. */
  keep(position: AppliedPosition): Promise<void>;
  /** Removes it; it is closed. */
  remove(): Promise<void>;
}

/** What gathers between two synced batches; at 1 µs a record, a batch stays one short turn. */
const batchOpsMax = 5000;
const batchBytesMax = 4 * 1024 * 1024;

export class StateReceiver implements SnapshotReceiver {
  private readonly place: ReceivingPlace;
  private readonly decoder: SnapshotDecoder;
  private main = 0;
  private isBusy = false;
  private ending: Promise<void> | undefined;

  constructor(place: ReceivingPlace) {
    const { backend } = place;
    this.place = place;
    this.decoder = new SnapshotDecoder({
      bucketEntry: (bucket, key, value) => backend.put(bucket, key, value),
      record: (main, sub, stored) => {
        const end = stored.length - 4;
        const kind = storedRecordKind(stored);
        backend.append(revision(main), sub, kind, stored, recordHeaderBytes, end);
        this.main = main;
      },
    });
  }

  write(chunk: Uint8Array): Promise<void> {
    return this.attempt(async () => {
      this.decoder.take(chunk);
      const { pendingOps, pendingBytes } = this.place.backend;
      if (pendingOps < batchOpsMax && pendingBytes < batchBytesMax) return;
      // Nobody takes the batches before the last for a state: their index is 0.
      await this.commit({
        consistentIndex: logIndex(0),
        term: term(0),
        revision: revision(this.main),
      });
    });
  }

  finish(): Promise<AppliedPosition> {
    return this.attempt(async () => {
      const position = this.decoder.end();
      await this.commit(position);
      await this.place.backend.close();
      await this.place.keep(position);
      this.ending = Promise.resolve();
      return position;
    });
  }

  abort(): Promise<void> {
    this.ending ??= this.remove();
    return this.ending;
  }

  private async remove(): Promise<void> {
    await this.place.backend.close();
    await this.place.remove();
  }

  /** Does one step; when it fails, nothing is left of all of them. */
  private async attempt<Result>(step: () => Promise<Result>): Promise<Result> {
    assert(!this.isBusy, "a receiver does one thing at a time");
    if (this.ending !== undefined) throw new Error(`${this.place.name}: the receiving has ended`);
    this.isBusy = true;
    try {
      return await step();
    } catch (error) {
      await this.abort();
      throw error;
    } finally {
      this.isBusy = false;
    }
  }

  private commit(position: AppliedPosition): Promise<void> {
    return new Promise((resolve, reject) => {
      this.place.backend.commit(position, (error) => {
        if (error === null) resolve();
        else reject(diskError(`cannot write the received state ${this.place.name}`, error));
      });
    });
  }
}
