/** The start of a member of several: as a founder, as one that joins, and as the one that remains. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryBackend } from "../../../node/backend/memory-backend.ts";
import { MemoryDisk } from "../../../node/backend/memory-disk.ts";
import { clusterId, idToHex, logIndex, revision, term } from "../../../node/lib/units.ts";
import { Cluster } from "../../../node/membership/cluster.ts";
import type { Member } from "../../../node/membership/member.ts";
import { decodeChange } from "../../../node/membership/membership-change.ts";
import {
  type BootstrapOptions,
  type Bootstrapped,
  bootstrap,
  type NewMember,
} from "../../../node/server/bootstrap.ts";
import { MemberRemovedError } from "../../../node/server/member-removed.ts";
import { SnapDir } from "../../../node/snap/snap-dir.ts";
import { Wal } from "../../../node/wal/wal.ts";
import { MemoryFs } from "../../support/memory-fs.ts";
import { confStateOf, fill, id, memberOf, started } from "../membership/membership-lab.ts";
import { seededRandom } from "../mvcc/key-parts.ts";
import {
  dir,
  entry,
  hardState,
  hastyTimers,
  optionsFor,
  origin,
  quiet,
  save,
} from "../wal/wal-lab.ts";

const paths = { wal: dir, snap: "/data/member/snap", backend: "/data/member/backend" };
const initialCluster = new Map([1, 2, 3].map((at) => [`m${at}`, [`http://m${at}:2380`]]));

const newMember: NewMember = {
  name: "m2",
  peerUrls: ["http://m2:2380"],
  clusterToken: "etcd-cluster",
  initialCluster,
  initialClusterState: "new",
};
const joiner: NewMember = { ...newMember, initialClusterState: "existing" };

class Machine {
  fs = new MemoryFs();
  readonly disk = new MemoryDisk();
  /** What the cluster answers to one who asks; undefined when nobody is there. */
  members: readonly Member[] | undefined;
  asked = 0;

  boot(changes: Partial<BootstrapOptions> = {}): Promise<Bootstrapped> {
    const { fs } = this;
    const fetchCluster = () => {
      this.asked += 1;
      const { members } = this;
      return Promise.resolve(
        members === undefined ? undefined : { clusterId: clusterId(0xc1n), members },
      );
    };
    return bootstrap({
      fs,
      paths,
      walOptions: optionsFor(fs),
      backend: new MemoryBackend(this.disk, { timers: hastyTimers }),
      snaps: new SnapDir(paths.snap, { fs, logger: quiet, maxSnapshots: 0 }),
      newMember,
      network: { fetchCluster },
      ...changes,
    });
  }

  /** The backend has applied up to `index`, with these members. */
  async apply(index: number, change: (cluster: Cluster) => void): Promise<void> {
    const backend = new MemoryBackend(this.disk, { timers: hastyTimers });
    change(new Cluster(backend));
    const position = { consistentIndex: logIndex(index), term: term(1), revision: revision(1) };
    await new Promise<void>((resolve, reject) => {
      backend.commit(position, (error) => (error === null ? resolve() : reject(error)));
    });
  }
}

const urlsOf = ({ peers }: Bootstrapped): readonly string[] =>
  peers.flatMap(({ peerUrls }) => peerUrls).toSorted();

test("a founder of several begins with all of them in its log and its configuration", async () => {
  const machine = new Machine();
  const booted = await machine.boot();
  const { storage, memberId } = booted;
  assert.equal(storage.lastIndex, 3);
  assert.deepEqual(storage.initialHardState, { term: 1, vote: 0n, commit: 3 });
  assert.equal(storage.initialConfState.voters.length, 3);
  assert.ok(storage.initialConfState.voters.includes(memberId));
  assert.deepEqual(urlsOf(booted), ["http://m1:2380", "http://m3:2380"]);
  await booted.wal.close();
  // The log alone says the same to the next start: nothing is applied yet.
  machine.fs = machine.fs.crash(seededRandom(1), "nothing");
  const again = await machine.boot();
  assert.equal(again.memberId, memberId);
  assert.equal(again.storage.lastIndex, 3);
  await again.wal.close();
});

test("founders that start from the same flags make the same cluster", async () => {
  const logs = await Promise.all(
    [...initialCluster].map(async ([name, peerUrls]) => {
      const booted = await new Machine().boot({ newMember: { ...newMember, name, peerUrls } });
      await booted.wal.close();
      const entries = booted.storage.slice(logIndex(1), logIndex(4));
      return [booted.clusterId, entries.map(({ data }) => Buffer.from(data).toString("hex"))];
    }),
  );
  assert.deepEqual(logs[0], logs[1]);
  assert.deepEqual(logs[0], logs[2]);
});

