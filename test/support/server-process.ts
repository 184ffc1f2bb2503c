/**
 * A member as a child process: ours or a real etcd, started with etcd's flags, awaited until it is healthy, stopped by
 * its own pid. Owns the process and its log file; the data directory belongs to the caller.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, globSync, openSync, readFileSync, statSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { get as getSecurely } from "node:https";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Program and first arguments. */
export type ServerCommand = readonly [string, ...string[]];

/** Paths of PEM files. */
export interface ServerTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** What the test shows when it asks for the member's health; the member's own pair where it is left out. */
  readonly clientCert?: string;
  readonly clientKey?: string;
}

export interface ServerOptions {
  readonly command: ServerCommand;
  readonly dataDirectory: string;
  readonly logFile: string;
  readonly clientPort: number;
  readonly peerPort: number;
  /** The peer URL the cluster knows the member by; a member on a copied directory keeps the original's. */
  readonly advertisedPeerPort?: number;
  /** "m1" where it is left out. */
  readonly name?: string;
  /** --initial-cluster: the member alone where it is left out. */
  readonly initialCluster?: string;
  /** "existing" for a member that was added at run time; "new" where it is left out. */
  readonly initialClusterState?: "new" | "existing";
  /** Set: clients are served over TLS only, and must have a certificate of the same CA. */
  readonly tls?: ServerTls;
  /** The same of peers. */
  readonly peerTls?: ServerTls;
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

const projectRoot = join(import.meta.dirname, "../..");

/**
 * Our server: the program named in ETCD_TS_SERVER; what was built, if that is newer than every source; the sources.
 * Undefined when there is none.
 */
export function ourServer(): ServerCommand | undefined {
  const named = process.env["ETCD_TS_SERVER"];
  if (named !== undefined) return /\.[jt]s$/.test(named) ? [process.execPath, named] : [named];
  const built = join(projectRoot, "dist/node/main.js");
  const source = join(projectRoot, "node/main.ts");
  if (!existsSync(source)) return undefined;
  return [process.execPath, isNewerThanSources(built) ? built : source];
}

function isNewerThanSources(built: string): boolean {
  if (!existsSync(built)) return false;
  const builtMs = statSync(built).mtimeMs;
  const sources = globSync("node/**/*.{ts,js}", { cwd: projectRoot });
  return sources.every((path) => statSync(join(projectRoot, path)).mtimeMs <= builtMs);
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** Started and not yet ended: none outlives the process that started it. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export class ServerProcess {
  /** host:port for clients. */
  readonly address: string;
  readonly #child: ChildProcess;
  readonly #options: ServerOptions;
  readonly #ended: Promise<void>;
  #end: string | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.address = `127.0.0.1:${options.clientPort}`;
    const log = openSync(options.logFile, "a");
    const [program, ...first] = options.command;
    this.#child = spawn(program, [...first, ...flagsOf(options)], {
      stdio: ["ignore", log, log],
      env: { ...process.env, ...options.environment },
    });
    closeSync(log);
    running.add(this.#child);
    this.#child.once("exit", () => running.delete(this.#child));
    this.#ended = new Promise((resolve) => {
      this.#child.once("error", (error) => {
        this.#end = String(error);
        resolve();
      });
      this.#child.once("exit", (code, signal) => {
        this.#end = `exited with ${signal ?? `code ${String(code)}`}`;
        resolve();
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Undefined while the process runs. */
  get end(): string | undefined {
    return this.#end;
  }

  /** Resolves when GET /health says so; rejects when the process ends first or the time is over. */
  async ready(timeoutMs = 30_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!(await isHealthy(this.address, this.#options.tls))) {
      if (this.#end !== undefined)
        throw new Error(`the member ${this.#end} before it was ready\n${this.logTail()}`);
      if (performance.now() > deadline)
        throw new Error(`the member was not healthy in time\n${this.logTail()}`);
      await sleep(20);
    }
  }

  /** Sends the signal and waits for the end. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    if (this.#end === undefined) this.#child.kill(signal);
    await this.#ended;
  }

  /** Sends the signal and waits for nothing: SIGSTOP, SIGCONT and those of test faults. */
  signal(signal: NodeJS.Signals): void {
    if (this.#end === undefined) this.#child.kill(signal);
  }

  logTail(lines = 15): string {
    return readFileSync(this.#options.logFile, "utf8")
      .trimEnd()
      .split("\n")
      .slice(-lines)
      .join("\n");
  }
}

function flagsOf(options: ServerOptions): string[] {
  const { name = "m1" } = options;
  const schemeOf = (tls: ServerTls | undefined) => (tls === undefined ? "http" : "https");
  const clientUrl = `${schemeOf(options.tls)}://127.0.0.1:${options.clientPort}`;
  const peerScheme = schemeOf(options.peerTls);
  const advertisedPeerUrl = `${peerScheme}://127.0.0.1:${options.advertisedPeerPort ?? options.peerPort}`;
  return [
    `--name=${name}`,
    `--data-dir=${options.dataDirectory}`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerScheme}://127.0.0.1:${options.peerPort}`,
    `--initial-advertise-peer-urls=${advertisedPeerUrl}`,
    `--initial-cluster=${options.initialCluster ?? `${name}=${advertisedPeerUrl}`}`,
    `--initial-cluster-state=${options.initialClusterState ?? "new"}`,
    ...tlsFlags("", options.tls),
    ...tlsFlags("peer-", options.peerTls),
    ...(options.flags ?? []),
  ];
}

function tlsFlags(side: "" | "peer-", tls: ServerTls | undefined): string[] {
  if (tls === undefined) return [];
  return [
    `--${side}cert-file=${tls.cert}`,
    `--${side}key-file=${tls.key}`,
    `--${side}trusted-ca-file=${tls.ca}`,
    `--${side}client-cert-auth`,
  ];
}

function isHealthy(address: string, tls: ServerTls | undefined): Promise<boolean> {
  const options = { timeout: 2000, agent: false };
  return new Promise((resolve) => {
    const answered = (response: IncomingMessage): void => {
      response.resume();
      response.once("close", () => resolve(response.statusCode === 200));
    };
    const request =
      tls === undefined
        ? get(`http://${address}/health`, options, answered)
        : getSecurely(`https://${address}/health`, { ...options, ...clientSide(tls) }, answered);
    request.once("timeout", () => request.destroy());
    request.once("error", () => resolve(false));
  });
}

/** What the test shows as a client, and believes. */
export function clientSide(tls: ServerTls): { ca: Buffer; cert: Buffer; key: Buffer } {
  return {
    ca: readFileSync(tls.ca),
    cert: readFileSync(tls.clientCert ?? tls.cert),
    key: readFileSync(tls.clientKey ?? tls.key),
  };
}
