/**
 * GET /raft/probing, both sides (etcd rafthttp/probing_status.go): asks every other member every few seconds whether it is there and what
 * its clock says. Owns the log lines about that, one for each change, and the round-trip times. Raft does not depend on it; but on the
 * connections of the pipeline it keeps one warm.
 */
import type { ServerResponse } from "node:http";
import { toText } from "../lib/bytes.ts";
import { plainAnswer } from "../lib/http-answers.ts";
import type { Clock, Timer } from "../lib/ports.ts";
import { idToHex, type MemberId } from "../lib/units.ts";
import { ask } from "./ask.ts";
import type { ChannelContext } from "./channel-context.ts";
import { type DialKind, errorText } from "./dial.ts";
import { UrlPicker } from "./url-picker.ts";

export const probingPath = "/raft/probing";

/** etcd's proberInterval: shorter than the time after which a peer port closes a connection on which nothing comes. */
const probeEveryMs = 4000;
/** Clocks that differ by more are worth a word. etcd looks at those only that are behind. */
const driftMsMax = 1000;
/** Weight of a new round trip in the smoothed one. */
const weight = 0.125;

/** Two ways, because one may work when the other does not; by etcd's names for them. */
const ways: readonly { readonly name: string; readonly kind: DialKind }[] = [
  { name: "ROUND_TRIPPER_RAFT_MESSAGE", kind: "probe" },
  { name: "ROUND_TRIPPER_SNAPSHOT", kind: "pipeline" },
];

/** Answers a probe, of whatever method. */
export function answerProbe(response: ServerResponse, clock: Clock): void {
  const now = new Date(clock.unixMs()).toISOString();
  plainAnswer(response, `${JSON.stringify({ OK: true, Now: now })}\n`);
}

type Context = Pick<ChannelContext, "headers" | "dialer" | "stats" | "clock" | "timers" | "logger">;

export class Prober {
  private readonly context: Context;
  private readonly probes = new Map<MemberId, readonly Probe[]>();
  private readonly ticker: Timer;

  constructor(context: Context) {
    this.context = context;
    this.ticker = context.timers.every(probeEveryMs, () => this.tick());
  }

  /** Begins to probe `id`, or goes on at other addresses. */
  setPeer(id: MemberId, peerUrls: readonly string[]): void {
    const probes = this.probes.get(id);
    if (probes !== undefined) {
      for (const probe of probes) probe.picker.update(peerUrls);
      return;
    }
    const { context } = this;
    this.probes.set(
      id,
      ways.map((way) => new Probe(context, { id, peerUrls, ...way })),
    );
  }

  removePeer(id: MemberId): void {
    for (const probe of this.probes.get(id) ?? []) probe.stop();
    this.probes.delete(id);
  }

  close(): void {
    this.ticker.cancel();
    for (const id of [...this.probes.keys()]) this.removePeer(id);
  }

  private tick(): void {
    for (const probe of [...this.probes.values()].flat()) probe.run();
  }
}

interface ProbeTarget {
  readonly id: MemberId;
  readonly peerUrls: readonly string[];
  readonly name: string;
  readonly kind: DialKind;
}

class Probe {
  readonly picker: UrlPicker;
  private readonly context: Context;
  private readonly target: ProbeTarget;
  private isAsking = false;
  private isStopped = false;
  /** Smoothed round trip in milliseconds; undefined before the first one. */
  private roundTripMs: number | undefined;
  /**
   * Why it fails, as the log was told, by address; empty while it works. Without the numbers in it, such as the present time: another cause is told, as when a
   * member that was down comes back with a wrong certificate.
   */
  private readonly told = new Map<string, string>();
  private isDrifting = false;

  constructor(context: Context, target: ProbeTarget) {
    this.context = context;
    this.target = target;
    this.picker = new UrlPicker(target.peerUrls);
  }

  run(): void {
    if (this.isAsking) return;
    this.isAsking = true;
    const url = this.picker.pick();
    this.ask(url).catch((error: unknown) => this.failed(url, error));
  }

  stop(): void {
    this.isStopped = true;
  }

  private async ask(url: string): Promise<void> {
    const { headers, clock } = this.context;
    const { kind } = this.target;
    const beganMs = clock.monotonicMs();
    // In time for the next turn, whatever comes.
    const timeoutMs = probeEveryMs - 100;
    const question = { url, path: probingPath, method: "GET", headers, kind, timeoutMs } as const;
    const { status, body } = await ask(this.context, question);
    if (status !== 200) throw new Error(`got unexpected HTTP status code ${status} from ${url}`);
    const remoteMs = readProbe(toText(body));
    this.answered(clock.monotonicMs() - beganMs, remoteMs);
  }

  private answered(roundTripMs: number, remoteUnixMs: number): void {
    this.isAsking = false;
    if (this.isStopped) return;
    const { stats, clock, logger } = this.context;
    const smoothed = this.roundTripMs ?? roundTripMs;
    this.roundTripMs = (1 - weight) * smoothed + weight * roundTripMs;
    stats.of(this.target.id).roundTrips.observe(roundTripMs / 1000);
    if (this.told.size > 0) logger.info("prober detected healthy status again", this.logFields());
    this.told.clear();
    const driftMs = clock.unixMs() - remoteUnixMs - this.roundTripMs / 2;
    const isDrifting = Math.abs(driftMs) > driftMsMax;
    if (isDrifting && !this.isDrifting) {
      const drift = `${driftMs.toFixed(3)}ms`;
      logger.warn("prober found high clock drift", { ...this.logFields(), "clock-drift": drift });
    }
    this.isDrifting = isDrifting;
  }

  private failed(url: string, error: unknown): void {
    this.isAsking = false;
    if (this.isStopped) return;
    this.picker.unreachable(url);
    const text = errorText(error);
    const cause = text.replaceAll(/\d+/g, "");
    if (this.told.get(url) === cause) return;
    this.told.set(url, cause);
    const fields = { ...this.logFields(), address: url, error: text };
    this.context.logger.warn("prober detected unhealthy status", fields);
  }

  private logFields(): Record<string, unknown> {
    return {
      "round-tripper-name": this.target.name,
      "remote-peer-id": idToHex(this.target.id),
      rtt: `${(this.roundTripMs ?? 0).toFixed(3)}ms`,
    };
  }
}

/** The time that the other clock shows, in Unix milliseconds. Throws an Error where the answer is none. */
function readProbe(text: string): number {
  const health = JSON.parse(text) as { OK?: unknown; Now?: unknown } | null;
  if (health?.OK !== true) throw new Error("the answer to a probe is not OK");
  const unixMs = typeof health.Now === "string" ? Date.parse(health.Now) : Number.NaN;
  if (Number.isNaN(unixMs)) throw new Error("the answer to a probe has no time");
  return unixMs;
}
