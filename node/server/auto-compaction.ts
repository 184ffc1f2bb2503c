/**
 * Compaction by itself (--auto-compaction-mode, --auto-compaction-retention; etcd api/v3compactor): the leader compacts, the others only go on
 * looking, so that who comes to lead knows what to compact. The two modes decide when and to which revision (auto-compaction-modes.ts); here is
 * the loop around them.
 */
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import { goDurationText } from "../lib/go-units.ts";
import type { Clock, LogFields, Logger, Timer, Timers } from "../lib/ports.ts";
import { internalRequest } from "../proto/internal-raft-codec.ts";
import { Writer } from "../proto/wire.ts";
import { type CompactionMode, PeriodicMode, RevisionMode } from "./auto-compaction-modes.ts";
import type { Member } from "./member.ts";

/** As the flags say it. */
export type AutoCompactionSettings =
  | { readonly mode: "periodic"; readonly retentionMs: number }
  | { readonly mode: "revision"; readonly retentionRevisions: number };

export interface AutoCompactionOptions {
  readonly settings: AutoCompactionSettings;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  /** The member's own revision now. */
  readonly revision: () => number;
  readonly isLeader: () => boolean;
  /** Has the cluster give up all revisions below `revision`. */
  readonly compact: (revision: number, done: (error: EtcdErrorKind | undefined) => void) => void;
}

export class AutoCompaction {
  private readonly options: AutoCompactionOptions;
  private readonly mode: CompactionMode;
  private timer: Timer | undefined;
  private isStopped = false;

  constructor(options: AutoCompactionOptions) {
    const { settings, clock } = options;
    this.options = options;
    this.mode =
      settings.mode === "periodic"
        ? new PeriodicMode(settings.retentionMs, clock.monotonicMs())
        : new RevisionMode(settings.retentionRevisions);
  }

  start(): void {
    this.wait();
  }

  stop(): void {
    this.isStopped = true;
    this.timer?.cancel();
  }

  /** What a compaction takes is not part of the next wait, as on etcd. */
  private wait(): void {
    if (this.isStopped) return;
    const { timers, revision } = this.options;
    this.mode.look(revision);
    this.timer = timers.after(this.mode.intervalMs, () => this.due());
  }

  private due(): void {
    const { clock, revision, isLeader, compact } = this.options;
    const { mode } = this;
    const startMs = clock.monotonicMs();
    const target = isLeader() ? mode.target(revision, startMs) : undefined;
    if (target === undefined) {
      this.wait();
      return;
    }
    this.log("info", "starting", { revision: target });
    compact(target, (error) => {
      const endMs = clock.monotonicMs();
      // Somebody else may have compacted further.
      if (error === undefined || error === "Compacted") {
        mode.compacted(target, endMs);
        const took = goDurationText(endMs - startMs);
        this.log("info", "completed", { revision: target, took });
      } else if (!this.isStopped) {
        const retry = goDurationText(mode.intervalMs);
        this.log("warn", "failed", { revision: target, "retry-interval": retry, error });
      }
      this.wait();
    });
  }

  private log(level: "info" | "warn", what: string, { revision, ...fields }: LogFields): void {
    const { settings, logger } = this.options;
    const retention =
      settings.mode === "periodic"
        ? { "compact-period": goDurationText(settings.retentionMs) }
        : { "revision-compaction-retention": settings.retentionRevisions };
    logger[level](`${what} auto ${settings.mode} compaction`, {
      revision,
      ...retention,
      ...fields,
    });
  }
}

/** Proposes a CompactionRequest of this member's own. */
export function proposeCompaction(
  member: Pick<Member, "propose">,
  revision: number,
  done: (error: EtcdErrorKind | undefined) => void,
): void {
  const writer = new Writer(16);
  writer.numberField(1, revision);
  const message = writer.finish();
  member.propose(internalRequest.compaction, message, 0, message.length, {
    applied: () => done(undefined),
    refused: done,
  });
}
