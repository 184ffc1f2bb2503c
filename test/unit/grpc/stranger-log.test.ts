import assert from "node:assert/strict";
import { test } from "node:test";
import { StrangerLog } from "../../../node/grpc/stranger-log.ts";
import type { LogFields } from "../../../node/lib/ports.ts";
import { FakeClient } from "./fake-client.ts";

const ignore = (): void => undefined;

test("garbage instead of a protocol is told in one line", () => {
  const lines: string[] = [];
  const warn = (message: string): void => void lines.push(message);
  const logger = { debug: ignore, info: ignore, warn, error: ignore };
  const client = new FakeClient({ logger }).serve();
  client.send(Buffer.from("garbage\0\r\n\r\n"));
  assert.equal(client.socket.isDestroyed, true);
  assert.deepEqual(lines, ["rejected connection"]);
});

test("who begins a TLS handshake on a port without TLS is told of as that", () => {
  const errors: unknown[] = [];
  const warn = (_message: string, fields?: LogFields): void => void errors.push(fields?.["error"]);
  const logger = { debug: ignore, info: ignore, warn, error: ignore };
  const client = new FakeClient({ logger }).serve();
  client.send(Buffer.from("16030100c4010000c00303", "hex"));
  assert.equal(client.socket.isDestroyed, true);
  assert.deepEqual(errors, [
    "a TLS handshake where no TLS is spoken: the URL of this port is one of http",
  ]);
});

test("a flood of it is told once a second, with the number of connections", () => {
  const counts: unknown[] = [];
  let nowMs = 0;
  const clock = { monotonicMs: () => nowMs, unixMs: () => 0 };
  const warn = (_message: string, fields?: LogFields): void =>
    void counts.push(fields?.["rejected"]);
  const strangers = new StrangerLog({
    clock,
    logger: { debug: ignore, info: ignore, warn, error: ignore },
  });
  for (; nowMs < 2_500; nowMs += 10) strangers.rejected("127.0.0.1", new Uint8Array());
  assert.deepEqual(counts, [1, 100, 100]);
});
