import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryDisk } from "../../../node/backend/memory-disk.ts";
import { fromText, toText } from "../../../node/lib/bytes.ts";
import { Cluster } from "../../../node/membership/cluster.ts";
import {
  clusterOf,
  commit,
  confStateOf,
  fill,
  id,
  memberOf,
  openBackend,
  started,
} from "./membership-lab.ts";

const top = 2n ** 63n + 1n;

test("a cluster over an empty backend has no members and no version", () => {
  const cluster = new Cluster(openBackend());
  assert.deepEqual(cluster.members, []);
  assert.deepEqual(cluster.confState.voters, []);
  assert.equal(cluster.version, undefined);
});

test("members are listed by id as unsigned numbers, voters apart from learners", () => {
  const cluster = clusterOf(
    memberOf(top),
    memberOf(7, { isLearner: true }),
    memberOf(2n ** 53n + 1n),
  );
  assert.deepEqual(
    cluster.members.map((member) => member.id),
    [7n, 2n ** 53n + 1n, top],
  );
  assert.deepEqual(
    cluster.votingMembers.map((member) => member.id),
    [2n ** 53n + 1n, top],
  );
});

test("what a member publishes changes its name and client URLs and nothing else", () => {
  const cluster = clusterOf(memberOf(1, { isLearner: true }));
  cluster.updateAttributes(id(1), { name: "a", clientUrls: ["http://a:2379"] });
  assert.deepEqual(
    cluster.member(id(1)),
    memberOf(1, { isLearner: true, name: "a", clientUrls: ["http://a:2379"] }),
  );
});

test("attributes of a member that is not there are ignored", () => {
  const backend = openBackend();
  const cluster = new Cluster(backend);
  cluster.updateAttributes(id(1), { name: "a", clientUrls: [] });
  assert.deepEqual(cluster.members, []);
  assert.equal(backend.pendingOps, 0);
});

test("new peer URLs keep everything else, the learner flag too", () => {
  const cluster = clusterOf(memberOf(1), memberOf(2, { isLearner: true, name: "b" }));
  const { confState } = cluster;
  const peerUrls = ["http://new:1"];
  const change = { kind: "update", id: id(2), peerUrls } as const;
  const { changedPeers, left } = cluster.applyChange([change], confState);
  const expected = memberOf(2, { isLearner: true, name: "b", peerUrls });
  assert.deepEqual(cluster.member(id(2)), expected);
  assert.deepEqual(changedPeers, [expected]);
  assert.deepEqual(left, []);
});

test("a promoted learner votes, by raft's configuration", () => {
  const cluster = clusterOf(memberOf(1), memberOf(2, { isLearner: true }));
  cluster.applyChange([{ kind: "promote", id: id(2) }], confStateOf({ voters: [1, 2] }));
  assert.equal(cluster.member(id(2))?.isLearner, false);
});

test("a removed member is gone, and its id remembered", () => {
  const backend = openBackend();
  const cluster = new Cluster(backend);
  fill(cluster, memberOf(1), memberOf(0x2f));
  const change = { kind: "remove", id: id(0x2f) } as const;
  const { left } = cluster.applyChange([change], confStateOf({ voters: [1] }));
  assert.deepEqual(left, [id(0x2f)]);
  assert.equal(cluster.member(id(0x2f)), undefined);
  assert.equal(cluster.isRemoved(id(0x2f)), true);
  assert.equal(cluster.isRemoved(id(1)), false);
  const rows = backend
    .entries("members_removed")
    .map(({ key, value }) => [toText(key), toText(value)]);
  assert.deepEqual(rows, [["2f", "removed"]]);
  assert.deepEqual(
    backend.entries("members").map(({ key }) => toText(key)),
    ["1"],
  );
});

