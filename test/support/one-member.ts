/** One fresh member, ours or a real etcd, in a directory of its own, which is removed when the member is stopped. */
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, ourServer, type ServerCommand, ServerProcess } from "./server-process.ts";

export interface OneMemberOptions {
  /** Ours where it is left out. */
  readonly command?: ServerCommand;
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

export class OneMember {
  readonly server: ServerProcess;
  readonly port: number;
  /** For files of the test, too. */
  readonly directory: string;

  private constructor(server: ServerProcess, port: number, directory: string) {
    this.server = server;
    this.port = port;
    this.directory = directory;
  }

  /** Resolves when the member is healthy. */
  static async start(options: OneMemberOptions = {}): Promise<OneMember> {
    const command = options.command ?? ourServer();
    if (command === undefined) throw new Error("there is no server to test: run npm run build");
    const directory = mkdtempSync(join(tmpdir(), "etcd-ts-member-"));
    const port = await freePort();
    const server = new ServerProcess({
      ...options,
      command,
      dataDirectory: join(directory, "data"),
      logFile: join(directory, "log"),
      clientPort: port,
      peerPort: await freePort(),
    });
    const member = new OneMember(server, port, directory);
    try {
      await server.ready();
    } catch (error) {
      await member.stop();
      throw error;
    }
    return member;
  }

  get address(): string {
    return this.server.address;
  }

  async stop(): Promise<void> {
    await this.server.stop("SIGKILL");
    await rm(this.directory, { recursive: true, force: true });
  }
}
