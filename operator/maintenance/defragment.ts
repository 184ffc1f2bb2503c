/**
 * `maintenance defrag`: one member after the other, those that lead last, and each only while all of them are well. What was done stays done wherever it
 * stops: a defragmentation changes no data.
 */
import { ClientError } from "../../node/client/client-error.ts";
import { isAborted, sleep } from "../kernel/backoff.ts";
import { type DefragSettings, fullMemberIn, nextInNeed } from "./defrag-need.ts";
import { DiskWatch } from "./disk-watch.ts";
import { whyNotHealthy } from "./health-gate.ts";
import { failed, type Outcome, skipped, succeeded } from "./outcome.ts";
import type { Run } from "./run-ports.ts";
import { answering, leaderIn, type Sight, termIn } from "./sight.ts";

/** A member that was asked when the program was told to end: so long its answer is waited for. */
const graceMs = 10_000;

export async function defragment(run: Run): Promise<Outcome> {
  const sight = await run.look();
  const settings = sight.cluster.spec.maintenance?.defrag;
  if (settings === undefined) return skipped("spec.maintenance.defrag is not set");
  const why = whyNotHealthy(sight);
  if (why !== undefined) return skipped(why);
  return new Defragmentation(run, settings, sight).run();
}

/** One run, from its first look on. */
class Defragmentation {
  private readonly ports: Run;
  private readonly settings: DefragSettings;
  private readonly termAtStart: number;
  private readonly disks: DiskWatch;
  private sight: Sight;
  /** Name ▸ bytes that its file has shrunk by. */
  private readonly freed = new Map<string, number>();

  constructor(ports: Run, settings: DefragSettings, sight: Sight) {
    this.ports = ports;
    this.settings = settings;
    this.sight = sight;
    this.termAtStart = termIn(sight);
    this.disks = new DiskWatch(ports.etcd);
  }

  async run(): Promise<Outcome> {
    const unknown = await this.disks.look(this.names());
    if (typeof unknown === "string") return skipped(unknown);
    for (let next = this.next(); next !== undefined; next = this.next()) {
      const trouble = await this.one(next);
      if (trouble !== undefined) return trouble;
      const why = await this.between();
      if (why !== undefined) return failed(this.told(`stopped: ${why}`));
    }
    return this.disarmed();
  }

  private names(): readonly string[] {
    return this.sight.members.map(({ metadata }) => metadata.name);
  }

  private next(): string | undefined {
    return nextInNeed(this.sight, this.settings, new Set(this.freed.keys()))?.name;
  }

  /** Why the run ends here; undefined when the member is done. */
  private async one(name: string): Promise<Outcome | undefined> {
    const { etcd, hold, signal } = this.ports;
    if (isAborted(signal)) return failed(this.told(`stopped: ${this.whyEnded()}`));
    hold.check();
    const before = sizeOf(this.sight, name);
    const end = await this.answerOf(etcd.defragment(name));
    if (end === "unanswered") {
      const text = `stopped: the run had to end while ${name} was being defragmented`;
      return { ...failed(this.told(text)), isUnclear: true };
    }
    if (end !== "done") return failed(this.told(`stopped: member ${name}: ${end.why}`));
    const after = await etcd.status(name);
    if (after.kind === "silent") {
      return failed(this.told(`stopped: member ${name} does not answer: ${after.reason}`));
    }
    this.freed.set(name, Math.max(0, before - after.dbSizeBytes));
    return undefined;
  }

  /** Waits for the answer; not for long once the run is to end. */
  private async answerOf(
    request: Promise<void>,
  ): Promise<"done" | "unanswered" | { readonly why: string }> {
    const { signal, timers } = this.ports;
    const over = new AbortController();
    const answer = request.then(
      () => "done" as const,
      (error: unknown) => {
        if (!(error instanceof ClientError)) throw error;
        return { why: error.text };
      },
    );
    try {
      return await Promise.race([answer, graceOver({ signal, timers }, over.signal)]);
    } finally {
      // Only now: what it wakes must not be faster than the answer.
      over.abort();
    }
  }

  /** After a member: the pause if another one is to follow, and then a look at everything. Why it must not go on, or undefined. */
  private async between(): Promise<string | undefined> {
    const { look, signal, timers } = this.ports;
    const { pauseBetweenSeconds, maxLeaderChanges, maxP99Ms } = this.settings;
    const isMoreToDo = this.next() !== undefined;
    if (isMoreToDo) await sleep(timers, pauseBetweenSeconds * 1000, signal);
    if (isAborted(signal)) return this.whyEnded();
    this.sight = await look();
    const why = whyNotHealthy(this.sight);
    if (why !== undefined) return why;
    if (!isMoreToDo) return undefined;
    const changes = termIn(this.sight) - this.termAtStart;
    if (changes > maxLeaderChanges) {
      return `the leader has changed ${changes} times (maxLeaderChanges ${maxLeaderChanges})`;
    }
    const slowest = await this.disks.look(this.names());
    if (typeof slowest === "string") return slowest;
    return slowest.p99Ms > maxP99Ms
      ? `member ${slowest.memberName}: 99 % of disk writes took up to ${millisecondsText(slowest.p99Ms)} (maxP99Ms ${maxP99Ms})`
      : undefined;
  }

  private whyEnded(): string {
    const isLost = this.ports.hold.remainingMs() === 0;
    return isLost ? "the maintenance Lease was lost" : "the run was told to end";
  }

  /** The alarm NOSPACE is nobody's but ours to take back, once there is room on all members. */
  private async disarmed(): Promise<Outcome> {
    const alarms = this.sight.alarms.filter(({ kind }) => kind === "NoSpace");
    if (alarms.length === 0) return succeeded(this.told("all members are well"));
    const full = fullMemberIn(this.sight);
    if (full !== undefined) {
      const text = `alarm NOSPACE stays: member ${full} is at 90 % of its quota or above`;
      return succeeded(this.told(text));
    }
    const { etcd, hold } = this.ports;
    const through = leaderIn(this.sight)?.name ?? "";
    for (const { memberId } of alarms) {
      hold.check();
      try {
        await etcd.disarmNoSpace(through, memberId);
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
        return failed(this.told(`alarm NOSPACE of ${memberId} was not disarmed: ${error.text}`));
      }
    }
    return succeeded(this.told("alarm NOSPACE is disarmed"));
  }

  private told(end: string): string {
    if (this.freed.size === 0) return `no member was defragmented; ${end}`;
    const each = [...this.freed].map(([name, bytes]) => `${name} freed ${bytesText(bytes)}`);
    return `defragmented: ${each.join(", ")}; ${end}`;
  }
}

/** When the time of grace has passed after `signal`; at once when it is `over`. */
async function graceOver(
  { signal, timers }: Pick<Run, "signal" | "timers">,
  over: AbortSignal,
): Promise<"unanswered"> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true, signal: over });
    over.addEventListener("abort", () => resolve(), { once: true });
  });
  await sleep(timers, graceMs, over);
  return "unanswered";
}

function sizeOf(sight: Sight, name: string): number {
  return answering(sight).find((member) => member.name === name)?.state.dbSizeBytes ?? 0;
}

function bytesText(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function millisecondsText(ms: number): string {
  return Number.isFinite(ms) ? `${Math.ceil(ms)} ms` : "longer than is measured";
}
