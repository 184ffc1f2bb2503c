/** Remembers how long the disk writes of each member took, and says how slow they were since the look before. */
import { type DiskTimes, diskTimesIn, p99MsBetween } from "./disk-times.ts";
import type { MembersPort } from "./run-ports.ts";

export interface Slowest {
  readonly memberName: string;
  /** 99th percentile in milliseconds. 0 at the first look. */
  readonly p99Ms: number;
}

export class DiskWatch {
  private readonly etcd: Pick<MembersPort, "exposition">;
  private readonly before = new Map<string, DiskTimes>();

  constructor(etcd: Pick<MembersPort, "exposition">) {
    this.etcd = etcd;
  }

  /** The slowest member since the look before; the reason when one of them does not tell: then nothing is known of its disk. */
  async look(memberNames: readonly string[]): Promise<Slowest | string> {
    const looks = await Promise.all(memberNames.map((name) => this.timesOf(name)));
    let slowest: Slowest = { memberName: "", p99Ms: 0 };
    for (const [at, memberName] of memberNames.entries()) {
      const times = looks[at];
      if (times === undefined || typeof times === "string") {
        return `the metrics of member ${memberName} cannot be read: ${times ?? "none"}`;
      }
      const before = this.before.get(memberName);
      const p99Ms = before === undefined ? 0 : p99MsBetween(before, times);
      if (p99Ms > slowest.p99Ms) slowest = { memberName, p99Ms };
      this.before.set(memberName, times);
    }
    return slowest;
  }

  private async timesOf(memberName: string): Promise<DiskTimes | string> {
    try {
      const text = await this.etcd.exposition(memberName);
      return diskTimesIn(text) ?? "they do not tell how long disk writes take";
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}
