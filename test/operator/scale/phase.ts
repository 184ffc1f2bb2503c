/** One stretch of the operator's life: its memory, its processor time and what it asked, from `begin` to `end`. */
import { readdirSync, writeFileSync } from "node:fs";

import { type ApiRequests, requestsIn } from "./api-requests.ts";
import { heapOf, usageOf } from "./operator-process.ts";

/** Path of the method ▸ calls. */
export type EtcdCounts = Readonly<Record<string, number>>;

/** What is measured, and who knows about it. */
export interface Subject {
  readonly pid: number;
  readonly metricsPort: number;
  readonly auditLog: string;
  readonly leaseName: string;
  /** Calls that members have had so far. */
  readonly etcdCounts: () => Promise<EtcdCounts>;
}

export interface Figures {
  readonly name: string;
  readonly minutes: number;
  /** At the end. */
  readonly rssBytes: number;
  readonly peakRssBytes: number;
  /** V8's, the most of all looks at it; garbage counts. */
  readonly heapUsedBytes: number;
  readonly cpuSeconds: number;
  /** Connections and files, at the end. */
  readonly openFiles: number;
  readonly api: ApiRequests;
  readonly etcdCalls: number;
}

/** As a Prometheus does it. */
const scrapeMs = 15_000;

export class Phase {
  private readonly subject: Subject;
  private readonly name: string;
  private readonly startedAtMs = Date.now();
  private readonly cpuSecondsBefore: number;
  private readonly countsBefore: Promise<EtcdCounts>;
  private readonly timer: NodeJS.Timeout;
  private heapUsedBytes = 0;

  private constructor(subject: Subject, name: string) {
    this.subject = subject;
    this.name = name;
    // The kernel's own record of the peak begins anew.
    writeFileSync(`/proc/${subject.pid}/clear_refs`, "5");
    this.cpuSecondsBefore = usageOf(subject.pid).cpuSeconds;
    this.countsBefore = subject.etcdCounts();
    this.timer = setInterval(() => {
      this.scrape().catch(() => undefined);
    }, scrapeMs);
  }

  static begin(subject: Subject, name: string): Phase {
    return new Phase(subject, name);
  }

  async end(): Promise<Figures> {
    const { subject, name } = this;
    clearInterval(this.timer);
    const endedAtMs = Date.now();
    await this.scrape();
    const usage = usageOf(subject.pid);
    const calls = totalOf(await subject.etcdCounts()) - totalOf(await this.countsBefore);
    const window = [this.startedAtMs, endedAtMs] as const;
    return {
      name,
      minutes: (endedAtMs - this.startedAtMs) / 60_000,
      rssBytes: usage.rssBytes,
      peakRssBytes: usage.peakRssBytes,
      heapUsedBytes: this.heapUsedBytes,
      cpuSeconds: usage.cpuSeconds - this.cpuSecondsBefore,
      openFiles: readdirSync(`/proc/${subject.pid}/fd`).length,
      api: await requestsIn(subject.auditLog, subject.leaseName, window),
      etcdCalls: calls,
    };
  }

  private async scrape(): Promise<void> {
    const used = await heapOf(this.subject.metricsPort);
    this.heapUsedBytes = Math.max(this.heapUsedBytes, used);
  }
}

function totalOf(counts: EtcdCounts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
