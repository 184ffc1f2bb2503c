/** Streaming calls with a client that others wrote, @grpc/grpc-js, over real sockets. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import {
  Client,
  compressionAlgorithms,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { GrpcServer } from "../../../node/grpc/server.ts";
import type { StreamCall } from "../../../node/grpc/stream-call.ts";
import { SystemTimers, systemClock } from "../../../node/lib/platform/clock.ts";
import { systemNet } from "../../../node/lib/platform/net.ts";
import type { Listener } from "../../../node/lib/ports.ts";

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const messageMax = 16_000_000;
const server = new GrpcServer({
  clock: systemClock,
  timers: new SystemTimers(),
  logger: quiet,
  receiveMessageBytesMax: messageMax,
  maxConcurrentStreams: 1_000,
});
/** Codes with which calls of /test.Svc/Cancelled were cancelled, each told to who waits for it. */
const cancelled: ((code: number) => void)[] = [];

server.addUnary("/test.Svc/Echo", (call, bytes, start, end) => call.reply(bytes, start, end));
// Sends back what it gets, and does not read on while too much of it waits.
server.addStream("/test.Svc/Talk", "bidi", (call) => {
  call.onMessage((bytes, start, end) => {
    if (!call.send(bytes, start, end)) call.pause();
  });
  call.onDrain(() => call.resume());
  call.onHalfClose(() => call.finish());
});
// "count length": so many messages of that length, each filled with its number.
server.addStream("/test.Svc/Count", "serverStream", (call) => {
  call.onMessage((bytes, start, end) => {
    const words = Buffer.from(bytes.subarray(start, end)).toString().split(" ");
    feed(call, Number(words[0]), Number(words[1]));
  });
});
server.addStream("/test.Svc/Sum", "clientStream", (call) => {
  let sum = 0;
  call.onMessage((_, start, end) => {
    sum += end - start;
  });
  call.onHalfClose(() => {
    const text = Buffer.from(String(sum));
    call.send(text, 0, text.length);
    call.finish();
  });
});
server.addStream("/test.Svc/Cancelled", "bidi", (call) => {
  call.onCancel((code) => cancelled.shift()?.(code));
});
server.addStream("/test.Svc/Fail", "bidi", (call) => {
  call.onMessage((bytes, start, end) => {
    call.send(bytes, start, end);
    call.fail(status.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted");
  });
});

function feed(call: StreamCall, count: number, length: number): void {
  let sent = 0;
  const goOn = (): void => {
    let mayGoOn = true;
    while (mayGoOn && sent < count)
      mayGoOn = call.send(Buffer.alloc(length, sent++ & 255), 0, length);
    if (sent === count) call.finish();
  };
  call.onDrain(goOn);
  goOn();
}

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
});

const plain = (bytes: Buffer): Buffer => bytes;
const talk = (method: string, metadata = new Metadata(), options = {}) =>
  client.makeBidiStreamRequest(`/test.Svc/${method}`, plain, plain, metadata, options);
const count = (many: number, length: number) =>
  client.makeServerStreamRequest("/test.Svc/Count", plain, plain, Buffer.from(`${many} ${length}`));

/** The status with which a call ends. */
function endOf(call: {
  on(event: "error", run: (error: ServiceError) => void): unknown;
}): Promise<ServiceError> {
  return new Promise((resolve) => {
    call.on("error", resolve);
  });
}

