/** What raft asks of the member: values out. RawNode makes them, the member's ready loop does them. */
import type { LogIndex } from "../lib/units.ts";
import type { Message } from "./messages.ts";
import type { Entry, EntryType, HardState, Snapshot } from "./types.ts";

/** The answer to a read request: everything up to `index` must be applied before the read is served (thesis 6.4). */
export interface ReadState {
  readonly context: Uint8Array;
  readonly index: LogIndex;
}

/** Data of one new entry. */
export interface Proposal {
  readonly type: EntryType;
  readonly data: Uint8Array;
}

/** What the member must do. Each thing is handed out once. */
export interface Ready {
  /** The new hard state, if it moved. Durable before `entries` and `snapshot` count. */
  readonly hardState: HardState | undefined;
  /** To be made durable, together with `hardState`, then reported by `advanceAppend(ready)`. */
  readonly entries: readonly Entry[];
  /**
   * Takes the place of the log and the applied state up to its index: to be made durable and installed before `advanceAppend(ready)`.
   * Nothing is handed out to be applied until then. What was handed out before may be dropped.
   */
  readonly snapshot: Snapshot | undefined;
  /**
   * True if term or vote moved or there are entries or a snapshot: a commit index alone may be lost in a crash. But it must be written
   * before the entries of a later Ready, so that their sync covers it: a member must not come back with an entry behind a conf change
   * and not know that the change is committed.
   */
  readonly mustSync: boolean;
  /** Durable and decided: apply in order, then report by `advanceApply`. */
  readonly committedEntries: readonly Entry[];
  readonly readStates: readonly ReadState[];
  /** For other nodes; may leave at once, before `entries` are durable (thesis 10.2.1). */
  readonly messages: readonly Message[];
  /**
   * Deliver once `entries`, `hardState` and `snapshot` are durable: they promise something of them. The node's own are delivered by
   * `advanceAppend`.
   */
  readonly messagesAfterAppend: readonly Message[];
}
