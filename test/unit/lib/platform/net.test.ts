import assert from "node:assert/strict";
import { connect, Socket } from "node:net";
import { test } from "node:test";
import { systemNet } from "../../../../node/lib/platform/net.ts";
import type { ByteSocket } from "../../../../node/lib/ports.ts";

interface Pair {
  /** Our end. */
  readonly socket: ByteSocket;
  /** The other end, a plain socket that is paused. */
  readonly client: Socket;
  close(): Promise<void>;
}

async function connected(): Promise<Pair> {
  let accepted: (socket: ByteSocket) => void = () => undefined;
  const accepting = new Promise<ByteSocket>((resolve) => {
    accepted = resolve;
  });
  const listener = await systemNet.listen({ host: "127.0.0.1", port: 0 }, (socket) =>
    accepted(socket),
  );
  const client = connect(listener.address.port, "127.0.0.1");
  client.on("error", () => undefined);
  client.pause();
  const socket = await accepting;
  const close = async (): Promise<void> => {
    client.destroy();
    socket.destroy();
    await listener.close();
  };
  return { socket, client, close };
}

const readAll = (client: Socket): Promise<string> =>
  new Promise((resolve) => {
    let text = "";
    client.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    client.on("close", () => resolve(text));
    client.resume();
  });

test("a listener on port 0 tells the real one", async () => {
  const listener = await systemNet.listen({ host: "127.0.0.1", port: 0 }, () => undefined);
  assert.equal(listener.address.host, "127.0.0.1");
  assert.ok(listener.address.port > 0);
  await assert.rejects(
    systemNet.listen(listener.address, () => undefined),
    /EADDRINUSE/,
  );
  await listener.close();
});

test("a listener that closed accepts nobody; its open connections live on", async () => {
  let ours: ByteSocket | undefined;
  const listener = await systemNet.listen({ host: "127.0.0.1", port: 0 }, (socket) => {
    ours = socket;
    socket.onData(() => socket.write(Buffer.from("still here")));
  });
  const client = connect(listener.address.port, "127.0.0.1");
  await new Promise((resolve) => client.on("connect", resolve));
  client.write("first");
  await new Promise((resolve) => client.once("data", resolve));
  await listener.close();
  client.write("second");
  await new Promise((resolve) => client.once("data", resolve));
  const refused = connect(listener.address.port, "127.0.0.1");
  const error = await new Promise<Error>((resolve) => refused.on("error", resolve));
  assert.match(error.message, /ECONNREFUSED/);
  client.destroy();
  ours?.destroy();
});

test("bytes come in order and the address of the other end is known", async () => {
  const { socket, client, close } = await connected();
  let received = "";
  const done = new Promise<void>((resolve) => {
    socket.onData((chunk) => {
      received += Buffer.from(chunk).toString();
      if (received.length === 6) resolve();
    });
  });
  client.write("abc");
  client.write("def");
  await done;
  assert.equal(received, "abcdef");
  assert.match(socket.remoteAddress, /^127\.0\.0\.1:\d+$/);
  await close();
});

test("a small write is taken at once: its buffer may be used again", async () => {
  const { socket, client, close } = await connected();
  const buffer = Buffer.from("one");
  assert.equal(socket.write(buffer), true);
  buffer.write("two");
  assert.equal(socket.write(buffer), true);
  socket.end();
  assert.equal(await readAll(client), "onetwo");
  await close();
});

test("a write that the kernel does not take is kept until the drain, which comes once it is on its way", async () => {
  const { socket, client, close } = await connected();
  let drains = 0;
  let isDrained: () => void = () => undefined;
  const drained = new Promise<void>((resolve) => {
    isDrained = resolve;
  });
  socket.onDrain(() => {
    drains += 1;
    isDrained();
  });
  let sent = 0;
  // The other end does not read: sooner or later the kernel's buffers are full.
  let isTaken = true;
  while (isTaken) {
    const chunk = Buffer.alloc(1_000_000, String(sent % 10));
    isTaken = socket.write(chunk);
    sent += 1;
  }
  assert.equal(socket.write(Buffer.from("end")), false);
  assert.equal(drains, 0);
  const reading = readAll(client);
  await drained;
  socket.end();
  const text = await reading;
  assert.equal(text.length, sent * 1_000_000 + 3);
  assert.ok(text.endsWith(`${(sent - 1) % 10}end`));
  assert.equal(drains, 1);
  await close();
});

test("a paused socket hands out nothing until it is resumed", async () => {
  const { socket, client, close } = await connected();
  let received = "";
  socket.onData((chunk) => {
    received += Buffer.from(chunk).toString();
  });
  socket.pause();
  await new Promise<void>((resolve) => client.write("abc", () => resolve()));
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(received, "");
  const arrived = new Promise<void>((resolve) => socket.onData(() => resolve()));
  socket.resume();
  await arrived;
  assert.equal(received, "abc");
  await close();
});

test("the end of a connection is told once, whoever brought it about", async () => {
  for (const end of [
    ({ client }: Pair) => client.end(),
    ({ client }: Pair) => client.resetAndDestroy(),
    ({ socket }: Pair) => socket.destroy(),
  ]) {
    const pair = await connected();
    pair.client.resume();
    let closes = 0;
    const closed = new Promise<void>((resolve) => {
      pair.socket.onData(() => undefined);
      pair.socket.onClose(() => {
        closes += 1;
        resolve();
      });
    });
    end(pair);
    await closed;
    await new Promise((resolve) => setImmediate(resolve));
    pair.socket.destroy();
    assert.equal(closes, 1);
    await pair.close();
  }
});

test("writing to a connection that is over is no error and keeps nothing", async () => {
  const { socket, close } = await connected();
  socket.destroy();
  assert.equal(socket.write(Buffer.alloc(1_000_000)), true);
  socket.end();
  await close();
});

test("a detached connection is the platform's socket, with the unread bytes in front and our handlers gone", async () => {
  const { socket, client, close } = await connected();
  const ours: string[] = [];
  const first = new Promise<Uint8Array>((resolve) => {
    socket.onData((chunk) => {
      ours.push("data");
      resolve(Buffer.from(chunk));
    });
  });
  socket.onClose(() => ours.push("close"));
  client.write("GET ");
  const unread = await first;
  const raw = socket.detach(unread);
  assert.ok(raw instanceof Socket);
  client.end("/health");
  assert.equal(await readAll(raw), "GET /health");
  assert.deepEqual(ours, ["data"]);
  await close();
});