test("a founder that the cluster knows as one that has served is not born again without its data", async () => {
  const machine = new Machine();
  const { memberId, wal } = await new Machine().boot();
  await wal.close();
  const known = { ...memberOf(2), id: memberId };
  machine.members = [{ ...known, clientUrls: ["http://m2:2379"] }];
  await assert.rejects(
    machine.boot(),
    new RegExp(
      `^Error: member ${idToHex(memberId)} has already been bootstrapped, but its data is not here;`,
    ),
  );
  assert.equal(machine.fs.files().size, 0);
  machine.members = [known];
  await (await machine.boot()).wal.close();
});

test("the members at the cluster's birth are looked for at the first start only, and again when that came to nothing", async () => {
  const machine = new Machine();
  let lookups = 0;
  const found = { newMember: { ...newMember, initialCluster: new Map() } };
  const look = (): Promise<NewMember["initialCluster"]> => {
    lookups += 1;
    return Promise.resolve(initialCluster);
  };
  const failing = (): Promise<never> => Promise.reject(new Error("no such host"));
  await assert.rejects(machine.boot({ ...found, initialCluster: failing }), /no such host/);
  const first = await machine.boot({ ...found, initialCluster: look });
  assert.deepEqual([lookups, first.storage.lastIndex], [1, 3]);
  await first.wal.close();
  const second = await machine.boot({ ...found, initialCluster: failing });
  await second.wal.close();
  assert.equal(lookups, 1);
});

test("a member that joins has the ids that the cluster gives it, and an empty log", async () => {
  const machine = new Machine();
  machine.members = [started(1), memberOf(2), started(3)];
  const booted = await machine.boot({ newMember: joiner });
  assert.equal(booted.memberId, id(2));
  assert.equal(booted.clusterId, 0xc1n);
  const { storage } = booted;
  assert.equal(storage.lastIndex, 0);
  assert.deepEqual(storage.initialHardState, { term: 0, vote: 0n, commit: 0 });
  assert.deepEqual(storage.initialConfState, confStateOf({}));
  assert.deepEqual(booted.cluster.members, []);
  assert.deepEqual(urlsOf(booted), ["http://m1:2380", "http://m3:2380"]);
  assert.equal(machine.asked, 1);
  await booted.wal.close();
});

test("a member that stopped before anything reached it joins again, whether the others answer or not", async () => {
  const machine = new Machine();
  machine.members = [started(1), memberOf(2), started(3)];
  await (await machine.boot({ newMember: joiner })).wal.close();
  machine.fs = machine.fs.crash(seededRandom(2), "nothing");
  const again = await machine.boot({ newMember: joiner });
  assert.equal(again.memberId, id(2));
  assert.deepEqual(urlsOf(again), ["http://m1:2380", "http://m3:2380"]);
  await again.wal.close();
  machine.members = undefined;
  const alone = await machine.boot({ newMember: joiner });
  assert.equal(alone.memberId, id(2));
  assert.deepEqual(alone.peers, []);
  await alone.wal.close();
});

test("a member that joined founds no cluster when its flags say so at the next start", async () => {
  const machine = new Machine();
  machine.members = [started(1), memberOf(2), started(3)];
  await (await machine.boot({ newMember: joiner })).wal.close();
  await assert.rejects(machine.boot(), /the empty log in .* was begun for member 2 of cluster c1/);
  // With a vote given it has been in a cluster, whatever ids the flags make.
  const { wal } = await Wal.open(dir, origin, optionsFor(machine.fs));
  await save(wal, hardState(4, 1n, 0), []);
  await wal.close();
  const booted = await machine.boot();
  assert.equal(booted.storage.lastIndex, 0);
  assert.equal(booted.storage.initialHardState.term, 4);
  await booted.wal.close();
});

test("nobody who does not answer is joined, and no log is made", async () => {
  const machine = new Machine();
  await assert.rejects(machine.boot({ newMember: joiner }), /cannot fetch cluster info/);
  assert.equal(machine.fs.files().size, 0);
});

/** A restart knows the members that are applied. The log has ten entries; `applied` of them are in the backend. */
async function memberOfThree(applied = 3): Promise<{ machine: Machine; self: Bootstrapped }> {
  const machine = new Machine();
  const first = await machine.boot();
  const entries = Array.from({ length: 7 }, (_, at) => entry(at + 4, 1, `e${at + 4}`));
  await first.wal.close();
  const { wal } = await Wal.open(dir, origin, optionsFor(machine.fs));
  await save(wal, hardState(2, 0n, 8), entries);
  await wal.close();
  const founders = first.storage.slice(logIndex(1), logIndex(4)).flatMap((one) => {
    const [change] = decodeChange(one).changes;
    return change?.kind === "add" ? [change.member] : [];
  });
  await machine.apply(applied, (cluster) => fill(cluster, ...founders));
  return { machine, self: first };
}

