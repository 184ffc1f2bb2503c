/** A member of one for tests of TLS: its flags are the test's, and its log is read line by line while it runs. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../cluster/until.ts";
import {
  freePort,
  ourServer,
  type ServerCommand,
  ServerProcess,
} from "../support/server-process.ts";
import { type LeafFiles, leafFlags } from "./tls-files.ts";

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly error?: string;
  readonly "remote-addr"?: string;
  readonly "server-name"?: string;
  readonly [name: string]: unknown;
}

export interface TlsMemberOptions {
  readonly directory: string;
  readonly name: string;
  /** Ours where it is left out. */
  readonly command?: ServerCommand;
  /** "https" where it is left out. */
  readonly clientScheme?: "http" | "https";
  readonly peerScheme?: "http" | "https";
  /** How many ports it has for clients: each tells of ten refused connections in a second at most. */
  readonly clientPorts?: number;
  readonly peerPorts?: number;
  /** --initial-cluster, behind this member itself. */
  readonly others?: string;
  readonly flags: readonly string[];
}

/** What a side of a member shows, and whom it believes. */
export function sideFlags(
  side: "" | "peer-",
  { leaf, ca, crl }: { readonly leaf: LeafFiles; readonly ca?: string; readonly crl?: string },
): string[] {
  const prefix = side === "" ? "client-" : "peer-";
  return [
    ...leafFlags(side, leaf),
    ...(ca === undefined ? [] : [`--${side}trusted-ca-file=${ca}`, `--${side}client-cert-auth`]),
    ...(crl === undefined ? [] : [`--${prefix}crl-file=${crl}`]),
  ];
}

export class TlsMember {
  readonly process: ServerProcess;
  readonly peerUrl: string;
  /** host:port each. */
  readonly addresses: readonly string[];
  readonly peerAddresses: readonly string[];
  readonly dataDirectory: string;
  private readonly logFile: string;

  private constructor(
    options: TlsMemberOptions,
    {
      ports,
      peerPorts,
    }: { readonly ports: readonly number[]; readonly peerPorts: readonly number[] },
  ) {
    const { directory, name, clientScheme = "https", peerScheme = "https" } = options;
    this.addresses = ports.map((port) => `127.0.0.1:${port}`);
    this.peerAddresses = peerPorts.map((port) => `127.0.0.1:${port}`);
    const peerUrls = this.peerAddresses.map((address) => `${peerScheme}://${address}`);
    this.peerUrl = peerUrls[0] ?? "";
    this.logFile = join(directory, `${name}.log`);
    this.dataDirectory = join(directory, name);
    const urls = this.addresses.map((address) => `${clientScheme}://${address}`).join(",");
    const { others } = options;
    this.process = new ServerProcess({
      command: options.command ?? (ourServer() as ServerCommand),
      dataDirectory: this.dataDirectory,
      logFile: this.logFile,
      clientPort: ports[0] ?? 0,
      peerPort: peerPorts[0] ?? 0,
      name,
      initialCluster: `${name}=${this.peerUrl}${others === undefined ? "" : `,${others}`}`,
      flags: [
        `--listen-client-urls=${urls}`,
        `--advertise-client-urls=${urls}`,
        `--listen-peer-urls=${peerUrls.join(",")}`,
        `--initial-advertise-peer-urls=${this.peerUrl}`,
        ...options.flags,
      ],
    });
  }

  /** Starts the process and waits for nothing. */
  static async begin(options: TlsMemberOptions): Promise<TlsMember> {
    const { clientPorts = 1, peerPorts = 1 } = options;
    const ports = await freePorts(clientPorts);
    return new TlsMember(options, { ports, peerPorts: await freePorts(peerPorts) });
  }

  /** Resolves when it serves clients. */
  static async start(options: TlsMemberOptions): Promise<TlsMember> {
    const logFile = join(options.directory, `${options.name}.log`);
    // One of the same name may have run before.
    const mark = existsSync(logFile) ? readFileSync(logFile).length : 0;
    const member = await TlsMember.begin(options);
    await member.line(mark, ({ msg }) => msg === "ready to serve client requests");
    return member;
  }

  get address(): string {
    return this.addresses[0] ?? "";
  }

  get peerAddress(): string {
    return this.peerAddresses[0] ?? "";
  }

  /** Where the log ends now, for `lines`. */
  mark(): number {
    return readFileSync(this.logFile).length;
  }

  /** What was logged since the mark, whole lines. */
  lines(mark: number): LogLine[] {
    const text = readFileSync(this.logFile).subarray(mark).toString("utf8");
    const whole = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
    return whole.flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as LogLine] : []));
  }

  logText(): string {
    return readFileSync(this.logFile, "utf8");
  }

  /** The first line that is the one, once it is there. */
  line(mark: number, isIt: (line: LogLine) => boolean): Promise<LogLine> {
    return until("a line of the log", () => {
      if (this.process.end !== undefined)
        throw new Error(`the member ${this.process.end}\n${this.process.logTail()}`);
      return this.lines(mark).find(isIt);
    });
  }

  /** The connections that were refused since the mark, once there are so many. */
  rejections(mark: number, endpoint: "client" | "peer", count: number): Promise<LogLine[]> {
    const msg = `rejected connection on ${endpoint} endpoint`;
    return until(`${count} × ${msg}`, () => {
      const found = this.lines(mark).filter((line) => line.msg === msg && line.level === "warn");
      return found.length >= count ? found : undefined;
    });
  }

  async stop(): Promise<void> {
    await this.process.stop("SIGKILL");
  }
}

const freePorts = (count: number): Promise<number[]> =>
  Promise.all(Array.from({ length: count }, () => freePort()));
