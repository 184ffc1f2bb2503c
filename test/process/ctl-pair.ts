/** The real etcdctl and etcdctl-ts, each with a member of ours to talk to, that is known by the same peer URL. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { diff } from "../conformance/compare.ts";
import { peer } from "../support/peers.ts";
import { freePort, ourServer, ServerProcess } from "../support/server-process.ts";
import { Running } from "./etcdctl-pair.ts";

const mainFile = join(import.meta.dirname, "../../node/ctl/main.ts");

/** One program without the many files: it starts in half the time, and there are hundreds of starts. */
async function bundled(directory: string): Promise<string> {
  await build({
    entryPoints: [mainFile],
    outdir: join(directory, "bundle"),
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    logLevel: "error",
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
  });
  return join(directory, "bundle/main.mjs");
}

/** Path of etcdctl-ts by the name of the real one, in a folder of its own below `directory`. */
export async function ctlProgram(directory: string): Promise<string> {
  const programs = join(directory, "bin");
  mkdirSync(programs);
  const path = join(programs, "etcdctl");
  const script = `#!/bin/sh\nexec '${process.execPath}' '${await bundled(directory)}' "$@"\n`;
  writeFileSync(path, script, { mode: 0o755 });
  return path;
}

/** Ids that a server chose, and what is left of a lease. */
const leaseMasks: readonly (readonly [RegExp, string])[] = [
  [/"(id|ID)":[1-9]\d{9,}/g, '"$1":LEASE'],
  [/"ID" : [1-9]\d{9,}/g, '"ID" : LEASE'],
  [/"(lease|Lease)"( ?: ?)[1-9]\d{9,}/g, '"$1"$2LEASE'],
  [/\b[1-9a-f][0-9a-f]{15}\b/g, "LEASE"],
  [/remaining\(\d+s\)/g, "remaining(LEFT)"],
  [/("ttl":|"TTL" : )[1-9]\d*(,"granted|\n"Granted)/g, "$1LEFT$2"],
];

export function maskLeases(output: string): string {
  let text = output;
  for (const [pattern, replacement] of leaseMasks) text = text.replace(pattern, replacement);
  return text;
}

export interface Side {
  /** Path of a program of the name etcdctl. */
  readonly program: string;
  readonly address: string;
}

/** Starts the program of one side. */
export class Tool {
  readonly running: Running[] = [];
  readonly #side: Side;

  constructor(side: Side) {
    this.#side = side;
  }

  get program(): string {
    return this.#side.program;
  }

  start(...args: readonly string[]): Running {
    const { program, address } = this.#side;
    const running = new Running([program, ...args], address);
    this.running.push(running);
    return running;
  }

  /** Exit code, output and errors, as `ending` gives them. */
  run(...args: readonly string[]): Promise<string> {
    return ending(this.start(...args));
  }

  /** Runs a command that must succeed; gives what it has printed. */
  async do(...args: readonly string[]): Promise<string> {
    const running = this.start(...args);
    assert.match(await running.ended(), /^exit 0\n/, args.join(" "));
    return running.output;
  }

  /** The hexadecimal id of a new lease. */
  async grant(ttlSeconds: number): Promise<string> {
    const text = await this.do("lease", "grant", String(ttlSeconds));
    const [, id] = /lease ([0-9a-f]+) granted/.exec(text) ?? [];
    assert(id !== undefined);
    return id;
  }
}

/** What a program has printed when it has ended, and how it did: without etcdctl's log of what its client does. */
export async function ending(running: Running, signal?: "SIGINT"): Promise<string> {
  if (signal !== undefined) await running.stop(signal);
  const lines = (await running.ended()).split("\n").filter((line) => !line.startsWith('{"level":'));
  return lines.join("\n").replace(/\[stderr\]\n?$/, "");
}

export class CtlPair {
  /** The real one first. */
  readonly sides: readonly Side[];
  readonly #directory: string;
  readonly #members: readonly ServerProcess[];

  private constructor(directory: string, ours: string, members: readonly ServerProcess[]) {
    this.#directory = directory;
    this.#members = members;
    this.sides = [peer("etcdctl"), ours].map((program, side) => {
      const { address } = members[side] as ServerProcess;
      return { program, address };
    });
  }

  static async start(): Promise<CtlPair> {
    const directory = mkdtempSync(join(tmpdir(), "etcd-ts-ctl-"));
    const ours = await ctlProgram(directory);
    const command = ourServer();
    assert(command !== undefined);
    const members: ServerProcess[] = [];
    for (const name of ["real", "ours"]) {
      members.push(
        new ServerProcess({
          command,
          dataDirectory: join(directory, name),
          logFile: join(directory, `${name}.log`),
          clientPort: await freePort(),
          peerPort: await freePort(),
          advertisedPeerPort: 2380,
        }),
      );
    }
    await Promise.all(members.map((member) => member.ready()));
    return new CtlPair(directory, ours, members);
  }

  /** Does it with both, and compares the texts that come of it. */
  async same(act: (tool: Tool) => Promise<string | readonly string[]>): Promise<void> {
    const outputs = await Promise.all(
      this.sides.map(async (side) => {
        const tool = new Tool(side);
        try {
          return [await act(tool)].flat().join("\n---\n");
        } finally {
          for (const running of tool.running) await running.stop();
        }
      }),
    );
    const [expected = "", actual = ""] = outputs;
    const difference = diff(expected, actual);
    assert.equal(difference, "", `outputs differ (- etcdctl, + etcdctl-ts)\n${difference}`);
    assert.notEqual(expected.trim(), "", "nothing is printed");
  }

  async stop(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.stop("SIGKILL")));
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
