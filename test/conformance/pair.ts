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

interface Side {
  readonly name: string;
  readonly command: ServerCommand;
  process: ServerProcess;
}

export class ServerPair {
  readonly #directory: string;
  readonly #flags: readonly string[];
  readonly #sides: readonly [Side, Side];

  private constructor(directory: string, flags: readonly string[], sides: readonly [Side, Side]) {
    this.#directory = directory;
    this.#flags = flags;
    this.#sides = sides;
  }

  /** `flags` go to both, behind the others. */
  static async start(flags: readonly string[] = []): Promise<ServerPair> {
    const ours = ourServer();
    if (ours === undefined) throw new Error("there is no server to test: run npm run build");
    const directory = mkdtempSync(join(tmpdir(), "etcd-ts-pair-"));
    const side = async (name: string, command: ServerCommand): Promise<Side> => ({
      name,
      command,
      process: await startIn(directory, { name, command, flags }),
    });
    const pair = new ServerPair(directory, flags, [
      await side("etcd", [peer("etcd")]),
      await side("ours", ours),
    ]);
    await pair.#ready();
    return pair;
  }

  get etcd(): ServerProcess {
    return this.#sides[0].process;
  }

  get ours(): ServerProcess {
    return this.#sides[1].process;
  }

  /** SIGKILL for both, and a start on the same directories; at other ports. `more` flags count for this start only. */
  async restart(more: readonly string[] = []): Promise<void> {
    await Promise.all(this.#sides.map((side) => side.process.stop("SIGKILL")));
    const flags = [...this.#flags, ...more];
    for (const side of this.#sides)
      side.process = await startIn(this.#directory, { ...side, flags });
    await this.#ready();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#sides.map((side) => side.process.stop("SIGKILL")));
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #ready(): Promise<void> {
    try {
      await Promise.all(this.#sides.map((side) => side.process.ready()));
    } catch (error) {
      await this.stop();
      throw error;
    }
  }
}

interface Start {
  readonly name: string;
  readonly command: ServerCommand;
  readonly flags: readonly string[];
}

async function startIn(directory: string, start: Start): Promise<ServerProcess> {
  const { name, command, flags } = start;
  return new ServerProcess({
    command,
    dataDirectory: join(directory, name),
    logFile: join(directory, `${name}.log`),
    clientPort: await freePort(),
    peerPort: await freePort(),
    advertisedPeerPort,
    flags,
  });
}
