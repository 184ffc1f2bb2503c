/** A job that holds the event loop for 3 s must cost time and nothing else: no connection, no write, no election. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "../../node/client/client.ts";
import { OneMember } from "../support/one-member.ts";

const blockMs = 3000;
const clientCount = 50;

let member: OneMember;
let clients: Client[];
let idle: Socket;
let idleEnded = false;

before(async () => {
  member = await OneMember.start({
    environment: { ETCD_TS_TEST_BLOCK_LOOP_MS: String(blockMs) },
  });
  clients = Array.from({ length: clientCount }, () => new Client({ endpoints: [member.address] }));
  idle = connect(member.port, "127.0.0.1");
  idle.on("close", () => (idleEnded = true));
  idle.write("GET /version HTTP/1.1\r\nHost: member\r\n\r\n");
  await new Promise((resolve) => idle.once("data", resolve));
});

after(async () => {
  for (const client of clients) client.close();
  idle.destroy();
  await member.stop();
});

test("a block of 3 s loses no connection, no write and no leadership", async () => {
  const first = clients[0];
  assert(first !== undefined);
  const before = await first.status();
  let isOver = false;
  const put = async (client: Client, index: number): Promise<number> => {
    let written = 0;
    for (; !isOver; written++) await client.put(`key-${index}-${written}`, "value");
    return written;
  };
  const writers = clients.map(put);
  await sleep(300);
  process.kill(member.server.pid ?? 0, "SIGUSR2");
  await sleep(blockMs + 500);
  isOver = true;
  // Any refused or broken call rejects here.
  const written = (await Promise.all(writers)).reduce((sum, count) => sum + count, 0);
  const after = await first.status();
  assert.match(member.server.logTail(100), /the event loop stood still/);
  assert.equal(after.raftTerm, before.raftTerm, "an election took place");
  assert.equal(after.leader, before.leader);
  const { count } = await first.range("key-", { isPrefix: true, countOnly: true });
  assert.equal(count, written, "every acknowledged write is there");
  assert(!idleEnded, "a connection was lost");
  idle.write("GET /health HTTP/1.1\r\nHost: member\r\n\r\n");
  const [answer] = await new Promise<Buffer[]>((resolve) =>
    idle.once("data", (chunk: Buffer) => resolve([chunk])),
  );
  assert.match(String(answer), /"health":"true"/);
});
