/** The peer port against etcd's own: its rafthttp.Transport in a process (test/peers/rafthttp), in both directions. */
import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { BackendSnapshot } from "../../node/backend/backend-snapshot.ts";
import { crc32c } from "../../node/lib/crc32c.ts";
import {
  idToHex,
  type LogIndex,
  logIndex,
  type MemberId,
  memberId,
  revision,
  type Term,
  term,
} from "../../node/lib/units.ts";
import { type Message, message, messageType } from "../../node/raft/messages.ts";
import { needs } from "../support/peers.ts";
import { generatedData, RafthttpPeer } from "../support/rafthttp-peer.ts";
import {
  append,
  entry,
  heartbeat,
  LabMember,
  labCluster,
  stopAll,
  until,
} from "../unit/peer/peer-lab.ts";

const goId = memberId(0x90n);
const peers: RafthttpPeer[] = [];

afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.close()));
  await stopAll();
});

async function startGo(a: LabMember, knowsUs = true): Promise<RafthttpPeer> {
  const go = await RafthttpPeer.start({
    id: goId,
    clusterId: labCluster,
    ...(knowsUs ? { peers: new Map([[a.id, a.url]]) } : {}),
  });
  peers.push(go);
  return go;
}

/** Both of our streams, and both of the other one's. */
const connected = (a: LabMember): Promise<void> =>
  until(() => a.logged("established TCP streaming") >= 4, "four streams");

async function pair(): Promise<{ a: LabMember; go: RafthttpPeer }> {
  const a = await LabMember.start({ id: 0xan });
  const go = await startGo(a);
  a.transport.setPeer(goId, [go.url]);
  await connected(a);
  return { a, go };
}

const everyType = (a: LabMember): Message[] =>
  (Object.keys(messageType) as (keyof typeof messageType)[])
    .filter((type) => type !== "MsgSnap")
    .map((type, at) =>
      message({
        type,
        from: a.id,
        to: goId,
        term: (7 + at) as Term,
        logTerm: 6 as Term,
        index: (41 + at) as LogIndex,
        commit: (40 + at) as LogIndex,
        entries: type === "MsgApp" || type === "MsgProp" ? [entry(42 + at), entry(43 + at)] : [],
        reject: type.endsWith("Resp"),
        rejectHint: (type.endsWith("Resp") ? 39 : 0) as LogIndex,
        context: Buffer.from("why"),
      }),
    );

const snapshotMessage = (from: MemberId, to: MemberId): Message =>
  message({
    type: "MsgSnap",
    from,
    to,
    term: term(5),
    snapshot: {
      data: Buffer.from("{}"),
      metadata: {
        index: logIndex(9),
        term: term(5),
        confState: {
          voters: [from, to],
          learners: [],
          votersOutgoing: [],
          learnersNext: [],
          autoLeave: false,
        },
      },
    },
  });

