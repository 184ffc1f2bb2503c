/** What members tell of one another in /metrics: three of ours against three real etcds, a fourth member of each brought in by a snapshot. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Family, labelNames, parseExposition } from "../conformance/exposition.ts";
import { needs } from "../support/peers.ts";
import type { ClusterMember, MemberKind } from "./cluster-member.ts";
import { snapshotsOf } from "./interchange-metrics.ts";
import { ProcessCluster } from "./process-cluster.ts";
import { until } from "./until.ts";

/** Few entries stay for who comes later. */
const flags = ["--snapshot-count=20", "--snapshot-catchup-entries=5"];
const putsBefore = 200;

async function familiesOf(member: ClusterMember): Promise<ReadonlyMap<string, Family>> {
  const response = await fetch(`http://${member.address}/metrics`);
  const families = [...parseExposition(await response.text())];
  return new Map(
    families.filter(([name, { samples }]) => /^etcd_network_/.test(name) && samples.length > 0),
  );
}

/** Of all members together: who sent the snapshot is known only afterwards. */
async function networkFamilies(kind: MemberKind): Promise<ReadonlyMap<string, Family>> {
  const cluster = await ProcessCluster.start({ members: 3, kind, flags });
  try {
    const { leader } = await cluster.untilLeader();
    for (let count = 0; count < putsBefore; count++) await leader.client.put(`key${count}`, "1");
    const joined = await cluster.addMember({ kind }, { through: leader, isLearner: true });
    await until("the snapshot", async () => (await snapshotsOf(joined)).received > 0 || undefined);
    const all = new Map<string, Family>();
    for (const member of cluster.members) {
      for (const [name, family] of await familiesOf(member)) all.set(name, family);
    }
    return all;
  } finally {
    await cluster.close();
  }
}

/** etcd shows a counter of failures from the first failure on, we a 0 before it. */
const isOfFailures = ({ name }: Family): boolean => /_failures(_total)?$/.test(name);

const view = (families: ReadonlyMap<string, Family>): unknown =>
  [...families.values()]
    .filter((family) => !isOfFailures(family))
    .map((family) => [family.name, family.type, labelNames(family)])
    .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1));

test(
  "what a member counts of its peers has etcd's names, types and labels",
  needs("etcd"),
  async () => {
    const ours = await networkFamilies("etcd-ts");
    const theirs = await networkFamilies("etcd");
    assert.deepEqual(view(ours), view(theirs));
    const failures = [...ours.values()].filter(isOfFailures).map(({ name }) => name);
    assert.deepEqual(failures.toSorted(), [
      "etcd_network_peer_received_failures_total",
      "etcd_network_peer_sent_failures_total",
      "etcd_network_snapshot_receive_failures",
      "etcd_network_snapshot_send_failures",
    ]);
  },
);