test("a restart knows the members that are applied", async () => {
  const { machine } = await memberOfThree();
  machine.asked = 0;
  const booted = await machine.boot();
  assert.equal(booted.storage.initialConfState.voters.length, 3);
  assert.deepEqual(urlsOf(booted), ["http://m1:2380", "http://m3:2380"]);
  assert.equal(machine.asked, 0);
  await booted.wal.close();
});

test("a member that was removed starts only to answer those who may still need it, never as a cluster of its own", async () => {
  const { machine, self } = await memberOfThree();
  await machine.apply(4, (cluster) => {
    const voters = cluster.members.map((member) => member.id);
    const rest = voters.filter((one) => one !== self.memberId);
    const change = { kind: "remove", id: self.memberId } as const;
    cluster.applyChange([change], { ...cluster.confState, voters: rest });
  });
  await assert.rejects(machine.boot({ forceNewCluster: true }), MemberRemovedError);
  // The log is unlocked again.
  const booted = await machine.boot();
  assert.equal(booted.storage.initialConfState.voters.includes(self.memberId), false);
  await booted.wal.close();
});

test("more learners than allowed keep a member from starting, as on etcd", async () => {
  const { machine } = await memberOfThree();
  await machine.apply(4, (cluster) => {
    fill(cluster, memberOf(0x77, { isLearner: true }), memberOf(0x88, { isLearner: true }));
  });
  await assert.rejects(machine.boot(), /membership: too many learner members in cluster/);
  await (await machine.boot({ maxLearners: 2 })).wal.close();
});

test("a forced new cluster is durable before the member starts, and forced again changes nothing", async () => {
  const { machine, self } = await memberOfThree();
  const forced = await machine.boot({ forceNewCluster: true });
  assert.equal(forced.clusterId, self.clusterId);
  assert.equal(forced.memberId, self.memberId);
  // Eight were committed, two are dropped, two members removed.
  assert.equal(forced.storage.lastIndex, 10);
  assert.equal(forced.storage.initialHardState.commit, 10);
  machine.fs = machine.fs.crash(seededRandom(3), "nothing");
  const next = await machine.boot();
  assert.equal(next.storage.initialHardState.commit, 10);
  const tail = next.storage.slice(logIndex(9), logIndex(11));
  const removed = tail.flatMap((one) => decodeChange(one).changes);
  assert.deepEqual(
    removed,
    forced.storage.initialConfState.voters
      .filter((one) => one !== self.memberId)
      .map((one) => ({ kind: "remove", id: one })),
  );
  await next.wal.close();
  await machine.apply(10, (cluster) => {
    const voters = [self.memberId];
    cluster.applyChange([], { ...cluster.confState, voters });
  });
  const again = await machine.boot({ forceNewCluster: true });
  assert.equal(again.storage.lastIndex, 10);
  assert.deepEqual(again.peers, []);
  await again.wal.close();
});

test("a member whose cluster is known founds none on an empty volume", async () => {
  const machine = new Machine();
  const expectedClusterId = clusterId(0xc1n);
  await assert.rejects(
    machine.boot({ expectedClusterId }),
    /there is no data of it .* founds no second cluster/,
  );
  assert.equal(await Wal.exists(machine.fs, dir), false, "nothing was made");
  const founded = await machine.boot();
  await founded.wal.close();
  const again = await machine.boot({ expectedClusterId: founded.clusterId });
  await again.wal.close();
});

test("a member serves no log of another cluster than the one it is told", async () => {
  const machine = new Machine();
  const founded = await machine.boot();
  await founded.wal.close();
  await assert.rejects(
    machine.boot({ expectedClusterId: clusterId(0xc2n) }),
    /the log in .* is of cluster/,
  );
});

test("a member joins no other cluster than the one it is told", async () => {
  const machine = new Machine();
  machine.members = [1, 2, 3].map((at) => memberOf(at, { peerUrls: [`http://m${at}:2380`] }));
  const refused = machine.boot({ newMember: joiner, expectedClusterId: clusterId(0xc2n) });
  await assert.rejects(
    refused,
    /the cluster to be joined is of cluster c1, but --expected-cluster-id is c2/,
  );
});

test("a member that has served does not join again without its data, with the id that others rely on", async () => {
  const machine = new Machine();
  machine.members = [started(1), memberOf(2), started(3)];
  const joined = await machine.boot({ newMember: joiner });
  await joined.wal.close();
  machine.fs = new MemoryFs();
  const own = { ...memberOf(2), id: joined.memberId, clientUrls: ["http://m2:2379"] };
  machine.members = [started(1), own, started(3)];
  await assert.rejects(
    machine.boot({ newMember: joiner }),
    /has already been bootstrapped, but its data is not here; put it back, or remove the member/,
  );
  assert.equal(await Wal.exists(machine.fs, dir), false, "nothing was made");
});
