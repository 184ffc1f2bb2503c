import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { clusterId, type LogIndex, memberId, type Term } from "../../../node/lib/units.ts";
import { type Message, message, messageType } from "../../../node/raft/messages.ts";
import { append, connected, entry, heartbeat, LabMember, stopAll, until } from "./peer-lab.ts";

afterEach(stopAll);

const everyType = (from: LabMember, to: LabMember): Message[] =>
  (Object.keys(messageType) as (keyof typeof messageType)[])
    .filter((type) => type !== "MsgSnap")
    .map((type) =>
      message({
        type,
        from: from.id,
        to: to.id,
        term: 7 as Term,
        logTerm: 6 as Term,
        index: 41 as LogIndex,
        commit: 40 as LogIndex,
        entries:
          type === "MsgApp" || type === "MsgProp" ? [entry(42), entry(43, Buffer.alloc(0))] : [],
        reject: type.endsWith("Resp"),
        rejectHint: (type.endsWith("Resp") ? 39 : 0) as LogIndex,
        context: Buffer.from("why"),
      }),
    );

const plain = (messages: readonly Message[]): unknown[] =>
  messages
    .map((each) => ({
      ...each,
      context: Buffer.from(each.context).toString(),
      entries: each.entries.map((one) => ({ ...one, data: [...one.data] })),
    }))
    .sort((x, y) => (x.type < y.type ? -1 : 1));

const pair = async (options: { timeoutMs?: number } = {}): Promise<[LabMember, LabMember]> => {
  const [a, b] = await Promise.all([
    LabMember.start({ id: 0xan, ...options }),
    LabMember.start({ id: 0xbn, ...options }),
  ]);
  a.knows(b);
  await connected(a, b);
  return [a, b];
};

test("messages of every type arrive as they were sent, from either side", async () => {
  const [a, b] = await pair();
  const [ofA, ofB] = [everyType(a, b), everyType(b, a)];
  a.transport.send(ofA);
  b.transport.send(ofB);
  await until(() => b.received.length === ofA.length && a.received.length === ofB.length, "all");
  assert.deepEqual(plain(b.received), plain(ofA));
  assert.deepEqual(plain(a.received), plain(ofB));
});

test("three members talk, each with each; what is for nobody goes to nobody", async () => {
  const members = await Promise.all([0xan, 0xbn, 0xcn].map((id) => LabMember.start({ id })));
  const [a, b, c] = members as [LabMember, LabMember, LabMember];
  a.knows(b, c);
  b.knows(c);
  await connected(a, b, c);
  for (const from of members) {
    const others = members.filter((each) => each !== from);
    from.transport.send([
      ...others.map((to) => heartbeat(from, to.id)),
      heartbeat(from, memberId(0n)),
      heartbeat(from, memberId(0x77n)),
    ]);
  }
  await until(() => members.every((each) => each.received.length === 2), "all");
  for (const to of members) {
    const senders = to.received.map((each) => each.from).sort((x, y) => (x < y ? -1 : 1));
    assert.deepEqual(
      senders,
      members.filter((each) => each !== to).map((each) => each.id),
    );
  }
});

test("a member that ends and comes back is connected anew; meanwhile it is unreachable", async () => {
  const [a, b] = await pair();
  const { port } = b;
  const since = a.transport.activeSinceMs(b.id);
  assert.notEqual(since, undefined);
  await b.stop();
  await until(() => a.transport.activeSinceMs(b.id) === undefined, "the break");
  assert.equal(a.transport.isEtcdTs(b.id), false);
  await until(() => {
    a.transport.send([heartbeat(a, b.id)]);
    return a.unreachable.length > 0;
  }, "the report");
  assert.deepEqual([...new Set(a.unreachable)], [b.id]);
  assert.equal(a.logged("became inactive"), 1);
  const again = await LabMember.start({ id: 0xbn, port });
  again.transport.setPeer(a.id, [a.url]);
  await until(() => a.transport.activeSinceMs(b.id) !== undefined, "the new connection");
  assert.ok((a.transport.activeSinceMs(b.id) ?? 0) > (since ?? 0));
  await until(() => a.transport.isEtcdTs(b.id), "it says what it is");
  await until(() => {
    a.transport.send([append(a, b.id, { index: 3, entries: [entry(4)] })]);
    return again.received.some(({ type }) => type === "MsgApp");
  }, "a message to the new process");
  // However many attempts there were meanwhile.
  assert.ok(a.logged("warn") < 12, a.log.join("\n"));
});

