/** Metrics with labels, as etcd's peer metrics are: summed over their labels. */
import type { ClusterMember } from "./cluster-member.ts";

/** 0 for a metric that nobody has counted in yet: etcd leaves it out then. */
async function metricSum(member: ClusterMember, name: string): Promise<number> {
  const text = await member.metrics();
  let sum = 0;
  for (const line of text.split("\n")) {
    if (line.startsWith(`${name}{`)) sum += Number(line.slice(line.lastIndexOf(" ") + 1));
  }
  return sum;
}

/** Whole states that the member has sent since its start, and those it has taken. */
export async function snapshotsOf(
  member: ClusterMember,
): Promise<{ readonly sent: number; readonly received: number }> {
  return {
    sent: await metricSum(member, "etcd_network_snapshot_send_success"),
    received: await metricSum(member, "etcd_network_snapshot_receive_success"),
  };
}