describe("against etcd's rafthttp", needs("rafthttp"), () => {
  test("messages of every type arrive at etcd as they were sent", async () => {
    const { a, go } = await pair();
    const sent = everyType(a);
    a.transport.send(sent);
    const received = await go.received(sent.length);
    for (const want of sent) {
      const got = received.find(({ type }) => type === want.type);
      const expected = {
        from: idToHex(want.from),
        to: idToHex(want.to),
        term: want.term,
        logTerm: want.logTerm,
        index: want.index,
        commit: want.commit,
        reject: want.reject,
        rejectHint: want.rejectHint,
        context: Buffer.from(want.context).toString("hex"),
        entries: want.entries.length,
      };
      for (const [name, value] of Object.entries(expected)) {
        assert.deepEqual(got?.[name as keyof typeof got], value, `${want.type} ${name}`);
      }
    }
    assert.equal(a.transport.isEtcdTs(goId), false);
    assert.notEqual(a.transport.activeSinceMs(goId), undefined);
    assert.notEqual(await go.activeSince(a.id), undefined);
  });

  test("messages of every type arrive from etcd as they were sent", async () => {
    const { a, go } = await pair();
    const sent = everyType(a).map((each) => ({ ...each, from: goId, to: a.id }));
    await go.send(...sent);
    await until(() => a.received.length === sent.length, "all");
    const sorted = (messages: readonly Message[]): unknown[] =>
      messages
        .map((each) => ({
          ...each,
          context: Buffer.from(each.context).toString(),
          entries: each.entries.map((one) => ({ ...one, data: [...one.data] })),
        }))
        .sort((x, y) => (x.type < y.type ? -1 : 1));
    assert.deepEqual(sorted(a.received), sorted(sent));
  });

  test("a log of many entries goes to etcd in order, by runs and by single messages", async () => {
    const { a, go } = await pair();
    let index = 0;
    let sum = 0;
    const turns = 100;
    for (let turn = 0; turn < turns; turn++) {
      const count = 1 + (turn % 40);
      const entries = Array.from({ length: count }, (_, at) =>
        entry(index + at + 1, generatedData(index + at + 1, turn % 13 === 0 ? 40_000 : 300)),
      );
      for (const { data } of entries) sum = crc32c(data, sum);
      const sent = append(a, goId, { index, entries });
      // Another commit index, or another term, makes another kind of frame.
      a.transport.send([turn % 7 === 3 ? { ...sent, logTerm: 4 as Term } : sent]);
      index += count;
      if (turn % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const received = await go.received(turns);
    assert.equal(
      received.reduce((total, each) => total + each.entries, 0),
      index,
    );
    let next = 0;
    for (const each of received) {
      assert.equal(each.index, next);
      next += each.entries;
    }
    assert.deepEqual(a.unreachable, []);
  });

  test("a log of many entries comes from etcd in order", async () => {
    const { a, go } = await pair();
    const count = 200;
    for (let turn = 0; turn < 20; turn++) {
      const index = turn * count;
      const sent = { ...append(a, a.id, { index, entries: [] }), from: goId };
      await go.sendGenerated(sent, { first: index + 1, term: 5, count, size: 700 });
    }
    await until(() => a.received.length === 20, "all");
    const entries = a.received.flatMap((each) => each.entries);
    assert.equal(entries.length, 20 * count);
    for (const [at, one] of entries.entries()) {
      assert.equal(one.index, at + 1);
      assert.equal(Buffer.compare(one.data, generatedData(at + 1, 700)), 0);
    }
  });

  test("idle streams stay open for longer than the read time-out", async () => {
    const { a, go } = await pair();
    const since = a.transport.activeSinceMs(goId);
    const goSince = await go.activeSince(a.id);
    await sleep(7000);
    assert.equal(a.transport.activeSinceMs(goId), since);
    assert.equal(await go.activeSince(a.id), goSince);
    assert.equal(a.logged("lost"), 0, a.log.join("\n"));
    a.transport.send([heartbeat(a, goId)]);
    await go.received(1);
  });

  test("an etcd that does not know us yet takes and sends messages by POST", async () => {
    const a = await LabMember.start({ id: 0xan });
    const go = await startGo(a, false);
    a.transport.setPeer(goId, [go.url]);
    // Its answers to our streams' GETs are 404; it makes us a remote by what our heads say.
    await until(() => a.logged("does not know this member yet") > 0, "the refusal");
    a.transport.send([heartbeat(a, goId, 3)]);
    const [received] = await go.received(1);
    assert.equal(received?.commit, 3);
    await go.send({ ...heartbeat(a, a.id, 4), from: goId });
    await until(() => a.received.length === 1, "the answer");
    assert.equal(a.received[0]?.commit, 4);
    await go.addPeer(a.id, a.url);
    await connected(a);
  });

  test("an etcd that we do not know yet is answered by POST", async () => {
    const a = await LabMember.start({ id: 0xan });
    const go = await startGo(a);
    await go.send({ ...heartbeat(a, a.id, 4), from: goId });
    await until(() => a.received.length === 1, "the message");
    a.transport.send([heartbeat(a, goId, 5)]);
    const [received] = await go.received(1);
    assert.equal(received?.commit, 5);
    a.transport.setPeer(goId, [go.url]);
    await connected(a);
    a.transport.send([heartbeat(a, goId, 6)]);
    await go.received(2);
  });

  test("each tells the other that it was removed", async () => {
    const { a, go } = await pair();
    await go.setRemoved(a.id);
    await go.removePeer(a.id);
    await until(() => a.removedBy.includes(goId), "we are told");
    const b = await LabMember.start({ id: 0xbn, removed: new Set([goId]) });
    await go.addPeer(b.id, b.url);
    const { error } = await go.line("criticalError");
    assert.match(error, /permanently removed/);
  });

  test("a post from a removed member tells etcd so too", async () => {
    const a = await LabMember.start({ id: 0xan, removed: new Set([goId]) });
    const go = await startGo(a, false);
    await go.addRemote(a.id, a.url);
    await go.send({ ...heartbeat(a, a.id), from: goId });
    const { error } = await go.line("criticalError");
    assert.match(error, /permanently removed/);
    assert.deepEqual(a.received, []);
  });

  test("an etcd that is killed and comes back is connected anew", async () => {
    const { a, go } = await pair();
    const port = Number(new URL(go.url).port);
    await go.close("SIGKILL");
    await until(() => a.transport.activeSinceMs(goId) === undefined, "the break");
    const again = await RafthttpPeer.start({
      id: goId,
      clusterId: labCluster,
      port,
      peers: new Map([[a.id, a.url]]),
    });
    peers.splice(0, 1, again);
    await until(() => a.transport.activeSinceMs(goId) !== undefined, "the connection");
    await until(() => a.logged("established TCP streaming") >= 8, "all streams");
    a.transport.send([heartbeat(a, goId, 9), append(a, goId, { index: 1, entries: [entry(2)] })]);
    const received = await again.received(2);
    assert.deepEqual(received.map(({ type }) => type).sort(), ["MsgApp", "MsgHeartbeat"]);
  });

  test("a member of ours that comes back is connected anew by etcd", async () => {
    const { a, go } = await pair();
    const { port } = a;
    await a.stop();
    for (let tries = 0; (await go.activeSince(a.id)) !== undefined; tries++) {
      assert.ok(tries < 400, "etcd did not see the break");
      await sleep(20);
    }
    const again = await LabMember.start({ id: 0xan, port });
    again.transport.setPeer(goId, [go.url]);
    await connected(again);
    await go.send({ ...heartbeat(a, a.id, 4), from: goId });
    await until(() => again.received.length === 1, "a message");
  });

  test("a snapshot goes to etcd with its body, and one comes from it", async () => {
    const { a, go } = await pair();
    const size = 3_000_000;
    const body = generatedData(0, size);
    let released = 0;
    const state: BackendSnapshot = {
      position: { consistentIndex: logIndex(9), term: term(5), revision: revision(1) },
      async *chunks() {
        for (let at = 0; at < size; at += 64_000) yield body.subarray(at, at + 64_000);
      },
      release: () => (released += 1),
    };
    const outcome = await new Promise((resolve) =>
      a.transport.sendSnapshot(snapshotMessage(a.id, goId), state, resolve),
    );
    assert.equal(outcome, "finished");
    assert.ok(released > 0);
    const [received] = await go.received(1, ({ type }) => type === "MsgSnap");
    assert.deepEqual(
      [received?.snapshot?.bodyBytes, received?.snapshot?.bodyCrc, received?.snapshot?.index],
      [size, crc32c(body), 9],
    );
    await go.sendSnapshot(snapshotMessage(goId, a.id), { size });
    const { status } = await go.line("snapshotStatus");
    assert.equal(status, "finished");
    assert.equal(Buffer.compare(a.bodies[0] ?? new Uint8Array(), body), 0);
    assert.deepEqual(a.types(), ["MsgSnap"]);
    assert.deepEqual(a.received[0]?.snapshot?.metadata.confState.voters, [goId, a.id]);
  });

  test("messages above a million bytes pass in both directions", async () => {
    const { a, go } = await pair();
    const data = generatedData(1, 9_000_000);
    a.transport.send([append(a, goId, { index: 0, entries: [entry(1, data)] })]);
    const [received] = await go.received(1);
    assert.deepEqual([received?.dataBytes, received?.dataCrc], [data.length, crc32c(data)]);
    const sent = { ...append(a, a.id, { index: 0, entries: [] }), from: goId };
    await go.sendGenerated(sent, { first: 1, term: 5, count: 1, size: data.length });
    await until(() => a.received.length === 1, "the answer");
    assert.equal(Buffer.compare(a.received[0]?.entries[0]?.data ?? new Uint8Array(), data), 0);
  });
});