test("a dead member costs the others nothing", async () => {
  const [a, b] = await pair();
  a.transport.setPeer(memberId(0xdeadn), ["http://127.0.0.1:1"]);
  for (let turn = 1; turn <= 300; turn++) {
    a.transport.send([heartbeat(a, memberId(0xdeadn)), heartbeat(a, b.id, turn)]);
    if (turn % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await until(() => b.received.length === 300, "all");
  assert.equal(a.unreachable.includes(b.id), false);
  assert.equal(a.unreachable.includes(memberId(0xdeadn)), true);
});

test("members of different clusters do not talk, and say so once", async () => {
  const a = await LabMember.start({ id: 0xan });
  const b = await LabMember.start({ id: 0xbn, clusterId: clusterId(0x999n) });
  a.knows(b);
  await until(() => a.logged("cluster ID mismatch") >= 1, "the refusal");
  a.transport.send([heartbeat(a, b.id)]);
  await until(() => a.unreachable.length > 0, "the report");
  await new Promise((resolve) => setTimeout(resolve, 250));
  // Two streams.
  assert.ok(a.logged("cluster ID mismatch") <= 2, a.log.join("\n"));
  assert.equal(a.transport.activeSinceMs(b.id), undefined);
  assert.deepEqual([a.received, b.received], [[], []]);
});

test("a member that was removed is told so, at every attempt", async () => {
  const [a, b] = await pair();
  b.removed.add(a.id);
  b.transport.removePeer(a.id);
  await until(() => a.removedBy.length >= 4, "the news");
  assert.deepEqual([...new Set(a.removedBy)], [b.id]);
  a.transport.send([heartbeat(a, b.id)]);
  await until(() => a.unreachable.length > 0, "the post is refused");
  assert.deepEqual(b.received, []);
});

test("removing a peer ends what there was; setting it again begins anew", async () => {
  const [a, b] = await pair();
  a.transport.removePeer(b.id);
  assert.equal(a.transport.activeSinceMs(b.id), undefined);
  assert.equal(a.transport.isEtcdTs(b.id), false);
  a.transport.send([heartbeat(a, b.id)]);
  a.transport.setPeer(b.id, [b.url]);
  await until(() => {
    a.transport.send([heartbeat(a, b.id, 8)]);
    return b.received.some(({ commit }) => commit === 8);
  }, "a message after it");
});

test("both see that the other is etcd-ts while they are connected", async () => {
  const [a, b] = await pair();
  assert.deepEqual([a.transport.isEtcdTs(b.id), b.transport.isEtcdTs(a.id)], [true, true]);
  assert.equal(a.transport.isEtcdTs(memberId(0x77n)), false);
  assert.equal(a.network.stats.of(b.id).isActive, true);
});

test("a member whose loop was blocked for longer than the time-outs keeps its connections", async () => {
  const [a, b] = await pair({ timeoutMs: 240 });
  // Both are this process: what came meanwhile must be read before a connection is taken for dead.
  const endMs = performance.now() + 900;
  while (performance.now() < endMs);
  a.transport.send([heartbeat(a, b.id, 4)]);
  await until(() => b.received.length > 0, "the message");
  assert.equal(a.logged("lost") + b.logged("lost"), 0, a.log.join("\n"));
});

test("messages for another member, and from one that was removed, do not reach raft", async () => {
  const [a, b] = await pair();
  const wrong = memberId(0x77n);
  b.removed.add(wrong);
  a.transport.send([{ ...heartbeat(a, b.id), from: wrong }, heartbeat(a, b.id, 2)]);
  await until(() => b.received.length > 0, "the good one");
  assert.deepEqual(
    b.received.map(({ commit }) => commit),
    [2],
  );
  assert.equal(b.logged("cannot process message from removed member"), 1);
});

test("a message that closes the transport is the last one", async () => {
  const [a, b] = await pair();
  b.onMessage = () => b.transport.close();
  a.transport.send([heartbeat(a, b.id, 1), heartbeat(a, b.id, 2), heartbeat(a, b.id, 3)]);
  await until(() => b.received.length > 0, "the first");
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(b.received.length, 1);
});

test("a message that removes its sender is the last one of it", async () => {
  const [a, b] = await pair();
  b.onMessage = () => b.transport.removePeer(a.id);
  a.transport.send([heartbeat(a, b.id, 1), heartbeat(a, b.id, 2), heartbeat(a, b.id, 3)]);
  await until(() => b.received.length > 0, "the first");
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(b.received.length, 1);
});

test("nothing of a closed network keeps the process alive", async () => {
  const script = join(import.meta.dirname, "leave-quietly.ts");
  const child = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  assert.deepEqual([code, said], [0, "closed\n"]);
});
