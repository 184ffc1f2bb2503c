/** Against clients that others wrote, over real sockets: @grpc/grpc-js and Node's own HTTP/2 client. */
import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { connect } from "node:http2";
import type { Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { GrpcServer } from "../../../node/grpc/server.ts";
import { SystemTimers, systemClock } from "../../../node/lib/platform/clock.ts";
import { systemNet } from "../../../node/lib/platform/net.ts";
import type { Listener } from "../../../node/lib/ports.ts";

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const httpServer = createServer((_, response) => response.end('{"health":"true"}'));
const server = new GrpcServer({
  clock: systemClock,
  timers: new SystemTimers(),
  logger: quiet,
  receiveMessageBytesMax: 4_000_000,
  maxConcurrentStreams: 1_000,
});
server.addUnary("/test.Svc/Echo", (call, bytes, start, end) => call.reply(bytes, start, end));
server.addUnary("/test.Svc/Token", (call) => {
  const token = Buffer.from(call.metadata("token") ?? "none");
  setImmediate(() => call.reply(token, 0, token.length));
});
server.addUnary("/test.Svc/Fail", (call) =>
  call.fail(status.NOT_FOUND, "etcdserver: löse not found 100%"),
);
server.addUnary("/test.Svc/Never", () => {});
server.onHttp1((socket, unread) => {
  const given = socket.detach(unread) as Socket;
  httpServer.emit("connection", given);
  given.resume();
});

let listener: Listener;
let client: Client;

before(async () => {
  listener = await systemNet.listen({ host: "127.0.0.1", port: 0 }, (socket) =>
    server.serve(socket),
  );
  client = new Client(`127.0.0.1:${listener.address.port}`, credentials.createInsecure(), {
    "grpc.enable_http_proxy": 0,
    "grpc.max_receive_message_length": -1,
  });
});

after(async () => {
  client.close();
  await listener.close();
  await server.shutdown();
  httpServer.close();
});

const plain = (bytes: Buffer): Buffer => bytes;

function call(
  method: string,
  body: Buffer,
  metadata = new Metadata(),
  options = {},
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      `/test.Svc/${method}`,
      plain,
      plain,
      body,
      metadata,
      options,
      (error, answer) => {
        if (error === null && answer !== undefined) resolve(answer);
        else reject(error ?? new Error("neither error nor answer"));
      },
    );
  });
}

const refused = (code: number, details: string) => (error: unknown) => {
  const { code: seenCode, details: seen } = error as ServiceError;
  assert.deepEqual([seenCode, seen], [code, details]);
  return true;
};

describe("@grpc/grpc-js", () => {
  test("gets its messages back, empty, small and larger than all windows", async () => {
    for (const length of [0, 1, 1_000, 70_000, 3_900_000]) {
      const body = Buffer.alloc(length, length % 251);
      assert.deepEqual(await call("Echo", body), body, `${length} bytes`);
    }
  });

  test("gets 2,000 answers of calls made at once, each its own", async () => {
    const bodies = Array.from({ length: 2_000 }, (_, index) =>
      Buffer.from(`call ${index} `.repeat(index % 50)),
    );
    assert.deepEqual(await Promise.all(bodies.map((body) => call("Echo", body))), bodies);
  });

  test("has its metadata read", async () => {
    const metadata = new Metadata();
    metadata.set("token", "abc.1");
    assert.equal((await call("Token", Buffer.alloc(0), metadata)).toString(), "abc.1");
  });

  test("sees code and text of an error", async () => {
    await assert.rejects(
      call("Fail", Buffer.alloc(1)),
      refused(status.NOT_FOUND, "etcdserver: löse not found 100%"),
    );
    await assert.rejects(
      call("None", Buffer.alloc(1)),
      refused(status.UNIMPLEMENTED, "unknown method None for service test.Svc"),
    );
    const tooLarge = "grpc: received message larger than max (4000001 vs. 4000000)";
    await assert.rejects(
      call("Echo", Buffer.alloc(4_000_001)),
      refused(status.RESOURCE_EXHAUSTED, tooLarge),
    );
  });

  test("sees its deadline pass", async () => {
    const deadline = Date.now() + 200;
    await assert.rejects(
      call("Never", Buffer.alloc(1), new Metadata(), { deadline }),
      (error: ServiceError) => {
        assert.equal(error.code, status.DEADLINE_EXCEEDED);
        return true;
      },
    );
  });
});

test("Node's HTTP/2 client gets its large answer through tiny windows", async () => {
  const session = connect(`http://127.0.0.1:${listener.address.port}`, {
    settings: { initialWindowSize: 1_000 },
  });
  const body = Buffer.alloc(50_005, 1);
  body.writeUInt8(0);
  body.writeUInt32BE(50_000, 1);
  const stream = session.request({
    ":method": "POST",
    ":path": "/test.Svc/Echo",
    "content-type": "application/grpc",
    te: "trailers",
  });
  let trailers: Record<string, unknown> = {};
  stream.on("trailers", (fields) => (trailers = fields));
  stream.end(body);
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  assert.deepEqual(Buffer.concat(chunks), body);
  assert.equal(trailers["grpc-status"], "0");
  session.close();
});

test("an HTTP/1.1 client on the same port reaches the HTTP server", async () => {
  const text = await new Promise<string>((resolve, reject) => {
    const sent = request(
      { host: "127.0.0.1", port: listener.address.port, path: "/health", agent: false },
      (response) => {
        response.setEncoding("utf8").on("data", resolve);
      },
    );
    sent.on("error", reject).end();
  });
  assert.equal(text, '{"health":"true"}');
});
