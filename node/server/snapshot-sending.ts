/**
 * Sends whole states to followers whose entries are gone (etcd server/etcdserver/snapshot_merge.go). raft names an applied index; what is
 * streamed is the newest committed state at or above it, and the message is made over to say so: index, term, configuration and members of
 * exactly that state.
 *
 *     MsgSnap ──▶ [backend's disk has its index] ──▶ state opened ──▶ MsgSnap of that state, streamed ──▶ raft and CatchUp are told
 */
import type { BackendSnapshot, MemberBackend, StateSnapshot } from "../backend/backend-snapshot.ts";
import { assert } from "../lib/assert.ts";
import { CorruptionError } from "../lib/corruption-error.ts";
import type { Histogram } from "../lib/histogram.ts";
import type { Clock, Logger, Timers } from "../lib/ports.ts";
import { idToHex, type MemberId } from "../lib/units.ts";
import type { Message } from "../raft/messages.ts";
import { encodeV2Store } from "../snap/v2-store.ts";
import type { CatchUp } from "./catch-up.ts";
import type { PeerTransport, SnapshotOutcome } from "./peer-transport.ts";
import { membershipAt } from "./snapshot-membership.ts";

export interface SnapshotSendingOptions {
  readonly backend: () => MemberBackend;
  readonly transport: Pick<PeerTransport, "sendSnapshot">;
  readonly catchUp: Pick<CatchUp, "begin" | "end">;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  /** Commits the backend as soon as may be. */
  readonly commitNow: () => void;
  /** Tells raft how a sending ended. Called in a turn of its own. */
  readonly report: (to: MemberId, outcome: SnapshotOutcome) => void;
  /** The own state is damaged: fatal. */
  readonly onError: (error: Error) => void;
  /** Gets how long each state was open. */
  readonly openSeconds?: Histogram;
}

/** States on their way at a time, as in etcd (maxInFlightMsgSnap). */
const sendingsMax = 16;
/**
 * A sending that went well is reported so much later. The follower's own answer says more and mostly comes first; when raft probes a follower that has
 * the body but not yet the message, it is refused and sends the whole state again.
 */
const finishedDelayMs = 1000;

/** One state on its way, or waiting to be opened. */
interface Sending {
  readonly message: Message;
  snapshot: StateSnapshot | undefined;
  /** When it was opened. */
  openedMs: number;
  isSent: boolean;
}

export class SnapshotSending {
  private readonly options: SnapshotSendingOptions;
  private readonly sendings = new Set<Sending>();
  /** Those whose index the backend's disk has not reached. */
  private readonly waiting = new Set<Sending>();

  constructor(options: SnapshotSendingOptions) {
    this.options = options;
  }

  /** Takes raft's MsgSnap. Its end is reported to raft in any case. */
  send(message: Message): void {
    const { snapshot, to } = message;
    assert(snapshot !== undefined, "MsgSnap without a snapshot");
    const { clock, timers, report, catchUp, commitNow } = this.options;
    if (this.sendings.size >= sendingsMax) {
      timers.endOfTurn(() => report(to, "failed"));
      return;
    }
    const sending = { message, snapshot: undefined, openedMs: 0, isSent: false };
    this.sendings.add(sending);
    catchUp.begin(to, snapshot.metadata.index, clock.monotonicMs());
    this.waiting.add(sending);
    this.committed();
    if (this.waiting.has(sending)) commitNow();
  }

  /** The backend's disk has moved on. */
  committed(): void {
    if (this.waiting.size === 0) return;
    const backend = this.options.backend();
    const { consistentIndex } = backend.committed;
    for (const sending of [...this.waiting]) {
      const index = sending.message.snapshot?.metadata.index ?? 0;
      if (index > consistentIndex) continue;
      this.waiting.delete(sending);
      this.open(sending, backend).catch((error: unknown) => this.failed(sending, error));
    }
    if (this.waiting.size > 0) this.options.commitNow();
  }

  /** Gives up what is not on its way yet, before the backend is closed. What is ends by itself. */
  stop(): void {
    for (const sending of [...this.sendings]) if (!sending.isSent) this.end(sending, "failed");
  }

  private async open(sending: Sending, backend: MemberBackend): Promise<void> {
    const { transport, logger } = this.options;
    const { message } = sending;
    const snapshot = backend.openSnapshot();
    sending.snapshot = snapshot;
    sending.openedMs = this.options.clock.monotonicMs();
    const { consistentIndex: index, term, revision } = snapshot.position;
    const membership = await membershipAt(snapshot);
    if (!this.sendings.has(sending)) return;
    const { confState } = membership;
    const made = {
      ...message,
      snapshot: { metadata: { index, term, confState }, data: encodeV2Store(membership) },
    };
    logger.info("sending the state to a follower whose entries are gone", {
      "remote-peer-id": idToHex(message.to),
      "snapshot-index": index,
      revision,
    });
    sending.isSent = true;
    transport.sendSnapshot(made, this.watched(snapshot), (outcome) => this.end(sending, outcome));
  }

  /** The transport hears that the body has failed; that it is this member's own state that is damaged is said here. */
  private watched(snapshot: StateSnapshot): BackendSnapshot {
    const { onError } = this.options;
    return {
      position: snapshot.position,
      chunks: async function* () {
        try {
          yield* snapshot.chunks();
        } catch (error) {
          if (error instanceof CorruptionError) onError(error);
          throw error;
        }
      },
      release: () => snapshot.release(),
    };
  }

  private failed(sending: Sending, error: unknown): void {
    // Given up meanwhile: then the backend may be closed already.
    if (!this.sendings.has(sending)) return;
    this.end(sending, "failed");
    this.options.onError(error instanceof Error ? error : new Error(String(error)));
  }

  private end(sending: Sending, outcome: SnapshotOutcome): void {
    if (!this.sendings.delete(sending)) return;
    const { catchUp, clock, timers, logger, report, openSeconds } = this.options;
    const { to } = sending.message;
    this.waiting.delete(sending);
    if (sending.snapshot !== undefined) {
      sending.snapshot.release();
      openSeconds?.observe((clock.monotonicMs() - sending.openedMs) / 1000);
    }
    catchUp.end(to, outcome, clock.monotonicMs());
    logger.info("ended the sending of the state", { "remote-peer-id": idToHex(to), outcome });
    const tell = (): void => report(to, outcome);
    if (outcome === "finished") timers.after(finishedDelayMs, tell);
    else timers.endOfTurn(tell);
  }
}
