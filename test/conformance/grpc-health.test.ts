/** grpc.health.v1 as probes use it (grpc_health_probe, Kubernetes): the same bytes from etcd and from our server. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Client, credentials } from "@grpc/grpc-js";
import { grpc } from "../../node/proto/generated/messages.js";
import { needs } from "../support/peers.ts";
import { ServerPair } from "./pair.ts";
import { RawClient } from "./raw-client.ts";

const { HealthCheckRequest, HealthCheckResponse } = grpc.health.v1;
const service = "/grpc.health.v1.Health";
const requestOf = (name: string): Uint8Array =>
  HealthCheckRequest.encode({ service: name }).finish();

/** What a watcher hears first; the stream must stay open behind it. */
function firstOf(address: string, name: string): Promise<string> {
  const client = new Client(address, credentials.createInsecure(), { "grpc.enable_http_proxy": 0 });
  return new Promise<string>((resolve, reject) => {
    const stream = client.makeServerStreamRequest(
      `${service}/Watch`,
      (bytes: Uint8Array) => Buffer.from(bytes),
      (bytes) => bytes.toString("hex"),
      requestOf(name),
    );
    stream.on("error", reject);
    stream.once("data", (message: string) => {
      stream.off("error", reject);
      stream.on("error", () => undefined);
      stream.cancel();
      resolve(message);
    });
  }).finally(() => client.close());
}

describe("grpc.health.v1 is answered as by etcd", needs("etcd"), () => {
  let pair: ServerPair;
  let clients: readonly [RawClient, RawClient];
  before(async () => {
    pair = await ServerPair.start();
    clients = [new RawClient(pair.etcd.address), new RawClient(pair.ours.address)];
  });
  after(async () => {
    for (const client of clients) client.close();
    await pair.stop();
  });

  for (const name of ["", "etcdserverpb.KV", "x".repeat(300)]) {
    test(`Check and Watch of ${JSON.stringify(name.slice(0, 20))}`, async () => {
      const [etcd, ours] = await Promise.all(
        clients.map((client) => client.unary(`${service}/Check`, requestOf(name))),
      );
      assert.deepEqual(ours, etcd);
      const [first, own] = await Promise.all(
        [pair.etcd, pair.ours].map(({ address }) => firstOf(address, name)),
      );
      assert.equal(own, first);
    });
  }

  test("List, and bytes that are no request", async () => {
    for (const [method, bytes] of [
      ["List", Uint8Array.of()],
      ["Check", Uint8Array.of(0xff)],
      ["Check", Uint8Array.of()],
    ] as const) {
      const [etcd, ours] = await Promise.all(
        clients.map((client) => client.unary(`${service}/${method}`, bytes)),
      );
      assert.equal(ours?.code, etcd?.code);
      assert.deepEqual(ours?.messages, etcd?.messages);
    }
  });

  test("the member as a whole serves", async () => {
    const { messages } = await clients[1].unary(`${service}/Check`, requestOf(""));
    const { status } = HealthCheckResponse.decode(Buffer.from(messages[0] ?? "", "hex"));
    assert.equal(status, HealthCheckResponse.ServingStatus.SERVING);
  });
});
