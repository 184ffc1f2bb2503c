/**
 * A real etcd and our server for a differential run: fresh directories, the same name and peer URL and hence the same ids, which are
 * compared like everything else. Both can be killed and started again on what they wrote.
 */
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { peer } from "../support/peers.ts";
import { freePort, ourServer, type ServerCommand, ServerProcess } from "../support/server-process.ts";

/** Never listened on. */
const advertisedPeerPort = 2380;

interface Side {
  readonly name: string;
  readonly command: ServerCommand;
  process: ServerProcess;
}

export class Pair {
  private readonly directory: string;
  private readonly sides: readonly [Side, Side];

  private constructor(directory: string, sides: readonly [Side, Side]) {
    this.directory = directory;
    this.sides = sides;
  }

  static async start(): Promise<Pair> {
    const command = ourServer();
    if (command === undefined) throw new Error("there is no server to test: run npm run build");
    const directory = mkdtempSync(join(tmpdir(), "etcd-ts-differential-"));
    const side = async (name: string, with_: ServerCommand): Promise<Side> => ({
      name,
      command: with_,
      process: await startIn(directory, name, with_),
    });
    const pair = new Pair(directory, [await side("etcd", [peer("etcd")]), await side("ours", command)]);
    await pair.ready();
    return pair;
  }

  get etcdAddress(): string {
    return this.sides[0].process.address;
  }

  get oursAddress(): string {
    return this.sides[1].process.address;
  }

  /** SIGKILL, and a start on the same directories. */
  async restart(): Promise<void> {
    await Promise.all(this.sides.map((side) => side.process.stop("SIGKILL")));
    for (const side of this.sides)
      side.process = await startIn(this.directory, side.name, side.command);
    await this.ready();
  }

  async stop(): Promise<void> {
    await Promise.all(this.sides.map((side) => side.process.stop("SIGKILL")));
    await rm(this.directory, { recursive: true, force: true });
  }

  private async ready(): Promise<void> {
    try {
      await Promise.all(this.sides.map((side) => side.process.ready()));
    } catch (error) {
      await this.stop();
      throw error;
    }
  }
}

async function startIn(directory: string, name: string, command: ServerCommand): Promise<ServerProcess> {
  return new ServerProcess({
    command,
    dataDirectory: join(directory, name),
    logFile: join(directory, `${name}.log`),
    clientPort: await freePort(),
    peerPort: await freePort(),
    advertisedPeerPort,
  });
}