describe("@grpc/grpc-js", () => {
  test("talks both ways, message by message, and half-closes", async () => {
    const call = talk("Talk");
    for (const text of ["a", "", "b".repeat(100_000), "c"]) {
      call.write(Buffer.from(text));
      const [answer] = (await once(call, "data")) as [Buffer];
      assert.equal(answer.toString(), text);
    }
    call.end();
    const [{ code }] = (await once(call, "status")) as [{ code: number }];
    assert.equal(code, status.OK);
  });

  test("gets a server's stream in order, to its end", async () => {
    let seen = 0;
    for await (const chunk of count(5_000, 300)) {
      const bytes = chunk as Buffer;
      assert.equal(bytes.length, 300);
      assert.equal(bytes[0], seen & 255);
      seen++;
    }
    assert.equal(seen, 5_000);
  });

  test("sends a stream and gets one answer", async () => {
    const answer = await new Promise<Buffer>((resolve, reject) => {
      const call = client.makeClientStreamRequest("/test.Svc/Sum", plain, plain, (error, value) => {
        if (error === null && value !== undefined) resolve(value);
        else reject(error ?? new Error("no answer"));
      });
      for (let sent = 0; sent < 3_000; sent++) call.write(Buffer.alloc(sent));
      call.end();
    });
    assert.equal(answer.toString(), String((3_000 * 2_999) / 2));
  });

  test("exchanges messages of 10 MB both ways", async () => {
    const call = talk("Talk");
    const sent = [1, 2, 3].map((byte) => Buffer.alloc(10_000_000 + byte, byte));
    for (const bytes of sent) call.write(bytes);
    call.end();
    let at = 0;
    for await (const chunk of call) {
      assert.ok((sent[at] as Buffer).equals(chunk as Buffer), `message ${at}`);
      at++;
    }
    assert.equal(at, sent.length);
  });

  test("sees code and text of a failure behind the messages before it", async () => {
    const call = talk("Fail");
    const seen: string[] = [];
    call.on("data", (bytes: Buffer) => seen.push(bytes.toString()));
    const end = endOf(call);
    call.write(Buffer.from("last words"));
    const { code, details } = await end;
    assert.deepEqual(seen, ["last words"]);
    assert.equal(code, status.OUT_OF_RANGE);
    assert.equal(details, "etcdserver: mvcc: required revision has been compacted");
  });

  test("has its cancellation and its deadline heard by the service", async () => {
    const told = (): Promise<number> => new Promise((resolve) => cancelled.push(resolve));
    const first = talk("Cancelled");
    const firstEnd = endOf(first);
    const firstCode = told();
    first.write(Buffer.from("x"));
    setTimeout(() => first.cancel(), 50);
    assert.equal(await firstCode, status.CANCELLED);
    assert.equal((await firstEnd).code, status.CANCELLED);
    const second = talk("Cancelled", new Metadata(), { deadline: Date.now() + 150 });
    const secondEnd = endOf(second);
    const secondCode = await told();
    // Whoever's clock was first: the client's timer cancels, ours resets.
    assert.ok(secondCode === status.DEADLINE_EXCEEDED || secondCode === status.CANCELLED);
    assert.equal((await secondEnd).code, status.DEADLINE_EXCEEDED);
  });

  test("that reads slowly is sent what it reads, is not kept for in memory, and others are served meanwhile", async () => {
    const slow = count(400, 100_000);
    const chunks = slow[Symbol.asyncIterator]();
    let seen = 0;
    for (; seen < 5; seen++) await chunks.next();
    for (let asked = 0; asked < 20; asked++) {
      const answer = await new Promise<Buffer | undefined>((resolve) => {
        client.makeUnaryRequest("/test.Svc/Echo", plain, plain, Buffer.from("x"), (_, value) =>
          resolve(value),
        );
      });
      assert.equal(answer?.toString(), "x");
      assert.ok(
        server.waitingBytes.answers < 1_000_000,
        `${server.waitingBytes.answers} bytes wait`,
      );
    }
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) seen++;
    assert.equal(seen, 400);
  });

  test("has many streams at once that all come to their end", async () => {
    const totals = await Promise.all(
      Array.from({ length: 30 }, async () => {
        let bytes = 0;
        for await (const chunk of count(50, 20_000)) bytes += (chunk as Buffer).length;
        return bytes;
      }),
    );
    assert.deepEqual(totals, new Array(30).fill(1_000_000));
    assert.deepEqual(server.waitingBytes, { requests: 0, answers: 0 });
  });

  test("compresses with gzip and is answered likewise", async () => {
    const packing = new Client(`127.0.0.1:${listener.address.port}`, credentials.createInsecure(), {
      "grpc.enable_http_proxy": 0,
      "grpc.default_compression_algorithm": compressionAlgorithms.gzip,
    });
    const call = packing.makeBidiStreamRequest("/test.Svc/Talk", plain, plain);
    const text = "zip ".repeat(50_000);
    const before = server.traffic;
    const [received, sent] = [before.received, before.sent];
    call.write(Buffer.from(text));
    call.end();
    const seen: string[] = [];
    for await (const chunk of call) seen.push((chunk as Buffer).toString());
    assert.deepEqual(seen, [text]);
    assert.ok(server.traffic.received - received < 10_000);
    assert.ok(server.traffic.sent - sent < 10_000);
    packing.close();
  });
});
