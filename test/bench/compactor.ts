/** Compacts a server while load is on it, as kube-apiserver does every five minutes, only more often: all but the newest revisions. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { peer } from "../support/peers.ts";

const intervalMs = 5_000;
/** Revisions left: about what kube-apiserver's watch caches may still ask for. */
const revisionsKept = 10_000;

const run = promisify(execFile);

export class Compactor {
  private readonly target: string;
  private readonly timer: NodeJS.Timeout;
  private readonly problems: string[] = [];
  private running: Promise<void> | undefined;
  private times = 0;

  constructor(target: string) {
    this.target = target;
    this.timer = setInterval(() => {
      this.running ??= this.compact().finally(() => (this.running = undefined));
    }, intervalMs);
  }

  /** Resolves, after the compaction under way, with what went wrong. */
  async stop(): Promise<readonly string[]> {
    clearInterval(this.timer);
    await this.running;
    if (this.times === 0 && this.problems.length === 0) await this.compact();
    return this.problems;
  }

  private async compact(): Promise<void> {
    try {
      const status = JSON.parse(await this.etcdctl("endpoint", "status", "-w", "json")) as unknown;
      const [first] = status as [{ Status: { header: { revision: number } } }];
      const { revision } = first.Status.header;
      if (revision > revisionsKept)
        await this.etcdctl("compaction", String(revision - revisionsKept));
      this.times += 1;
    } catch (error) {
      this.problems.push(`compaction failed: ${String(error).split("\n")[0] ?? ""}`);
    }
  }

  private async etcdctl(...args: readonly string[]): Promise<string> {
    const { stdout } = await run(peer("etcdctl"), ["--endpoints", this.target, ...args]);
    return stdout;
  }
}
