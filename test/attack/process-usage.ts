/** Memory and CPU of another process, from Linux' /proc. */
import { readFileSync } from "node:fs";

/** USER_HZ, which Linux fixes for what it shows in /proc. */
const ticksPerSecond = 100;

export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kib === undefined) throw new Error(`/proc/${pid}/status without VmRSS`);
  return Number(kib) * 1024;
}

/** User and system time of all threads. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name in parentheses may hold blanks; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Samples memory until it is stopped. */
export class MemoryWatch {
  peakBytes: number;
  private readonly timer: NodeJS.Timeout;

  constructor(pid: number) {
    this.peakBytes = residentBytes(pid);
    this.timer = setInterval(() => {
      this.peakBytes = Math.max(this.peakBytes, residentBytes(pid));
    }, 20);
  }

  stop(): void {
    clearInterval(this.timer);
  }
}
