/** Snapshots and probes between our channel and etcd's own peer transport, in both directions. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { crc32c } from "../../node/lib/crc32c.ts";
import { clusterId, memberId } from "../../node/lib/units.ts";
import { headersOf } from "../../node/peer/headers.ts";
import { Prober } from "../../node/peer/probing.ts";
import { type SnapshotResult, SnapshotSender } from "../../node/peer/snapshot-sender.ts";
import { needs } from "../support/peers.ts";
import { generatedData, RafthttpPeer } from "../support/rafthttp-peer.ts";
import { HandTimers, KeptLog } from "../unit/peer/hand-timers.ts";
import {
  SnapshotLab,
  State,
  sender,
  snapMessage,
  stateOf,
  target,
} from "../unit/peer/snapshot-lab.ts";

/** Some megabytes: more than the sockets hold. */
const size = 20_000_000;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean();
});

async function ourReceiver(): Promise<SnapshotLab> {
  const lab = await SnapshotLab.start();
  cleanups.push(() => lab.stop());
  return lab;
}

/** etcd as the sender, with our receiver as its peer. */
async function etcdSender(lab: SnapshotLab): Promise<RafthttpPeer> {
  const peer = await RafthttpPeer.start({
    id: sender.memberId,
    clusterId: sender.clusterId,
    peers: new Map([[target.memberId, lab.url]]),
  });
  cleanups.push(() => peer.close());
  return peer;
}

async function etcdReceiver(): Promise<RafthttpPeer> {
  const peer = await RafthttpPeer.start({ id: target.memberId, clusterId: target.clusterId });
  cleanups.push(() => peer.close());
  return peer;
}

async function ship(
  peer: RafthttpPeer,
  state: State,
  headers = headersOf(sender),
): Promise<SnapshotResult> {
  const lab = await ourReceiver();
  const through = new SnapshotSender({ ...lab.context, headers });
  return await new Promise((resolve) => through.send(peer.url, snapMessage(), state, resolve));
}

/** `bytes` in chunks of uneven sizes. */
function* chunksOf(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let at = 0, length = 1; at < bytes.length; at += length) {
    length = 1 + ((at * 7 + 65_537) % 200_000);
    yield bytes.subarray(at, at + length);
  }
}

test("a state from etcd is taken whole, with its message", needs("rafthttp"), async () => {
  const lab = await ourReceiver();
  const peer = await etcdSender(lab);
  await peer.sendSnapshot(snapMessage(), { size });
  const { status } = await peer.line("snapshotStatus");
  assert.equal(status, "finished");
  assert.ok(lab.taken.bytes.equals(generatedData(0, size)));
  assert.deepEqual(lab.received, [snapMessage()]);
  assert.deepEqual(lab.senders.at(-1), {
    id: sender.memberId,
    version: "3.7.1",
    peerUrls: [peer.url],
    isEtcdTs: false,
  });
});

test("a state that breaks off at etcd is given up", needs("rafthttp"), async () => {
  const lab = await ourReceiver();
  const peer = await etcdSender(lab);
  await peer.sendSnapshot(snapMessage(), { size, failAt: size / 2 });
  assert.equal((await peer.line("snapshotStatus")).status, "failed");
  while (lab.taken.end === undefined) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(lab.taken.end, "aborted");
  assert.deepEqual(lab.received, []);
});

test(
  "etcd understands that it was removed, from the answer to a large state",
  needs("rafthttp"),
  async () => {
    const lab = await ourReceiver();
    lab.removed.add(sender.memberId);
    const peer = await etcdSender(lab);
    await peer.sendSnapshot(snapMessage(), { size });
    assert.equal((await peer.line("snapshotStatus")).status, "failed");
    const { error } = await peer.line("criticalError");
    assert.match(error, /permanently removed from the cluster/);
    assert.deepEqual(lab.received, []);
  },
);

test("a state from us is taken by etcd whole, trailer and all", needs("rafthttp"), async () => {
  const peer = await etcdReceiver();
  const bytes = generatedData(3, size);
  assert.deepEqual(await ship(peer, stateOf(...chunksOf(bytes))), { kind: "finished" });
  const { snapshot } = await peer.line("message", ({ type }) => type === "MsgSnap");
  assert.equal(snapshot?.index, 7);
  assert.equal(snapshot.bodyBytes, size);
  assert.equal(snapshot.bodyCrc, crc32c(bytes));
});

test(
  "a state that breaks off at us is never taken for whole by etcd",
  needs("rafthttp"),
  async () => {
    const peer = await etcdReceiver();
    const broken = new State(async function* () {
      yield* chunksOf(generatedData(0, 3_000_000));
      throw new Error("a damaged record");
    });
    const result = await ship(peer, broken);
    assert.equal(result.kind, "failed");
    // What comes after it comes alone.
    assert.deepEqual(await ship(peer, stateOf(generatedData(0, 10))), { kind: "finished" });
    await peer.line("message");
    assert.deepEqual(
      peer.messages.map(({ snapshot }) => snapshot?.bodyBytes),
      [10],
    );
  },
);

test("etcd's refusals are understood", needs("rafthttp"), async () => {
  const peer = await etcdReceiver();
  const stranger = headersOf({ ...sender, clusterId: clusterId(0xddn) });
  const elsewhere = await ship(peer, stateOf(), stranger);
  assert.deepEqual(elsewhere, {
    kind: "failed",
    reason: "status 412: cluster ID mismatch",
    isRemoved: false,
  });
  await peer.setRemoved(sender.memberId);
  const removed = await ship(peer, stateOf(generatedData(0, 1000)));
  assert.equal(removed.kind === "failed" && removed.isRemoved, true);
});

test("etcd answers our probes, and its clock is read", needs("rafthttp"), async () => {
  const peer = await etcdReceiver();
  const lab = await ourReceiver();
  const timers = new HandTimers();
  const log = new KeptLog();
  const prober = new Prober({ ...lab.context, timers, logger: log });
  cleanups.push(() => prober.close());
  const id = memberId(0xb2n);
  prober.setPeer(id, [peer.url]);
  timers.tick();
  const { roundTrips } = lab.stats.of(id);
  while (roundTrips.count < 2 && log.lines.length === 0) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(roundTrips.count, 2);
  assert.deepEqual(log.lines, []);
});
