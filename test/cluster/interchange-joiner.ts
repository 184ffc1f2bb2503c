/** A member that somebody else adds to a running cluster: its addresses are known before, its process comes when it is wanted. */
import { join } from "node:path";
import { peer } from "../support/peers.ts";
import { ourServer, type ServerCommand, ServerProcess } from "../support/server-process.ts";
import type { MemberKind } from "./cluster-member.ts";
import type { ProcessCluster } from "./process-cluster.ts";
import { stablePort } from "./stable-port.ts";

export class Joiner {
  readonly name: string;
  readonly address: string;
  readonly peerUrl: string;
  readonly #kind: MemberKind;
  readonly #directory: string;
  readonly #ports: { readonly clientPort: number; readonly peerPort: number };
  #process: ServerProcess | undefined;

  private constructor(
    name: string,
    options: { kind: MemberKind; directory: string; clientPort: number; peerPort: number },
  ) {
    const { kind, directory, clientPort, peerPort } = options;
    this.name = name;
    this.address = `127.0.0.1:${clientPort}`;
    this.peerUrl = `http://127.0.0.1:${peerPort}`;
    this.#kind = kind;
    this.#directory = directory;
    this.#ports = { clientPort, peerPort };
  }

  static async of(cluster: ProcessCluster, kind: MemberKind, name: string): Promise<Joiner> {
    const { directory } = cluster;
    const clientPort = await stablePort();
    return new Joiner(name, { kind, directory, clientPort, peerPort: await stablePort() });
  }

  /** `others`: name=URL of those who were there before. Resolves when it is healthy. */
  async start(others: string): Promise<ServerProcess> {
    const { name } = this;
    this.#process = new ServerProcess({
      ...this.#ports,
      command: commandOf(this.#kind),
      name,
      dataDirectory: join(this.#directory, name),
      logFile: this.logFile,
      initialCluster: `${others},${name}=${this.peerUrl}`,
      initialClusterState: "existing",
    });
    await this.#process.ready();
    return this.#process;
  }

  get logFile(): string {
    return join(this.#directory, `${this.name}.log`);
  }

  async stop(): Promise<void> {
    await this.#process?.stop("SIGKILL");
  }
}

function commandOf(kind: MemberKind): ServerCommand {
  const command = kind === "etcd-ts" ? ourServer() : ([peer(kind)] as const);
  if (command === undefined) throw new Error("there is no server to test: run npm run build");
  return command;
}

/** As --initial-cluster has it. */
export const listOf = (members: readonly { name: string; peerUrl: string }[]): string =>
  members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(",");
