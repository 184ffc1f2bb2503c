/**
 * A real etcd and our server side by side, both fresh, known to their clusters by the same peer URL: cluster and member ids
 * are derived from it, so they must be equal and are compared like everything else.
 */
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { peer } from "../support/peers.ts";
import {
  freePort,
  ourServer,
  type ServerCommand,
  ServerProcess,
} from "../support/server-process.ts";

/** Never listened on. */
const advertisedPeerPort = 2380;

export class ServerPair {
  readonly #directory: string;
  readonly etcd: ServerProcess;
  readonly ours: ServerProcess;

  private constructor(directory: string, etcd: ServerProcess, ours: ServerProcess) {
    this.#directory = directory;
    this.etcd = etcd;
    this.ours = ours;
  }

  static async start(): Promise<ServerPair> {
    const command = ourServer();
    if (command === undefined) throw new Error("there is no server to test: run npm run build");
    const directory = mkdtempSync(join(tmpdir(), "etcd-ts-conformance-"));
    const etcd = await startIn(directory, "etcd", [peer("etcd")]);
    const ours = await startIn(directory, "ours", command);
    const pair = new ServerPair(directory, etcd, ours);
    try {
      await Promise.all([etcd.ready(), ours.ready()]);
    } catch (error) {
      await pair.stop();
      throw error;
    }
    return pair;
  }

  async stop(): Promise<void> {
    await Promise.all([this.etcd.stop("SIGKILL"), this.ours.stop("SIGKILL")]);
    await rm(this.#directory, { recursive: true, force: true });
  }
}

async function startIn(
  directory: string,
  name: string,
  command: ServerCommand,
): Promise<ServerProcess> {
  return new ServerProcess({
    command,
    dataDirectory: join(directory, name),
    logFile: join(directory, `${name}.log`),
    clientPort: await freePort(),
    peerPort: await freePort(),
    advertisedPeerPort,
  });
}
