/** Talks to test/peers/proto, which marshals and unmarshals as etcd does. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";

import { goPeer } from "../../support/peers.ts";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

interface Answer {
  readonly hex: string;
  readonly json?: JsonObject;
  readonly error?: string;
  readonly schema?: string[];
}

/** One Go process; answers come in the order of the questions. */
export class GoMarshal {
  private readonly process: ChildProcessWithoutNullStreams;
  private readonly lines: Interface;
  private readonly waiting: ((answer: Answer) => void)[] = [];

  constructor() {
    this.process = spawn(goPeer("proto"));
    this.process.stderr.pipe(process.stderr);
    this.lines = createInterface({ input: this.process.stdout });
    this.lines.on("line", (line) => this.waiting.shift()?.(JSON.parse(line) as Answer));
  }

  /** Go's bytes of a message given in protobuf's JSON mapping. */
  async marshal(type: string, json: JsonObject): Promise<Uint8Array> {
    const answer = await this.ask({ type, json });
    if (answer.error !== undefined)
      throw new Error(`${type} ${JSON.stringify(json)}: ${answer.error}`);
    return Buffer.from(answer.hex, "hex");
  }

  /** What Go reads in these bytes, unknown fields left out, and what it writes for it; undefined when it refuses them. */
  async remarshal(
    type: string,
    bytes: Uint8Array,
  ): Promise<{ hex: string; json: JsonObject } | undefined> {
    const {
      error,
      hex,
      json = {},
    } = await this.ask({ type, hex: Buffer.from(bytes).toString("hex") });
    return error === undefined ? { hex, json } : undefined;
  }

  /** Everything in Go's packages that decides about bytes and paths, a line each: see test/peers/proto/schema.go. */
  async schema(): Promise<string[]> {
    return (await this.ask({ schema: true })).schema ?? [];
  }

  close(): void {
    this.lines.close();
    this.process.stdin.end();
  }

  private ask(question: object): Promise<Answer> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.process.stdin.write(`${JSON.stringify(question)}\n`);
    });
  }
}