test("who leaves through a joint configuration is a member for as long as its vote counts", () => {
  const cluster = clusterOf(memberOf(1), memberOf(2), memberOf(3));
  const entered = cluster.applyChange(
    [
      { kind: "add", member: memberOf(4) },
      { kind: "remove", id: id(3) },
    ],
    confStateOf({ voters: [1, 2, 4], votersOutgoing: [1, 2, 3], autoLeave: true }),
  );
  assert.deepEqual(entered.left, []);
  assert.equal(cluster.member(id(3))?.isLearner, false);
  assert.equal(cluster.isRemoved(id(3)), false);
  const left = cluster.applyChange([], confStateOf({ voters: [1, 2, 4] }));
  assert.deepEqual(left.left, [id(3)]);
  assert.equal(cluster.isRemoved(id(3)), true);
  assert.deepEqual(
    cluster.members.map((member) => member.id),
    [1n, 2n, 4n],
  );
});

test("everything comes back from the backend after a restart, a joint configuration too", async () => {
  const disk = new MemoryDisk();
  const backend = openBackend(disk);
  const cluster = new Cluster(backend);
  fill(cluster, memberOf(top), memberOf(2), memberOf(3));
  cluster.updateAttributes(id(top), { name: "a", clientUrls: ["http://a:2379"] });
  cluster.setVersion("3.7.0");
  cluster.applyChange([{ kind: "remove", id: id(2) }], {
    ...confStateOf({ votersOutgoing: [2, 3], learners: [], autoLeave: true }),
    voters: [id(top)],
  });
  await commit(backend);
  const restarted = new Cluster(openBackend(disk));
  assert.deepEqual(restarted.members, cluster.members);
  assert.deepEqual(restarted.confState, cluster.confState);
  assert.equal(restarted.version, "3.7.0");
});

test("a cluster reads everything anew from the backend that takes the place of its own", () => {
  const cluster = clusterOf(memberOf(1), memberOf(2));
  cluster.setVersion("3.6.0");
  const other = openBackend();
  fill(new Cluster(other), memberOf(5, { isLearner: true }), memberOf(6));
  cluster.reload(other);
  assert.deepEqual(
    cluster.members.map((member) => [member.id, member.isLearner]),
    [
      [5n, true],
      [6n, false],
    ],
  );
  assert.deepEqual(cluster.confState, confStateOf({ voters: [6], learners: [5] }));
  assert.equal(cluster.version, undefined);
});

test("members lie in etcd's bucket under their id in hex, raft's configuration beside the data", () => {
  const backend = openBackend();
  fill(new Cluster(backend), started(1), memberOf(0x8e9e05c52164694dn));
  assert.deepEqual(
    backend.entries("members").map(({ key }) => toText(key)),
    ["1", "8e9e05c52164694d"],
  );
  const confState = backend.get("meta", fromText("confState")) as Uint8Array;
  assert.equal(toText(confState), '{"voters":[1,10276657743932975437],"auto_leave":false}');
});

test("a backend without a configuration has that of its members' flags", () => {
  const backend = openBackend();
  backend.put("members", fromText("5"), fromText('{"id":5,"peerURLs":["http://a:1"]}'));
  backend.put("members", fromText("6"), fromText('{"id":6,"peerURLs":[],"isLearner":true}'));
  assert.deepEqual(new Cluster(backend).confState, confStateOf({ voters: [5], learners: [6] }));
});

test("the state's schema follows the cluster's version, and is not named before 3.6, so that the oldest member can read the state", () => {
  const cluster = clusterOf(memberOf(1));
  const seen = ["3.0.0", "3.5.0", "3.6.0", "3.7.0", "3.5.0"].map((version) => {
    cluster.setVersion(version);
    return cluster.storageVersion;
  });
  assert.deepEqual(seen, [undefined, undefined, "3.6.0", "3.7.0", undefined]);
});

test("a member that got its state from another, as a file of etcd's buckets, names the same schema as the others", () => {
  const backend = openBackend();
  backend.put("cluster", fromText("clusterVersion"), fromText("3.7.0"));
  assert.equal(new Cluster(backend).storageVersion, "3.7.0");
});
