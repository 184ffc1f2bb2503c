/**
 * One member of a cluster of processes, through all its starts: its ports, its directory, the process of the moment, and
 * a client that asks this member and no other.
 */
import { readFileSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { get as getSecurely } from "node:https";
import { join } from "node:path";
import { Client } from "../../node/client/client.ts";
import type { Status } from "../../node/client/cluster-results.ts";
import { peer } from "../support/peers.ts";
import {
  clientSide,
  ourServer,
  type ServerCommand,
  ServerProcess,
  type ServerTls,
} from "../support/server-process.ts";
import { Admin } from "./admin.ts";

/** Ours, etcd 3.7 or etcd 3.6. */
export type MemberKind = "etcd-ts" | "etcd" | "etcd36";

export interface MemberSpec {
  readonly kind: MemberKind;
  /** "m1", "m2"... where it is left out. */
  readonly name?: string;
  /** Behind those of the cluster. */
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Of a cluster that speaks TLS only. */
export interface ClusterTls {
  readonly client: ServerTls;
  readonly peer: ServerTls;
}

export interface MemberPlace {
  readonly spec: MemberSpec & { readonly name: string };
  /** Data and log stand in it, by the member's name. */
  readonly directory: string;
  readonly clientPort: number;
  readonly peerPort: number;
  /** The proxy's, or the peer port itself. */
  readonly advertisedPeerPort: number;
  /** Of the whole cluster. */
  readonly flags: readonly string[];
  readonly tls?: ClusterTls | undefined;
}

/** How the member meets its cluster at its first start; later ones read it from the disk. */
interface Birth {
  readonly initialCluster: string;
  readonly initialClusterState: "new" | "existing";
}

const statusDeadlineMs = 1000;

function commandOf(kind: MemberKind): ServerCommand {
  if (kind !== "etcd-ts") return [peer(kind)];
  const ours = ourServer();
  if (ours === undefined) throw new Error("there is no server to test: run npm run build");
  return ours;
}

export class ClusterMember {
  readonly place: MemberPlace;
  readonly name: string;
  readonly kind: MemberKind;
  readonly dataDirectory: string;
  readonly logFile: string;
  /** Asks this member alone. */
  readonly client: Client;
  #birth: Birth | undefined;
  #id: bigint | undefined;
  #process: ServerProcess | undefined;
  #isPaused = false;

  constructor(place: MemberPlace) {
    const { name, kind } = place.spec;
    this.place = place;
    this.name = name;
    this.kind = kind;
    this.dataDirectory = join(place.directory, name);
    this.logFile = join(place.directory, `${name}.log`);
    this.client = new Client(
      place.tls === undefined
        ? { endpoints: [this.address] }
        : { endpoints: [`https://${this.address}`], tls: clientSide(place.tls.client) },
    );
  }

  /** Host and port for clients. */
  get address(): string {
    return `127.0.0.1:${this.place.clientPort}`;
  }

  /** As the cluster knows it. */
  get peerUrl(): string {
    const scheme = this.place.tls === undefined ? "http" : "https";
    return `${scheme}://127.0.0.1:${this.place.advertisedPeerPort}`;
  }

  /** Known from when the cluster is up, or from its MemberAdd. */
  get id(): bigint {
    if (this.#id === undefined) throw new Error(`the id of ${this.name} is not known yet`);
    return this.#id;
  }

  set id(id: bigint) {
    this.#id = id;
  }

  /** Changes the membership through this member. */
  get admin(): Admin {
    const { tls } = this.place;
    return new Admin(this.address, tls && clientSide(tls.client));
  }

  get process(): ServerProcess {
    if (this.#process === undefined) throw new Error(`${this.name} was never started`);
    return this.#process;
  }

  get isRunning(): boolean {
    return this.#process !== undefined && this.#process.end === undefined;
  }

  /** Stopped by SIGSTOP. */
  get isPaused(): boolean {
    return this.#isPaused && this.isRunning;
  }

  /** Said before the first start. */
  begin(birth: Birth): void {
    this.#birth = birth;
  }

  /** Starts the process and waits for nothing; `environment` counts for this start only. */
  start(environment: Readonly<Record<string, string>> = {}): void {
    if (this.isRunning) throw new Error(`${this.name} runs already`);
    this.#isPaused = false;
    const { tls, ...place } = this.place;
    this.#process = new ServerProcess({
      ...place,
      ...this.#birth,
      ...(tls === undefined ? {} : { tls: tls.client, peerTls: tls.peer }),
      command: commandOf(this.kind),
      name: this.name,
      dataDirectory: this.dataDirectory,
      logFile: this.logFile,
      flags: [...place.flags, ...(place.spec.flags ?? [])],
      environment: { ...place.spec.environment, ...environment },
    });
  }

  /** Resolves when the member knows a leader and says that it is healthy. */
  ready(timeoutMs?: number): Promise<void> {
    return this.process.ready(timeoutMs);
  }

  /** Ends the process and waits for its end. A paused one is let go on first, or it would not hear SIGTERM. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    if (signal === "SIGTERM") this.resume();
    await this.#process?.stop(signal);
  }

  /** SIGSTOP: the process does nothing, its connections stay. */
  pause(): void {
    this.#isPaused = true;
    this.process.signal("SIGSTOP");
  }

  /** SIGCONT. */
  resume(): void {
    if (!this.isPaused) return;
    this.#isPaused = false;
    this.process.signal("SIGCONT");
  }

  /** The member's own picture of the cluster. */
  status(deadlineMs = statusDeadlineMs): Promise<Status> {
    return this.client.status({ deadlineMs });
  }

  /** All that it has logged, in all its starts. */
  log(): string {
    return readFileSync(this.logFile, "utf8");
  }

  /** The value of a metric without labels. */
  async metric(name: string): Promise<number> {
    const text = await this.metrics();
    const line = text.split("\n").find((each) => each.startsWith(`${name} `));
    if (line === undefined) throw new Error(`${this.name} has no metric ${name}`);
    return Number(line.slice(name.length + 1));
  }

  /** What GET /metrics answers. */
  metrics(): Promise<string> {
    const { tls } = this.place;
    const options = { timeout: statusDeadlineMs, agent: false };
    return new Promise((resolve, reject) => {
      const url = `${tls === undefined ? "http" : "https"}://${this.address}/metrics`;
      const answered = (response: IncomingMessage): void => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (text += chunk));
        response.once("end", () => resolve(text));
      };
      const request =
        tls === undefined
          ? get(url, options, answered)
          : getSecurely(url, { ...options, ...clientSide(tls.client) }, answered);
      request.once("timeout", () => request.destroy(new Error(`${url} did not answer`)));
      request.once("error", reject);
    });
  }
}
