import assert from "node:assert/strict";
import { test } from "node:test";
import { idToHex } from "../../../node/lib/units.ts";
import { decodeChange } from "../../../node/membership/membership-change.ts";
import {
  foundersOf,
  foundingConfState,
  foundingLog,
  type NewMember,
} from "../../../node/server/founding.ts";

/** Three members as in etcd's own examples: the ids are those that a real etcd 3.7.1 prints for these flags. */
const initialCluster = new Map([
  ["infra1", ["http://127.0.0.1:12380"]],
  ["infra2", ["http://127.0.0.1:22380"]],
  ["infra3", ["http://127.0.0.1:32380"]],
]);

const founder = (name: string, changes: Partial<NewMember> = {}): NewMember => ({
  name,
  peerUrls: initialCluster.get(name) ?? [],
  clusterToken: "etcd-cluster-1",
  initialCluster,
  initialClusterState: "new",
  ...changes,
});

test("every founder computes etcd's ids of all of them, from flags in any order", () => {
  const ids = ["8211f1d0f64f3269", "91bc3c398fb3c146", "fd422379fda50e48"];
  const reversed = new Map([...initialCluster].reverse());
  for (const name of initialCluster.keys()) {
    const founders = foundersOf(founder(name, { initialCluster: reversed }));
    assert.deepEqual(
      founders.members.map(({ id }) => idToHex(id)),
      ids,
    );
    assert.equal(founders.own.name, name);
    assert.equal(idToHex(founders.clusterId), "ef37ad9dc622a7c4");
  }
});

test("the log begins with one entry for each founder, ascending, all of term 1 and committed", () => {
  const founders = foundersOf(founder("infra2"));
  const { hardState, entries } = foundingLog(founders);
  assert.deepEqual(hardState, { term: 1, vote: 0n, commit: 3 });
  assert.deepEqual(
    entries.map(({ index, term, type }) => [index, term, type]),
    [
      [1, 1, 1],
      [2, 1, 1],
      [3, 1, 1],
    ],
  );
  const added = entries.flatMap((entry) => decodeChange(entry).changes);
  assert.deepEqual(
    added,
    founders.members.map((member) => ({ kind: "add", member })),
  );
  assert.deepEqual(
    foundingConfState(founders).voters,
    founders.members.map(({ id }) => id),
  );
});

test("several URLs of a member are sorted, as in etcd's ids", () => {
  const urls = ["http://b:1", "http://a:1"];
  const { own } = foundersOf(
    founder("m", { peerUrls: urls, initialCluster: new Map([["m", urls]]) }),
  );
  assert.deepEqual(own.peerUrls, ["http://a:1", "http://b:1"]);
});

test("flags that make no cluster are refused in etcd's words", () => {
  const refused = (newMember: NewMember, why: RegExp): void => {
    assert.throws(() => foundersOf(newMember), why);
  };
  refused(
    founder("other"),
    /^Error: couldn't find local name "other" in the initial cluster configuration$/,
  );
  const twice = new Map([...initialCluster, ["infra4", ["http://127.0.0.1:12380"]]]);
  refused(
    founder("infra1", { initialCluster: twice }),
    /^Error: initial cluster infra1=http:\/\/127.0.0.1:12380,infra2=.*,infra4=http:\/\/127.0.0.1:12380 has duplicate url$/,
  );
  refused(
    founder("infra1", { initialCluster: new Map([["infra1", ["nonsense"]]]) }),
    /infra1=nonsense are no peer URLs/,
  );
});
