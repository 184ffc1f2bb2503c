/** HTTP/1.1 on the client port, as probes and people with curl use it: the same answers from etcd and from our server. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, describe, test } from "node:test";
import { needs } from "../support/peers.ts";
import { ServerPair } from "./pair.ts";

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

/** Headers whose value a client may act on. */
const comparedHeaders = [
  "content-type",
  "content-length",
  "allow",
  "x-content-type-options",
  "access-control-allow-origin",
  "access-control-allow-methods",
  "access-control-allow-headers",
];

function ask(address: string, method: string, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const [host, port] = address.split(":");
    const call = request({ host, port, method, path, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("end", () => {
        const headers = Object.fromEntries(
          comparedHeaders.map((name) => [name, response.headers[name]?.toString()]),
        );
        resolve({ status: response.statusCode, headers, body: Buffer.concat(chunks).toString() });
      });
    });
    call.once("error", reject);
    call.end();
  });
}

const requests = [
  "GET /health",
  "GET /health?serializable=true",
  "GET /health?serializable=false",
  "GET /health?exclude=NOSPACE",
  "GET /health?exclude=NOSPACE&exclude=CORRUPT",
  "POST /health",
  "PUT /health",
  "HEAD /health",
  "OPTIONS /health",
  "GET /version",
  "POST /version",
  "HEAD /version",
  "GET /nothing-here",
  "GET /health?%zz=%",
] as const;

describe("HTTP/1.1 answers are those of etcd", needs("etcd"), () => {
  let pair: ServerPair;
  before(async () => {
    pair = await ServerPair.start();
  });
  after(async () => {
    await pair.stop();
  });
  for (const line of requests) {
    const [method, path] = line.split(" ") as [string, string];
    test(line, async () => {
      const [expected, actual] = await Promise.all([
        ask(pair.etcd.address, method, path),
        ask(pair.ours.address, method, path),
      ]);
      assert.deepEqual(actual, expected);
    });
  }
});
