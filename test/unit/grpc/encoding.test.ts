/** Compressed messages, as etcd 3.7.1 takes and gives them; the texts are what it answered. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { frameFlag, frameType } from "../../../node/grpc/frame.ts";
import { compressedMessageBytesMax } from "../../../node/grpc/limits.ts";
import { echoPath, FakeClient, frame, headFields, message } from "./fake-client.ts";

const encoding = (value: string) => [{ name: "grpc-encoding", value }];
const text = Buffer.from("hello ".repeat(20));

function ask(body: Buffer, name = "gzip", max = 2_000_000): FakeClient {
  const client = new FakeClient({ receiveMessageBytesMax: max }).withEcho().connect();
  client.send(
    client.headers(1, headFields(echoPath, encoding(name))),
    frame(frameType.data, frameFlag.endStream, 1, body),
  );
  return client;
}

function failed(client: FakeClient, code: number, why: string): void {
  const { headers, hasEnded } = client.answer(1);
  assert.equal(headers["grpc-message"], why);
  assert.equal(headers["grpc-status"], String(code));
  assert.equal(headers["grpc-encoding"], undefined);
  assert.equal(hasEnded, true);
}

describe("a request whose grpc-encoding is gzip", () => {
  test("is unpacked, and its answer is packed", () => {
    const { headers, data, trailers } = ask(message(gzipSync(text), 1)).answer(1);
    assert.equal(headers["grpc-encoding"], "gzip");
    assert.equal(data[0], 1);
    assert.equal(data.readUInt32BE(1), data.length - 5);
    assert.deepEqual(gunzipSync(data.subarray(5)), text);
    assert.equal(trailers["grpc-status"], "0");
  });

  test("may have plain messages all the same; its answer is packed", () => {
    const { data } = ask(message(text)).answer(1);
    assert.deepEqual(gunzipSync(data.subarray(5)), text);
  });

  test("gets an empty answer, and one too large to be packed quickly, as they are", () => {
    assert.deepEqual(ask(message("")).answer(1).data, message(""));
    const large = Buffer.alloc(compressedMessageBytesMax + 1);
    const client = ask(message(gzipSync(large), 1));
    client.send(
      frame(frameType.windowUpdate, 0, 0, [0, 16, 0, 0]),
      frame(frameType.windowUpdate, 0, 1, [0, 16, 0, 0]),
    );
    assert.deepEqual(client.answer(1).data, message(large));
  });

  test("and whose bytes are not is Internal, in the words of Go's gzip reader", () => {
    const packed = gzipSync(text);
    const changed = (at: number, byte: number): Buffer => {
      const copy = Buffer.from(packed);
      copy[at < 0 ? copy.length + at : at] = byte;
      return copy;
    };
    for (const [body, why] of [
      [Buffer.alloc(0), "grpc: failed to decompress the message: EOF"],
      [packed.subarray(0, 5), "grpc: failed to decompress the message: unexpected EOF"],
      [Buffer.from("hello world"), "grpc: failed to decompress the message: gzip: invalid header"],
      [packed.subarray(0, -3), "grpc: failed to read decompressed data: unexpected EOF"],
      [changed(-6, 0x55), "grpc: failed to read decompressed data: gzip: invalid checksum"],
      [changed(-1, 0x55), "grpc: failed to read decompressed data: gzip: invalid checksum"],
      [changed(10, 0xff), "grpc: failed to read decompressed data: flate: corrupt input"],
    ] as const) {
      failed(ask(message(body, 1)), 13, why);
    }
  });

  test("is unpacked up to the size of a message and not beyond", () => {
    const max = 10_000;
    assert.equal(ask(message(gzipSync(Buffer.alloc(max)), 1), "gzip", max).answer(1).data[0], 1);
    failed(
      ask(message(gzipSync(Buffer.alloc(max + 1)), 1), "gzip", max),
      8,
      "grpc: received message after decompression larger than max 10000",
    );
  });

  test("is unpacked and answered message by message where it streams", () => {
    const client = new FakeClient();
    client.server.addStream("/test.Svc/Talk", "bidi", (call) => {
      call.onMessage((bytes, start, end) => call.send(bytes, start, end));
      call.onHalfClose(() => call.finish());
    });
    client.connect();
    const parts = [text, Buffer.alloc(0), Buffer.from("plain")];
    client.send(
      client.headers(1, headFields("/test.Svc/Talk", encoding("gzip"))),
      frame(
        frameType.data,
        frameFlag.endStream,
        1,
        Buffer.concat([message(gzipSync(text), 1), message(""), message("plain")]),
      ),
    );
    const { data, headers, trailers } = client.answer(1);
    assert.equal(headers["grpc-encoding"], "gzip");
    let at = 0;
    for (const part of parts) {
      const end = at + 5 + data.readUInt32BE(at + 1);
      const body = data.subarray(at + 5, end);
      assert.deepEqual(data[at] === 1 ? gunzipSync(body) : body, part);
      at = end;
    }
    assert.equal(at, data.length);
    assert.equal(trailers["grpc-status"], "0");
  });
});

describe("a request", () => {
  test("with an encoding that we do not have is Unimplemented and hears which one we have", () => {
    const client = ask(message("x", 1), "snappy");
    failed(client, 12, 'grpc: Decompressor is not installed for grpc-encoding "snappy"');
    assert.equal(client.answer(1).headers["grpc-accept-encoding"], "gzip");
  });

  test("whose messages claim to be packed without an encoding is Internal; identity is none", () => {
    for (const name of ["identity", ""]) {
      const why = "grpc: compressed flag set with identity or empty encoding";
      failed(ask(message("x", 1), name), 13, why);
    }
    failed(ask(message("x", 7)), 13, "grpc: received unexpected payload format 7");
    assert.deepEqual(ask(message("x"), "identity").answer(1).data, message("x"));
  });
});
