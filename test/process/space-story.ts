/**
 * The story of a full database, told with the real etcdctl to a cluster of real etcds or of ours: it is filled until a write is refused, looked at,
 * compacted, defragmented and disarmed, and takes writes again. What etcdctl says is kept, without what differs from run to run.
 */
import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { peer } from "../support/peers.ts";
import { freePort, type ServerCommand, ServerProcess } from "../support/server-process.ts";

const quotaBytes = 16 * 1024 * 1024;
const value = "x".repeat(1024 * 1024);
/** More than the quota has room for. */
const putsMax = 20;

export interface SpaceStory {
  /** Chapter ▸ what etcdctl said. */
  readonly chapters: ReadonlyMap<string, string>;
  /** Values that were taken before one was refused. */
  readonly puts: number;
  /** Of all members' backends: full, compacted, defragmented. */
  readonly diskBytes: readonly [number, number, number];
  readonly log: string;
}

interface StoryMember {
  readonly id: string;
  readonly process: ServerProcess;
  readonly start: () => ServerProcess;
  readonly dataDirectory: string;
}

class SpaceCluster {
  readonly members: StoryMember[] = [];
  readonly log: string;
  private readonly command: ServerCommand;
  private readonly directory: string;

  constructor(command: ServerCommand, directory: string) {
    this.command = command;
    this.directory = directory;
    this.log = join(directory, "log");
  }

  async start(size: number): Promise<void> {
    mkdirSync(this.directory, { recursive: true });
    const places = await Promise.all(
      Array.from({ length: size }, async (_, at) => ({
        name: `m${at + 1}`,
        clientPort: await freePort(),
        peerPort: await freePort(),
      })),
    );
    const initialCluster = places
      .map(({ name, peerPort }) => `${name}=http://127.0.0.1:${peerPort}`)
      .join(",");
    const started = places.map((place) => {
      const dataDirectory = join(this.directory, place.name);
      const start = () =>
        new ServerProcess({
          ...place,
          command: this.command,
          dataDirectory,
          logFile: this.log,
          initialCluster,
          flags: [`--quota-backend-bytes=${quotaBytes}`],
        });
      return { dataDirectory, start, process: start() };
    });
    for (const member of started) this.members.push({ id: "", ...member });
    for (const { process } of this.members) await process.ready();
    for (const [at, member] of this.members.entries()) {
      this.members[at] = { ...member, id: await this.idOf(at) };
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map(({ process }) => process.stop("SIGKILL")));
  }

  async restart(at: number): Promise<void> {
    const member = this.members[at] as StoryMember;
    await member.process.stop("SIGTERM");
    const process = member.start();
    this.members[at] = { ...member, process };
    // /health says no under the alarm: wait until the member answers.
    while ((await this.say(["endpoint", "status"], at)).startsWith("Failed")) await sleep(50);
  }

  async idOf(at: number): Promise<string> {
    const text = await this.say(["endpoint", "status", "-w", "fields"], at);
    const id = /"MemberID" : (\d+)/.exec(text)?.[1];
    if (id === undefined) throw new Error(text);
    return id;
  }

  endpoints(at?: number): string {
    const asked = at === undefined ? this.members : [this.members[at] as StoryMember];
    return asked.map(({ process }) => process.address).join(",");
  }

  /** What etcdctl says to its end; its own log lines apart. */
  say(args: readonly string[], at?: number, input = ""): Promise<string> {
    const flags = ["--endpoints", this.endpoints(at), "--command-timeout=20s"];
    return new Promise((resolve) => {
      const child = execFile(peer("etcdctl"), [...flags, ...args], (_, out, err) => {
        const lines = `${out}${err}`.split("\n").filter((line) => !line.startsWith("{"));
        resolve(lines.join("\n").trim());
      });
      // It may end without having read its input.
      child.stdin?.on("error", () => undefined);
      child.stdin?.end(input);
    });
  }

