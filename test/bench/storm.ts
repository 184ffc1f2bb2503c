/** Many clients that come back at once: a run of the Go program in test/peers/tls, which opens all its connections anew whenever it is told to. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { goPeer } from "../support/peers.ts";
import type { ServerTls } from "../support/server-process.ts";
import { tlsClientFlags } from "./certificates.ts";

/** All connections once opened; milliseconds from the moment when all began until the server has answered on them. */
export interface Wave {
  readonly connected: number;
  /** Attempts that failed, each of which was made again, and the last one's error. */
  readonly failed: number;
  readonly error?: string;
  readonly millisAll: number;
  readonly millisP99: number;
  readonly millisP50: number;
  /** Connections of the wave before that had ended by themselves. */
  readonly lost: number;
}

const waveTimeoutSeconds = 120;

export class Storm {
  private readonly child: ChildProcessByStdio<Writable, Readable, null>;
  private readonly lines: AsyncIterator<string>;

  private constructor(target: string, tls: ServerTls, connections: number) {
    const flags = tlsClientFlags(tls).map((flag) => flag.slice(1));
    this.child = spawn(
      goPeer("tls"),
      [
        `-address=${target}`,
        ...flags,
        "-storm",
        `-connections=${connections}`,
        `-timeout=${waveTimeoutSeconds}s`,
      ],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    this.child.stdin.on("error", () => undefined);
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  /** Resolves when all stand. Rejects, and leaves nothing behind, when they do not come to. */
  static async start(target: string, tls: ServerTls, connections: number): Promise<Storm> {
    const storm = new Storm(target, tls, connections);
    const first = await storm.wave();
    if (first.connected === connections) return storm;
    storm.stop();
    throw new Error(`only ${first.connected} clients could connect: ${first.error ?? ""}`);
  }

  /** Closes all connections and opens them again at once. */
  again(): Promise<Wave> {
    this.child.stdin.write("again\n");
    return this.wave();
  }

  stop(): void {
    this.child.kill("SIGKILL");
  }

  private async wave(): Promise<Wave> {
    const { value, done } = await this.lines.next();
    if (done === true) throw new Error("the program that reconnects has ended");
    return JSON.parse(value) as Wave;
  }
}
