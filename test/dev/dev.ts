/** `npm run dev` from its start to its end: what it says, what a signal does, and the exit code. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { ServerCommand } from "../support/server-process.ts";
import { DevCluster } from "./dev-cluster.ts";
import { type Paint, prefixOf, readableLine } from "./log-line.ts";
import { type DevMember, endpointsOf } from "./members.ts";
import type { DevOptions } from "./options.ts";

export interface DevWorld {
  readonly command: ServerCommand;
  readonly members: readonly DevMember[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly paint: Paint;
  readonly print: (line: string) => void;
  /** Runs `handler` at each Ctrl-C or SIGTERM. */
  readonly onSignal: (handler: () => void) => void;
}

/** A terminal's Ctrl-C comes twice under npm: from the terminal, and passed on by npm. */
const sameSignalMs = 500;

/** Resolves with the exit code when no member runs any more: 0 when they were asked to stop, else 1. */
export async function runDev(options: DevOptions, world: DevWorld): Promise<number> {
  const { members, paint, print } = world;
  const dataDir =
    options.dataDir === undefined
      ? mkdtempSync(join(tmpdir(), "etcd-ts-dev-"))
      : resolve(options.dataDir);
  mkdirSync(dataDir, { recursive: true });
  const say = (text: string): void => print(paint(text, "bold"));
  const width = Math.max(...members.map(({ name }) => name.length));
  const prefixes = members.map(({ name }, at) => prefixOf(name.padEnd(width), at, paint));
  const stopping: { sinceMs: number | undefined } = { sinceMs: undefined };
  welcome(members, dataDir, say);
  const cluster = new DevCluster({
    command: world.command,
    members,
    dataDir,
    flags: options.memberFlags,
    environment: world.environment,
    onLine: (at, line) => print(`${prefixes[at] ?? ""} ${readableLine(line, paint)}`),
    onEnd: (at, how) => {
      print(`${prefixes[at] ?? ""} ${paint(how, stopping.sinceMs !== undefined ? "bold" : "red")}`);
    },
  });
  world.onSignal(() => {
    const nowMs = performance.now();
    if (stopping.sinceMs !== undefined) {
      if (nowMs - stopping.sinceMs < sameSignalMs) return;
      say("killing the members");
      cluster.kill();
      return;
    }
    stopping.sinceMs = nowMs;
    say("stopping the members one by one; Ctrl-C again kills them");
    void cluster.stop();
  });
  void cluster.ready().then((isReady) => {
    if (isReady) say(`ready; endpoints: ${endpointsOf(members)}`);
  });
  await cluster.ended();
  if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
  if (stopping.sinceMs !== undefined) return 0;
  say("no member runs any more");
  return 1;
}

function welcome(
  members: readonly DevMember[],
  dataDir: string,
  say: (text: string) => void,
): void {
  const all = endpointsOf(members);
  const [first] = members;
  say(`starting ${members.map(({ name }) => name).join(", ")}; their data is in ${dataDir}`);
  say(`  etcdctl --endpoints=${all} put greeting hello`);
  say(`  etcdctl --endpoints=${all} endpoint status --cluster -w table`);
  say(`  curl http://127.0.0.1:${first?.clientPort ?? 0}/health`);
  say("  Ctrl-C stops them");
}