  /** Without what differs from run to run. */
  async told(args: readonly string[], asked: number, at = asked, input = ""): Promise<string> {
    let text = await this.say(args, at, input);
    for (const [number, { id, process }] of this.members.entries()) {
      text = text.replaceAll(id, `ID${number + 1}`).replaceAll(process.address, `A${number + 1}`);
    }
    // Which other members notice, and raise alarms of their own, depends on the last byte of their sizes.
    const own = this.members.length > 1 && text.includes("alarm:NOSPACE") ? `ID${asked + 1}` : "";
    const lines = text.split("\n").filter((line) => line.includes(own));
    return (
      lines
        .join("\n")
        // Go's protobuf prints one blank or two, by the build.
        .replaceAll("  alarm:", " alarm:")
        .replaceAll(/\b(\d+(\.\d+)?(µs|ms|s))+/g, "TIME")
        .replaceAll(/revision \d+/g, "revision N")
        .replaceAll(/lease [0-9a-f]{16}/g, "lease ID")
    );
  }

  diskBytes(): number {
    return this.members.reduce((sum, { dataDirectory }) => sum + bytesBelow(dataDirectory), 0);
  }
}

/** All files but those of the log. */
function bytesBelow(directory: string): number {
  return readdirSync(directory, { withFileTypes: true }).reduce((sum, entry) => {
    if (entry.name === "wal") return sum;
    const path = join(directory, entry.name);
    return sum + (entry.isDirectory() ? bytesBelow(path) : statSync(path).size);
  }, 0);
}

/** The writes and reads of a member under the alarm. */
const attempts: readonly (readonly [string, readonly string[], string])[] = [
  ["put", ["put", "small", "1"], ""],
  ["txn", ["txn"], "\n\nput small 1\n\n\n"],
  ["txn that reads", ["txn"], "\n\nget small\n\n\n"],
  ["lease grant", ["lease", "grant", "60"], ""],
  ["get", ["get", "big", "--keys-only"], ""],
  ["del", ["del", "nothing"], ""],
  ["alarm list", ["alarm", "list"], ""],
];

/** `asked`: the member that is filled. */
export async function tellSpaceStory(
  command: ServerCommand,
  directory: string,
  how: { readonly size: number; readonly asked: number },
): Promise<SpaceStory> {
  const { size, asked } = how;
  const cluster = new SpaceCluster(command, directory);
  const chapters = new Map<string, string>();
  const tell = async (name: string, args: readonly string[], at = asked, input = "") =>
    void chapters.set(name, await cluster.told(args, asked, at, input));
  try {
    await cluster.start(size);
    let puts = 0;
    let refusal = "OK";
    for (; refusal === "OK" && puts < putsMax; puts += 1)
      refusal = await cluster.told(["put", "big"], asked, asked, value);
    chapters.set("full", refusal);
    const full = cluster.diskBytes();
    for (let at = 0; at < size; at++) {
      for (const [name, args, input] of attempts)
        await tell(`${name} at member ${at + 1}`, args, at, input);
    }
    const status = await cluster.say(["endpoint", "status", "-w", "fields"], asked);
    chapters.set("quota", /"DBSizeQuota" : \d+/.exec(status)?.[0] ?? "");
    chapters.set("errors", String(/"Errors" : .*alarm:NOSPACE/.test(status)));
    await cluster.restart(asked);
    await tell("alarm list after a restart", ["alarm", "list"]);
    await tell("put after a restart", ["put", "small", "1"]);
    const revision = /"Revision" : (\d+)/.exec(
      await cluster.say(["endpoint", "status", "-w", "fields"], asked),
    )?.[1];
    await tell("compaction", ["compaction", String(revision), "--physical"]);
    const compacted = cluster.diskBytes();
    await tell("put behind the compaction", ["put", "small", "1"]);
    await tell("defrag", ["defrag", "--cluster"]);
    // In the order of the members' ids, which is luck.
    chapters.set("defrag", sortedLines(chapters.get("defrag")));
    const defragmented = cluster.diskBytes();
    await tell("put behind the defragmentation", ["put", "small", "1"]);
    await tell("disarm", ["alarm", "disarm"]);
    await tell("alarm list behind it", ["alarm", "list"]);
    for (let at = 0; at < size; at++)
      await tell(`put again at member ${at + 1}`, ["put", "a", "1"], at);
    await tell("lease grant again", ["lease", "grant", "60"]);
    return {
      chapters,
      puts: puts - 1,
      diskBytes: [full, compacted, defragmented],
      log: cluster.log,
    };
  } finally {
    await cluster.stop();
  }
}

const sortedLines = (text = ""): string => text.split("\n").sort().join("\n");
