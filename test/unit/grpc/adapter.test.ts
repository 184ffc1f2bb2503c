/**
 * One set of calls over both transports, from outside: our own framing and the adapter on node:http2 must not differ for a
 * client. The client is @grpc/grpc-js, over real sockets.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:http2";
import { after, before, describe, test } from "node:test";
import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import type { StreamCall } from "../../../node/grpc/stream-call.ts";
import type { UnaryCall } from "../../../node/grpc/unary-call.ts";
import { Lab, transports } from "./adapter-lab.ts";
import type { Services } from "./adapter-services.ts";

const plain = (bytes: Buffer): Buffer => bytes;

for (const [name, make] of Object.entries(transports)) {
  describe(`over ${name}`, () => {
    let lab: Lab;
    let services: Services;
    let client: Client;

    const newClient = (options = {}, address = lab.address): Client =>
      new Client(address, credentials.createInsecure(), {
        "grpc.enable_http_proxy": 0,
        "grpc.max_receive_message_length": -1,
        "grpc.use_local_subchannel_pool": 1,
        ...options,
      });

    before(async () => {
      lab = await Lab.start(make);
      services = lab.services;
      client = newClient();
    });

    after(async () => {
      client.close();
      await lab.stop();
    });

    const unary = (
      method: string,
      body: Buffer,
      { metadata = new Metadata(), options = {}, by = client } = {},
    ): Promise<Buffer> & { call?: ClientUnaryCall } => {
      let call: ClientUnaryCall | undefined;
      const answer: Promise<Buffer> & { call?: ClientUnaryCall } = new Promise(
        (resolve, reject) => {
          call = by.makeUnaryRequest(
            `/test.Svc/${method}`,
            plain,
            plain,
            body,
            metadata,
            options,
            (error, bytes) => (error === null ? resolve(bytes as Buffer) : reject(error)),
          );
        },
      );
      if (call !== undefined) answer.call = call;
      return answer;
    };

    const count = (text: string, options = {}): ClientReadableStream<Buffer> =>
      client.makeServerStreamRequest(
        "/test.Svc/Count",
        plain,
        plain,
        Buffer.from(text),
        new Metadata(),
        options,
      );

    const bidi = (method: string, options = {}): ClientDuplexStream<Buffer, Buffer> =>
      client.makeBidiStreamRequest(`/test.Svc/${method}`, plain, plain, new Metadata(), options);

    const refused = (code: number, details: string) => (error: unknown) => {
      const { code: seenCode, details: seen } = error as ServiceError;
      assert.deepEqual([seenCode, seen], [code, details]);
      return true;
    };

    /** Messages until the end, and the error that ended them. */
    const collect = async (
      stream: AsyncIterable<Buffer>,
    ): Promise<{ messages: Buffer[]; error?: ServiceError }> => {
      const messages: Buffer[] = [];
      try {
        for await (const message of stream) messages.push(message);
        return { messages };
      } catch (error) {
        return { messages, error: error as ServiceError };
      }
    };

    describe("a unary call", () => {
      test("gets its message back, empty, small and larger than all windows", async () => {
        for (const length of [0, 1, 1_000, 70_000, 3_900_000]) {
          const body = Buffer.alloc(length, length % 251);
          assert.deepEqual(await unary("Echo", body), body, `${length} bytes`);
        }
      });

      test("gets its own answer among 2,000 at once", async () => {
        const bodies = Array.from({ length: 2_000 }, (_, at) =>
          Buffer.from(`${at} `.repeat(at % 90)),
        );
        assert.deepEqual(await Promise.all(bodies.map((body) => unary("Echo", body))), bodies);
      });

      test("has its metadata read, text and binary", async () => {
        const metadata = new Metadata();
        metadata.set("token", "abc.1");
        metadata.set("raw-bin", Buffer.from([0, 255]));
        const read = async (key: string) =>
          (await unary("Metadata", Buffer.from(key), { metadata })).toString();
        assert.equal(await read("token"), "abc.1");
        assert.match(await read("raw-bin"), /^AP8=?$/);
        assert.equal(await read("other"), "none");
        assert.equal(await read(":authority"), lab.address);
        assert.match(await read("user-agent"), /grpc-node-js/);
      });

      test("sees code and text of its error", async () => {
        const call = (method: string, body = Buffer.alloc(1)) => unary(method, body);
        await assert.rejects(call("Fail"), refused(status.NOT_FOUND, "löse not found 100%"));
        const unknownMethod = "unknown method None for service test.Svc";
        await assert.rejects(call("None"), refused(status.UNIMPLEMENTED, unknownMethod));
        const tooLarge = "grpc: received message larger than max (4000001 vs. 4000000)";
        await assert.rejects(
          call("Echo", Buffer.alloc(4_000_001)),
          refused(status.RESOURCE_EXHAUSTED, tooLarge),
        );
      });

      test("sees its deadline pass", async () => {
        const options = { deadline: Date.now() + 150 };
        await assert.rejects(unary("Hold", Buffer.alloc(1), { options }), (error: ServiceError) => {
          assert.equal(error.code, status.DEADLINE_EXCEEDED);
          return true;
        });
      });

      test("that is cancelled is over for its service", async () => {
        const before = services.heldCalls.length;
        const answer = unary("Hold", Buffer.alloc(1));
        await services.until(() => services.heldCalls.length > before);
        const held = services.heldCalls.at(-1) as UnaryCall;
        answer.call?.cancel();
        await assert.rejects(answer, refused(status.CANCELLED, "Cancelled on client"));
        while (!held.isOver) await new Promise((resolve) => setImmediate(resolve));
        held.reply(Buffer.alloc(1), 0, 1);
      });

      test("may be compressed", async () => {
        const packing = newClient({ "grpc.default_compression_algorithm": 2 });
        const body = Buffer.from("again and again ".repeat(5_000));
        assert.deepEqual(await unary("Echo", body, { by: packing }), body);
        packing.close();
      });
    });

    describe("a call whose server streams", () => {
      test("gets every message, in order", async () => {
        const { messages, error } = await collect(count("3000 20"));
        assert.equal(error, undefined);
        assert.deepEqual(
          messages.map((message) => Number.parseInt(message.toString(), 10)),
          Array.from({ length: 3_000 }, (_, at) => at),
        );
      });

      test("gets none and still ends well", async () => {
        assert.deepEqual(await collect(count("0")), { messages: [] });
      });

      test("gets 20 MB in messages larger than a window", async () => {
        const { messages } = await collect(count("20 1000000"));
        assert.deepEqual(
          messages.map(({ length }) => length),
          new Array(20).fill(1_000_000),
        );
      });

      test("gets its error behind the messages", async () => {
        const { messages, error } = await collect(count("10 5 3"));
        assert.equal(messages.length, 3);
        assert.deepEqual([error?.code, error?.details], [status.ABORTED, "enough"]);
      });
    });

    describe("a call whose client streams", () => {
      const measure = (bodies: readonly Buffer[]): Promise<string> =>
        new Promise((resolve, reject) => {
          const stream = client.makeClientStreamRequest(
            "/test.Svc/Measure",
            plain,
            plain,
            (error, bytes) => (error === null ? resolve(String(bytes)) : reject(error)),
          );
          for (const body of bodies) stream.write(body);
          stream.end();
        });

      test("has every message read", async () => {
        const bodies = Array.from({ length: 2_000 }, (_, at) => Buffer.alloc(at % 100));
        const total = bodies.reduce((sum, { length }) => sum + length, 0);
        assert.equal(await measure(bodies), `2000 ${total}`);
        assert.equal(await measure([]), "0 0");
      });

      test("has 20 MB read, in messages larger than a window", async () => {
        const bodies = new Array<Buffer>(10).fill(Buffer.alloc(2_000_000));
        assert.equal(await measure(bodies), "10 20000000");
      });
    });

    describe("a call that streams both ways", () => {
      test("talks in turns", async () => {
        const chat = bidi("Chat");
        for (const text of ["one", "two", "three"]) {
          chat.write(Buffer.from(text));
          const [answer] = (await once(chat, "data")) as [Buffer];
          assert.equal(answer.toString(), text);
        }
        chat.end();
        const [final] = (await once(chat, "status")) as [{ code: number }];
        assert.equal(final.code, status.OK);
      });

      test("is held back while its service does not read, and not other calls", async () => {
        const stream = bidi("Idle");
        const before = services.openStreams.length;
        const piece = Buffer.alloc(1_000_000);
        for (let sent = 0; sent < 8; sent++) stream.write(piece);
        await services.until(() => services.openStreams.length > before);
        assert.deepEqual(await unary("Echo", piece), piece);
        const call = services.openStreams.at(-1) as StreamCall;
        let received = 0;
        call.onMessage((_bytes, start, end) => {
          received += end - start;
        });
        call.onHalfClose(() => call.finish());
        stream.end();
        stream.resume();
        const [final] = (await once(stream, "status")) as [{ code: number }];
        assert.deepEqual([final.code, received], [status.OK, 8_000_000]);
      });

      test("tells its service that the client has cancelled, once", async () => {
        const stream = bidi("Idle");
        const before = services.openStreams.length;
        stream.on("error", () => {});
        await services.until(() => services.openStreams.length > before);
        const codes = services.cancelCodes.length;
        stream.cancel();
        await services.until(() => services.cancelCodes.length > codes);
        assert.deepEqual(services.cancelCodes.slice(codes), [status.CANCELLED]);
        assert.equal(services.openStreams.at(-1)?.isOver, true);
      });

      test("tells its service that the deadline has passed", async () => {
        const codes = services.cancelCodes.length;
        const stream = bidi("Idle", { deadline: Date.now() + 150 });
        stream.resume();
        const [error] = (await once(stream, "error")) as [ServiceError];
        assert.equal(error.code, status.DEADLINE_EXCEEDED);
        await services.until(() => services.cancelCodes.length > codes);
      });

      test("tells its service that the connection is lost", async () => {
        const other = newClient();
        const before = services.openStreams.length;
        const codes = services.cancelCodes.length;
        const stream = other.makeBidiStreamRequest("/test.Svc/Idle", plain, plain);
        stream.on("error", () => {});
        await services.until(() => services.openStreams.length > before);
        other.close();
        stream.cancel();
        await services.until(() => services.cancelCodes.length > codes);
      });
    });

    test("a request that is no gRPC is told so", async () => {
      const session = connect(`http://${lab.address}`);
      const stream = session.request({ ":path": "/health" });
      const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
      stream.setEncoding("utf8");
      let body = "";
      for await (const text of stream) body += String(text);
      assert.equal(headers[":status"], 415);
      assert.equal(body, 'invalid gRPC request content-type ""\n');
      session.close();
    });

    test("a request that is no gRPC is answered where somebody answers such, its body read away", async () => {
      const plain = await Lab.start(make);
      after(() => plain.stop());
      let isWaiting = (): void => undefined;
      let isGone = (): void => undefined;
      plain.server.onPlainRequest((asked, response) => {
        if (asked.path === "/wait") {
          response.once("close", () => isGone());
          isWaiting();
          return;
        }
        response.statusCode = 203;
        response.setHeader("X-Asked", `${asked.method} ${asked.authority} ${asked.path}`);
        response.end("y".repeat(200_000));
      });
      const session = connect(`http://${plain.address}`);
      const ask = async (headers: Record<string, string>, body: Buffer) => {
        const stream = session.request(headers);
        stream.on("error", () => {});
        if (body.length > 0) stream.end(body);
        const [answered] = (await once(stream, "response")) as [Record<string, unknown>];
        let text = "";
        for await (const chunk of stream.setEncoding("utf8")) text += String(chunk);
        return { status: answered[":status"], asked: answered["x-asked"], bytes: text.length };
      };
      const whole = { status: 203, asked: `GET ${plain.address} /a?b`, bytes: 200_000 };
      assert.deepEqual(await ask({ ":path": "/a?b" }, Buffer.alloc(0)), whole);
      for (const bytes of [10, 500_000]) {
        const post = { ":method": "POST", ":path": "/p" };
        const posted = await ask(post, Buffer.alloc(bytes));
        assert.deepEqual(posted, { ...whole, asked: `POST ${plain.address} /p` });
      }
      const head = await ask({ ":method": "HEAD", ":path": "/h" }, Buffer.alloc(0));
      assert.deepEqual(head, { ...whole, asked: `HEAD ${plain.address} /h`, bytes: 0 });
      const waits = new Promise<void>((resolve) => (isWaiting = resolve));
      const gone = new Promise<void>((resolve) => (isGone = resolve));
      const waiting = session.request({ ":path": "/wait" });
      waiting.on("error", () => {});
      await waits;
      waiting.close(8);
      await gone;
      session.close();
    });

    test("an HTTP/1.1 request on the same port reaches the HTTP server", async () => {
      const text = await new Promise((resolve, reject) => {
        const { port } = lab;
        const sent = request({ host: "127.0.0.1", port, agent: false }, (response) => {
          response.setEncoding("utf8").on("data", resolve);
        });
        sent.on("error", reject).end();
      });
      assert.equal(text, "plain");
    });

    test("what methods counted is the same for both transports", () => {
      const counted = lab.server.routeStats().find(({ method }) => method === "Measure");
      assert.ok(counted !== undefined);
      const { type, started, bytesReceived, handled } = counted;
      assert.deepEqual([type, started, handled[0]], ["client_stream", 3, 3]);
      assert.equal(bytesReceived, services.receivedBytes);
    });

    test("a shutdown lets the call under way end", async () => {
      const own = await Lab.start(make);
      const by = newClient({}, own.address);
      const answer = unary("Hold", Buffer.alloc(1), { by });
      await own.services.until(() => own.services.heldCalls.length === 1);
      assert.equal(own.server.openConnections, 1);
      const over = own.stop();
      own.services.heldCalls[0]?.reply(Buffer.from("bye"), 0, 3);
      assert.equal((await answer).toString(), "bye");
      by.close();
      await over;
      assert.equal(own.server.openConnections, 0);
      assert.ok(own.server.traffic.received > 0 && own.server.traffic.sent > 0);
    });
  });
}
