/**
 * One raft node with a disk, a state machine that strings proposals together, and the loop's duties done one at a time at a script's
 * word: what the member's ready loop does by itself.
 */
import assert from "node:assert/strict";
import { fromText, toText } from "../../../node/lib/bytes.ts";
import { type LogIndex, logIndex, type MemberId } from "../../../node/lib/units.ts";
import {
  asConfChangeV2,
  decodeConfChange,
  decodeConfChangeV2,
} from "../../../node/proto/conf-change-codec.ts";
import type { RaftConfig } from "../../../node/raft/config.ts";
import { MemoryStorage } from "../../../node/raft/memory-storage.ts";
import { RawNode } from "../../../node/raft/raw-node.ts";
import type { Ready } from "../../../node/raft/ready.ts";
import {
  type ConfState,
  type Entry,
  entryType,
  type HardState,
  type Snapshot,
  type SnapshotMetadata,
} from "../../../node/raft/types.ts";

/** Applied state: the texts of the normal entries so far. */
type State = readonly string[];

/** What survives a restart. */
interface Disk {
  hardState: HardState;
  snapshot: SnapshotMetadata;
  /** The state at the snapshot. */
  state: State;
  entries: Entry[];
}

/** Everything of a RaftConfig that belongs to no single life of a node. */
export type LabConfig = Omit<RaftConfig, "storage" | "applied">;

export class LabNode {
  readonly id: MemberId;
  raw: RawNode;
  storage: MemoryStorage;
  state: State;
  config: ConfState;
  /** Taken from raft with `hold`: written at the word of `sync`, lost by a restart before. */
  held: Ready | undefined;
  /** Taken with `defer-apply`: applied at the word of `apply`. */
  unapplied: Entry[] = [];
  private readonly labConfig: LabConfig;
  private readonly disk: Disk;
  /** Written, in its order, and not synced: the next sync makes it durable, a crash before loses it. */
  private unsyncedHardState: HardState | undefined;
  /** By index, the states that lagging followers are given: those of conf changes and compactions. */
  private readonly offered = new Map<LogIndex, State>();

  constructor(labConfig: LabConfig, snapshot: SnapshotMetadata) {
    this.id = labConfig.id;
    this.labConfig = labConfig;
    const hardState = { term: snapshot.term, vote: 0n as MemberId, commit: snapshot.index };
    this.disk = { hardState, snapshot, state: [], entries: [] };
    ({ raw: this.raw, storage: this.storage } = this.start());
    this.state = [];
    this.config = snapshot.confState;
  }

  /** A new life from what is on disk. The commit index on disk may lag, and applied entries are applied again. */
  restart(): void {
    this.held = undefined;
    this.unapplied = [];
    this.unsyncedHardState = undefined;
    ({ raw: this.raw, storage: this.storage } = this.start());
    this.state = this.disk.state;
    this.config = this.disk.snapshot.confState;
  }

  /** Writes a hard state that need not be synced. */
  writeUnsynced(hardState: HardState): void {
    this.unsyncedHardState = hardState;
  }

  /** Writes what `ready` asks for, behind everything that was written before, makes it durable and reports it. */
  append(ready: Ready): void {
    const { disk } = this;
    const hardState = ready.hardState ?? this.unsyncedHardState;
    this.unsyncedHardState = undefined;
    if (hardState !== undefined) {
      assert.ok(hardState.term >= disk.hardState.term, "the term on disk went back");
      assert.ok(hardState.commit >= disk.hardState.commit, "the commit index on disk went back");
      disk.hardState = hardState;
    }
    if (ready.snapshot !== undefined) this.install(ready.snapshot);
    const first = ready.entries[0];
    if (first !== undefined) {
      disk.entries = [...disk.entries.filter(({ index }) => index < first.index), ...ready.entries];
    }
    this.raw.advanceAppend(ready);
  }

  apply(entry: Entry): void {
    if (entry.type === entryType.normal) {
      if (entry.data.length > 0) this.state = [...this.state, textOf(entry)];
    } else {
      const change =
        entry.type === entryType.confChange
          ? asConfChangeV2(decodeConfChange(entry.data))
          : decodeConfChangeV2(entry.data);
      this.config = this.raw.applyConfChange(change);
      // Whom the change adds must find itself in what it is given.
      this.offer(entry);
    }
    this.raw.advanceApply(entry.index);
  }

  /** The applied state becomes what lagging followers are given and restarts begin with; the log up to `to` goes. */
  compact(to: LogIndex): void {
    const { applied } = this.raw;
    const appliedTerm = this.storage.term(applied);
    assert.ok(appliedTerm !== undefined && to <= applied, "compaction beyond what is applied");
    this.disk.snapshot = this.offer({ index: applied, term: appliedTerm });
    this.disk.state = this.state;
    this.storage.compact(to);
  }

  /** The keys that travel beside a MsgSnap. It may leave later than raft made it, so the newest state would not do. */
  snapshotState({ index }: SnapshotMetadata): Uint8Array {
    return fromText((this.offered.get(index) ?? []).join(" "));
  }

  private offer({ index, term }: Pick<SnapshotMetadata, "index" | "term">): SnapshotMetadata {
    const metadata = { index, term, confState: this.config };
    this.storage.setSnapshotMetadata(metadata);
    this.offered.set(index, this.state);
    return metadata;
  }

  private install(snapshot: Snapshot): void {
    const { metadata, data } = snapshot;
    const text = toText(data);
    this.state = text === "" ? [] : text.split(" ");
    this.config = metadata.confState;
    this.unapplied = [];
    this.disk.snapshot = metadata;
    this.disk.state = this.state;
    this.offered.set(metadata.index, this.state);
    this.disk.entries = [];
  }

  private start(): { raw: RawNode; storage: MemoryStorage } {
    const { snapshot, hardState, entries } = this.disk;
    const later = entries.filter(({ index }) => index > snapshot.index);
    const atLeast = Math.max(hardState.commit, snapshot.index);
    const started = { ...hardState, commit: logIndex(atLeast) };
    const storage = new MemoryStorage(snapshot, started, later);
    if (snapshot.index > 0) storage.setSnapshotMetadata(snapshot);
    return {
      raw: new RawNode({ ...this.labConfig, storage, applied: snapshot.index }),
      storage,
    };
  }
}

/** Long data is shown by its size. */
export function textOf({ data }: { readonly data: Uint8Array }): string {
  return data.length > 20 ? `<${data.length} bytes>` : toText(data);
}
