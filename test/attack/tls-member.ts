/** One fresh member that serves clients over TLS and asks for their certificates. */
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makePki } from "../support/pki.ts";
import { freePort, ourServer, ServerProcess, type ServerTls } from "../support/server-process.ts";

export class TlsMember {
  readonly server: ServerProcess;
  readonly port: number;
  readonly tls: ServerTls;
  private readonly directory: string;

  private constructor(directory: string, tls: ServerTls, ports: readonly [number, number]) {
    const command = ourServer();
    if (command === undefined) throw new Error("there is no server to test: run npm run build");
    const [clientPort, peerPort] = ports;
    this.directory = directory;
    this.tls = tls;
    this.port = clientPort;
    this.server = new ServerProcess({
      ...{ command, tls, clientPort, peerPort },
      dataDirectory: join(directory, "data"),
      logFile: join(directory, "log"),
    });
  }

  /** Resolves when the member is healthy. */
  static async start(): Promise<TlsMember> {
    const directory = mkdtempSync(join(tmpdir(), "etcd-ts-tls-member-"));
    const { files } = makePki(directory);
    const tls: ServerTls = {
      ca: files.ca,
      cert: files.serverCert,
      key: files.serverKey,
      clientCert: files.clientCert,
      clientKey: files.clientKey,
    };
    const member = new TlsMember(directory, tls, [await freePort(), await freePort()]);
    try {
      await member.server.ready();
    } catch (error) {
      await member.stop();
      throw error;
    }
    return member;
  }

  async stop(): Promise<void> {
    await this.server.stop("SIGKILL");
    await rm(this.directory, { recursive: true, force: true });
  }
}
