/**
 * The two servers that are measured, started with equal flags on a fresh directory of the same filesystem. Owns the
 * directory of its turn and removes it at the end.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { peer } from "../support/peers.ts";
import {
  freePort,
  type ServerCommand,
  ServerProcess,
  type ServerTls,
} from "../support/server-process.ts";

export type ContenderName = "etcd" | "etcd-ts";

const ourProgram = join(import.meta.dirname, "../../dist/node/main.js");

/** Both get exactly these. The rest is each server's default, fsync included. */
const flags: readonly string[] = ["--quota-backend-bytes=8589934592", "--log-level=error"];

const stopTimeoutMs = 60_000;

/** A member's place in a cluster of several; a contender without one is alone. */
export interface Place {
  memberName: string;
  clientPort: number;
  peerPort: number;
  initialCluster: string;
  /** Beside those that all contenders get. */
  flags: readonly string[];
  /** Set: mutual TLS, with clients and between members. */
  tls?: ServerTls | undefined;
}

/** Program of a contender; throws when it is not there, with the command that brings it. */
export function commandOf(name: ContenderName): ServerCommand {
  if (name === "etcd") return [peer("etcd")];
  if (!existsSync(ourProgram)) throw new Error("etcd-ts is not built; to build it: npm run build");
  return [process.execPath, ourProgram];
}

export const peerUrl = (port: number, tls: ServerTls | undefined): string =>
  `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;

export class Contender {
  readonly #command: ServerCommand;
  readonly #directory: string;
  readonly #place: Place;
  #process: ServerProcess | undefined;

  /** A new, empty one under `parent`; not started yet. */
  constructor(name: ContenderName, parent: string, place: Place) {
    this.#command = commandOf(name);
    this.#directory = mkdtempSync(join(parent, `etcd-ts-bench-${name}-`));
    this.#place = place;
  }

  /** A new, empty one that is a cluster of its own. */
  static async create(name: ContenderName, parent: string, tls?: ServerTls): Promise<Contender> {
    const [clientPort, peerPort] = [await freePort(), await freePort()];
    const initialCluster = `m1=${peerUrl(peerPort, tls)}`;
    const place = { memberName: "m1", clientPort, peerPort, initialCluster, flags: [], tls };
    return new Contender(name, parent, place);
  }

  get target(): string {
    return `127.0.0.1:${this.#place.clientPort}`;
  }

  get tls(): ServerTls | undefined {
    return this.#place.tls;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Spawns the server on its directory; returns before it is ready. */
  start(): void {
    const { tls } = this.#place;
    this.#process = new ServerProcess({
      command: this.#command,
      dataDirectory: join(this.#directory, "data"),
      logFile: join(this.#directory, "log"),
      name: this.#place.memberName,
      clientPort: this.#place.clientPort,
      peerPort: this.#place.peerPort,
      initialCluster: this.#place.initialCluster,
      ...(tls === undefined ? {} : { tls, peerTls: tls }),
      flags: [...flags, ...this.#place.flags],
    });
  }

  /** Graceful; a server that does not end in time is killed, and that is an error. */
  async stop(): Promise<void> {
    const process = this.#process;
    if (process === undefined) return;
    const killer = setTimeout(() => void process.stop("SIGKILL"), stopTimeoutMs);
    const started = performance.now();
    await process.stop();
    clearTimeout(killer);
    this.#process = undefined;
    if (performance.now() - started >= stopTimeoutMs) {
      throw new Error(`the server did not stop within ${stopTimeoutMs / 1000} s`);
    }
  }

  /** How the server died, with the end of its log; undefined while it runs. */
  obituary(): string | undefined {
    const end = this.#process?.end;
    return end === undefined ? undefined : `the server ${end}\n${this.#process?.logTail() ?? ""}`;
  }

  /** Bytes of VmRSS and VmHWM, proc(5); 0 when the process is gone. */
  memory(): { resident: number; peak: number } {
    try {
      const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
      return { resident: kibibytes(status, "VmRSS"), peak: kibibytes(status, "VmHWM") };
    } catch {
      return { resident: 0, peak: 0 };
    }
  }

  /** Stops the server, removes its data and flushes the disk, so that the next one does not pay for this one. */
  async dispose(): Promise<void> {
    try {
      await this.stop();
    } finally {
      rmSync(this.#directory, { recursive: true, force: true });
      execFileSync("sync");
    }
  }
}

function kibibytes(status: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status);
  return match === null ? 0 : Number(match[1]) * 1024;
}
