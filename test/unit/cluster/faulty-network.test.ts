import assert from "node:assert/strict";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import { FaultyNetwork } from "../../cluster/faulty-network.ts";
import { partitionFaults } from "../../cluster/link-fault.ts";
import { stablePort } from "../../cluster/stable-port.ts";
import { until } from "../../cluster/until.ts";

/** What one end of a connection has received, and whether it was ended. */
class End {
  readonly socket: Socket;
  text = "";
  isClosed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => (this.text += chunk.toString()));
    socket.on("error", () => undefined);
    socket.on("close", () => (this.isClosed = true));
  }

  has(text: string): Promise<true> {
    return until(text, () => (this.text.includes(text) ? true : undefined), 5000);
  }

  closed(): Promise<true> {
    return until("the end", () => (this.isClosed ? true : undefined), 5000);
  }
}

let network: FaultyNetwork;
let member: Server;
let port: number;
let accepted: End[];
let dialled: End[];

/** A member "a" behind a proxy; "b" (id 0xb) and "c" (id 0xc) dial it. */
beforeEach(async () => {
  network = new FaultyNetwork();
  accepted = [];
  dialled = [];
  member = createServer((socket) => accepted.push(new End(socket)));
  const targetPort = await stablePort();
  await new Promise<void>((resolve) => member.listen(targetPort, "127.0.0.1", resolve));
  port = await stablePort();
  await network.place("a", { port, targetPort });
  network.introduce("a", 0xan);
  network.introduce("b", 0xbn);
  network.introduce("c", 0xcn);
});

afterEach(async () => {
  for (const { socket } of [...dialled, ...accepted]) socket.destroy();
  await network.close();
  member.close();
});

function dial(): End {
  const end = new End(connect(port, "127.0.0.1"));
  dialled.push(end);
  return end;
}

/** A connection that has said who it is, both of its ends. */
async function linkFrom(id: string): Promise<{ near: End; far: End }> {
  const near = dial();
  const hello = `hello ${dialled.length}.`;
  near.socket.write(`POST /raft HTTP/1.1\r\nHost: a\r\nX-Server-From: ${id}\r\n\r\n${hello}`);
  const far = await until(hello, () => accepted.find(({ text }) => text.includes(hello)));
  return { near, far };
}

/** That nothing came can only be said of what another connection's later bytes have overtaken. */
async function exchange({ near, far }: { near: End; far: End }): Promise<void> {
  near.socket.write("there");
  await far.has("there");
  far.socket.write("back");
  await near.has("back");
}

test("bytes pass both ways while nothing is wrong", async () => {
  await exchange(await linkFrom("b"));
});

for (const kind of partitionFaults) {
  test(`a partition (${kind}) stops connections under way and spares those of others`, async () => {
    const parted = await linkFrom("b");
    const other = await linkFrom("c");
    network.partition(["a"], ["b"], { kind });
    parted.near.socket.write("lost");
    parted.far.socket.write("lost");
    await exchange(other);
    assert(!parted.far.text.includes("lost") && !parted.near.text.includes("lost"));
    if (kind === "cut") await Promise.all([parted.near.closed(), parted.far.closed()]);
    else assert(!parted.near.isClosed && !parted.far.isClosed);
  });

  test(`a partition (${kind}) stops new connections, also when the name comes in two pieces`, async () => {
    const other = await linkFrom("c");
    network.partition(["a"], ["b"], { kind });
    const near = dial();
    near.socket.write("POST /raft HTTP/1.1\r\nX-Server-Fr");
    await exchange(other);
    near.socket.write("om: b\r\n\r\nlost");
    await exchange(other);
    assert(accepted.every(({ text }) => !text.includes("lost")));
  });

  test(`a connection that does not say whose it is does not reach a member parted from most (${kind})`, async () => {
    network.introduce("d", 0xdn);
    const other = await linkFrom("d");
    const probe = "GET /raft/probing HTTP/1.1\r\nHost: a\r\n\r\n";
    network.partition(["a"], ["b"], { kind });
    dial().socket.write(`${probe}first`);
    await until("the probe", () => accepted.find(({ text }) => text.includes("first")));
    network.partition(["a"], ["b", "c"], { kind });
    dial().socket.write(`${probe}second`);
    await exchange(other);
    assert(accepted.every(({ text }) => !text.includes("second")));
  });
}

test("what was held arrives when the network is healed, in order and once", async () => {
  const link = await linkFrom("b");
  const other = await linkFrom("c");
  network.partition(["a"], ["b"], { kind: "hold" });
  for (const digit of "12345") link.near.socket.write(digit);
  await exchange(other);
  network.heal();
  await link.far.has("12345");
  await exchange(link);
});

test("a connection that has lost bytes ends when the network is healed, one that has not goes on", async () => {
  const [torn, idle] = [await linkFrom("b"), await linkFrom("b")];
  const other = await linkFrom("c");
  network.partition(["a"], ["b"], { kind: "blackhole" });
  torn.near.socket.write("lost");
  await exchange(other);
  network.heal();
  await Promise.all([torn.near.closed(), torn.far.closed()]);
  assert(!torn.far.text.includes("lost"));
  await exchange(idle);
});

for (const kind of partitionFaults.filter((kind) => kind !== "cut")) {
  test(`an end passes a partition (${kind}) when it is healed, not before`, async () => {
    const link = await linkFrom("b");
    const other = await linkFrom("c");
    network.partition(["a"], ["b"], { kind });
    link.near.socket.destroy();
    await link.near.closed();
    await exchange(other);
    assert(!link.far.isClosed);
    network.heal();
    await link.far.closed();
  });
}

test("a fault of one way leaves the way back alone", async () => {
  const link = await linkFrom("b");
  network.setFault("b", "a", { kind: "hold" });
  link.near.socket.write("there");
  link.far.socket.write("back");
  await link.near.has("back");
  assert(!link.far.text.includes("there"));
  network.setFault("b", "a", undefined);
  await link.far.has("there");
});

test("a slow link delivers later, a narrow one at its rate", async () => {
  const link = await linkFrom("b");
  network.setFault("b", "a", { kind: "delay", delayMs: 100 });
  let startMs = performance.now();
  await exchange(link);
  assert(performance.now() - startMs >= 99);
  network.setFault("b", "a", { kind: "bandwidth", bytesPerSecond: 100_000 });
  startMs = performance.now();
  link.near.socket.write(`${"x".repeat(20_000)}end`);
  await link.far.has("end");
  assert(performance.now() - startMs >= 190);
});

test("the end of a connection passes behind its last bytes", async () => {
  const link = await linkFrom("b");
  network.setFault("b", "a", { kind: "delay", delayMs: 50 });
  link.near.socket.end("last");
  await link.far.closed();
  assert(link.far.text.endsWith("last"));
});
