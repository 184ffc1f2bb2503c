import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterId } from "../../../node/lib/units.ts";
import type { Member } from "../../../node/membership/member.ts";
import type { NewMember } from "../../../node/server/founding.ts";
import { joinCluster } from "../../../node/server/joining.ts";
import { memberOf, started } from "../membership/membership-lab.ts";

const remote = (...members: readonly Member[]) => ({ clusterId: clusterId(0xc1n), members });

/** A third member, "m3", on its way into a cluster of two. */
const newMember: NewMember = {
  name: "m3",
  peerUrls: ["http://m3:2380"],
  clusterToken: "token",
  initialCluster: new Map([1, 2, 3].map((at) => [`m${at}`, [`http://m${at}:2380`]])),
  initialClusterState: "existing",
};

const three = [started(0x11), started(0x22), memberOf(0x33)].map((member, at) => ({
  ...member,
  peerUrls: [`http://m${at + 1}:2380`],
}));

test("a member learns its id and the cluster's from the others, by its peer URLs", async () => {
  const asked: (readonly string[])[] = [];
  const network = {
    fetchCluster: (urls: readonly string[]) => {
      asked.push(urls);
      return Promise.resolve(remote(...three));
    },
  };
  const { own, cluster } = await joinCluster({ newMember, network, maxLearners: 1 });
  assert.equal(own.id, 0x33n);
  assert.equal(cluster.clusterId, 0xc1n);
  assert.deepEqual(asked, [["http://m1:2380", "http://m2:2380"]]);
});

test("a member that lags and does not know of the newcomer yet does not keep it out", async () => {
  const lagging = remote(...three.slice(0, 2));
  const network = {
    fetchCluster: (urls: readonly string[]) =>
      Promise.resolve(urls.includes("http://m1:2380") ? lagging : remote(...three)),
  };
  const { own } = await joinCluster({ newMember, network, maxLearners: 1 });
  assert.equal(own.id, 0x33n);
});

test("a member that the cluster knows by its address, and its own flags by its host's name, is the same", async () => {
  const known = three.map((member, at) => ({
    ...member,
    peerUrls: [`http://10.0.0.${at + 1}:2380`],
  }));
  const network = { fetchCluster: () => Promise.resolve(remote(...known)) };
  const resolveHost = (host: string): Promise<string> =>
    Promise.resolve(host.replace(/^m/, "10.0.0."));
  const { own } = await joinCluster({ newMember, network, resolveHost, maxLearners: 1 });
  assert.equal(own.id, 0x33n);
  const noNames = { newMember, network, maxLearners: 1 };
  await assert.rejects(joinCluster(noNames), /PeerURLs: no match found/);
});

test("a cluster that does not answer, or is another one, is not joined", async () => {
  const refused = async (
    members: readonly Member[] | undefined,
    why: RegExp,
    changes: Partial<NewMember> = {},
  ): Promise<void> => {
    const answer = members === undefined ? undefined : remote(...members);
    const network = { fetchCluster: () => Promise.resolve(answer) };
    const joining = joinCluster({
      newMember: { ...newMember, ...changes },
      network,
      maxLearners: 1,
    });
    await assert.rejects(joining, why);
  };
  const silent =
    /^Error: cannot fetch cluster info from peer urls: could not retrieve cluster information/;
  await refused(undefined, silent);
  await refused([], silent);
  await assert.rejects(joinCluster({ newMember, maxLearners: 1 }), silent);
  await refused(
    three.slice(0, 2),
    /^Error: error validating peerURLs \{ClusterID:c1 Members:\[&\{ID:11 RaftAttributes:\{PeerURLs:\[http:\/\/m1:2380\] IsLearner:false\} Attributes:\{Name:m17 ClientURLs:\[\]\}\} .*\] RemovedMemberIDs:\[\]\}: member count is unequal$/,
  );
  const moved = three.map((member, at) =>
    at === 2 ? { ...member, peerUrls: ["http://x:1"] } : member,
  );
  await refused(moved, /PeerURLs: no match found for existing member \(33, \[http:\/\/x:1\]\)$/);
  await refused(three, /couldn't find local name "m4" in the initial cluster/, { name: "m4" });
  const twins = three.map((member, at) =>
    at === 2 ? { ...member, peerUrls: ["http://m1:2380"] } : member,
  );
  await refused(twins, /no existing member has the peer URLs of "m3"/);
  const learners = three.map((member, at) => ({ ...member, isLearner: at > 0 }));
  await refused(learners, /^Error: membership: too many learner members in cluster$/);
});
