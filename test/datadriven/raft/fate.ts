/**
 * What happens to nodes and wires: `restart 1` (what was held is lost, and so is a commit index that no sync followed), `partition
 * (1,2) (3,4,5)` (messages between the groups are lost), `heal`, `compact 1 to=5` (the applied state becomes the snapshot, the log up to 5 goes).
 */
import { logIndex } from "../../../node/lib/units.ts";
import { listOf } from "../command.ts";
import type { Handler } from "../runner.ts";
import { type Cluster, idOf } from "./cluster.ts";

export const restart: Handler<Cluster> = (cluster, command) => {
  const nodes = cluster.nodesOf(command);
  for (const node of nodes) node.restart();
  return cluster.news();
};

export const partition: Handler<Cluster> = (cluster, command) => {
  cluster.partition(command.positions().map((group) => listOf(group).map(idOf)));
  return [];
};

export const heal: Handler<Cluster> = (cluster) => {
  cluster.partition([]);
  return [];
};

export const compact: Handler<Cluster> = (cluster, command) => {
  const to = command.number("to", 0);
  for (const node of cluster.nodesOf(command)) node.compact(logIndex(to));
  return [];
};
