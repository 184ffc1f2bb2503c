import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryBackend } from "../../../node/backend/memory-backend.ts";
import { MemoryDisk } from "../../../node/backend/memory-disk.ts";
import { logIndex, memberId, revision, term } from "../../../node/lib/units.ts";
import { Cluster } from "../../../node/membership/cluster.ts";
import type { Member } from "../../../node/membership/member.ts";
import { hastyTimers } from "../wal/wal-lab.ts";

const memberOf = (id: bigint, changes: Partial<Member> = {}): Member => ({
  id: memberId(id),
  peerUrls: [`http://m${id}:2380`],
  isLearner: false,
  name: "",
  clientUrls: [],
  ...changes,
});

const openBackend = (disk: MemoryDisk): MemoryBackend =>
  new MemoryBackend(disk, { timers: hastyTimers });

const commit = (backend: MemoryBackend): Promise<void> =>
  new Promise((resolve, reject) => {
    const position = { consistentIndex: logIndex(1), term: term(1), revision: revision(1) };
    backend.commit(position, (error) => (error === null ? resolve() : reject(error)));
  });

test("a cluster over an empty backend has no members and no version", () => {
  const cluster = new Cluster(openBackend(new MemoryDisk()));
  assert.deepEqual(cluster.members, []);
  assert.deepEqual(cluster.confState.voters, []);
  assert.equal(cluster.version, undefined);
});

test("members are listed by id as unsigned numbers, learners apart from voters", () => {
  const cluster = new Cluster(openBackend(new MemoryDisk()));
  cluster.addMember(memberOf(2n ** 63n + 1n));
  cluster.addMember(memberOf(7n, { isLearner: true }));
  cluster.addMember(memberOf(2n ** 53n + 1n));
  assert.deepEqual(
    cluster.members.map(({ id }) => id),
    [7n, 2n ** 53n + 1n, 2n ** 63n + 1n],
  );
  assert.deepEqual(cluster.confState.voters, [2n ** 53n + 1n, 2n ** 63n + 1n]);
  assert.deepEqual(cluster.confState.learners, [7n]);
});

test("what a member publishes changes its name and client URLs and nothing else", () => {
  const cluster = new Cluster(openBackend(new MemoryDisk()));
  cluster.addMember(memberOf(1n, { isLearner: true }));
  cluster.updateAttributes(memberId(1n), { name: "a", clientUrls: ["http://a:2379"] });
  assert.deepEqual(
    cluster.member(memberId(1n)),
    memberOf(1n, { isLearner: true, name: "a", clientUrls: ["http://a:2379"] }),
  );
});

test("attributes of a member that is not there are ignored", () => {
  const backend = openBackend(new MemoryDisk());
  const cluster = new Cluster(backend);
  cluster.updateAttributes(memberId(1n), { name: "a", clientUrls: [] });
  assert.deepEqual(cluster.members, []);
  assert.equal(backend.pendingOps, 0);
});

test("members and version come back from the backend after a restart", async () => {
  const disk = new MemoryDisk();
  const backend = openBackend(disk);
  const cluster = new Cluster(backend);
  cluster.addMember(memberOf(2n ** 63n + 1n));
  cluster.updateAttributes(memberId(2n ** 63n + 1n), { name: "a", clientUrls: ["http://a:2379"] });
  cluster.setVersion("3.7.0");
  await commit(backend);
  const restarted = new Cluster(openBackend(disk));
  assert.deepEqual(restarted.members, cluster.members);
  assert.equal(restarted.version, "3.7.0");
});

test("members lie in etcd's bucket under their id in hex", () => {
  const backend = openBackend(new MemoryDisk());
  new Cluster(backend).addMember(memberOf(0x8e9e05c52164694dn));
  const entries = backend.entries("members").map(({ key }) => Buffer.from(key).toString());
  assert.deepEqual(entries, ["8e9e05c52164694d"]);
});
