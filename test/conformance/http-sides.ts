/** A real etcd and our server with client ports for gRPC and HTTP in every arrangement, and questions to them over HTTP/1 and HTTP/2. */
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { request } from "node:http";
import { connect } from "node:http2";
import { request as requestSecurely } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { peer } from "../support/peers.ts";
import { freePort, ourServer, ServerProcess } from "../support/server-process.ts";

export interface Ports {
  /** Beside the client URL of the process itself, which is plain. */
  readonly tls: number;
  /** Where that is made the HTTP one: the plain port that is left for gRPC. */
  readonly grpc: number;
  readonly metrics: number;
}

export interface Side {
  readonly name: "etcd" | "ours";
  readonly process: ServerProcess;
  readonly ports: Ports;
  /** host:port of the client URL, of peers. */
  readonly client: string;
  readonly peer: string;
}

export class HttpSides {
  readonly sides: readonly [Side, Side];
  private readonly directory: string;

  private constructor(directory: string, sides: readonly [Side, Side]) {
    this.directory = directory;
    this.sides = sides;
  }

  static async start(
    flagsFor: (ports: Ports, client: string) => readonly string[],
  ): Promise<HttpSides> {
    const ours = ourServer();
    if (ours === undefined) throw new Error("there is no server to test: run npm run build");
    const directory = mkdtempSync(join(tmpdir(), "etcd-ts-http-"));
    const side = async (name: Side["name"], command: readonly [string, ...string[]]) => {
      const ports = { tls: await freePort(), grpc: await freePort(), metrics: await freePort() };
      const [clientPort, peerPort] = [await freePort(), await freePort()];
      const client = `127.0.0.1:${clientPort}`;
      const process = new ServerProcess({
        command,
        dataDirectory: join(directory, name),
        logFile: join(directory, `${name}.log`),
        clientPort,
        peerPort,
        flags: flagsFor(ports, client),
      });
      return { name, process, ports, client, peer: `127.0.0.1:${peerPort}` };
    };
    const sides = new HttpSides(directory, [
      await side("etcd", [peer("etcd")]),
      await side("ours", ours),
    ]);
    try {
      await Promise.all(sides.sides.map(({ process }) => process.ready()));
    } catch (error) {
      await sides.stop();
      throw error;
    }
    return sides;
  }

  /** The same question to both, answers in the order etcd, ours. */
  async both<Answer>(ask: (side: Side) => Promise<Answer>): Promise<readonly [Answer, Answer]> {
    const [etcd, ours] = this.sides;
    return Promise.all([ask(etcd), ask(ours)]);
  }

  async stop(): Promise<void> {
    await Promise.all(this.sides.map(({ process }) => process.stop("SIGKILL")));
    await rm(this.directory, { recursive: true, force: true });
  }
}

export interface HttpAnswer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

/** Headers whose value a client may act on. */
const comparedHeaders = [
  "content-type",
  "content-length",
  "allow",
  "location",
  "x-content-type-options",
  "access-control-allow-origin",
  "access-control-allow-methods",
  "access-control-allow-headers",
];

const compared = (headers: Readonly<Record<string, unknown>>): HttpAnswer["headers"] =>
  Object.fromEntries(comparedHeaders.map((name) => [name, headers[name]?.toString()]));

export interface Question {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Rejects where the server closes the connection without an answer. `url`: scheme and authority; certificates are not verified. */
export function askHttp1(url: string, question: Question): Promise<HttpAnswer> {
  const { method = "GET", path, headers = {} } = question;
  const ask = url.startsWith("https:") ? requestSecurely : request;
  return new Promise((resolve, reject) => {
    const options = { method, headers: { ...headers }, agent: false, rejectUnauthorized: false };
    const call = ask(`${url}${path}`, options, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("end", () =>
        resolve({
          status: response.statusCode,
          headers: compared(response.headers),
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    call.once("error", reject);
    call.end();
  });
}

/** The same over HTTP/2: by ALPN over TLS, by prior knowledge in plaintext. */
export async function askHttp2(url: string, question: Question): Promise<HttpAnswer> {
  const { method = "GET", path, headers = {} } = question;
  const session = connect(url, { rejectUnauthorized: false });
  try {
    const fields = { ":method": method, ":path": path, ...headers };
    const stream = session.request(fields, { endStream: true });
    const [answered] = (await once(stream, "response")) as [Record<string, unknown>];
    let body = "";
    for await (const chunk of stream.setEncoding("utf8")) body += String(chunk);
    return { status: Number(answered[":status"]), headers: compared(answered), body };
  } finally {
    session.close();
  }
}
