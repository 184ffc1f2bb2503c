/**
 * `tick 1 2 times=3`: time passes for these nodes, or all, while nothing else happens. `run ticks=10`: time passes for all, and after each tick all
 * there is to do is done; what came about is printed behind the tick. `luck 2 ticks=0`: what the node draws beyond the election timeout from now on.
 */
import type { Handler } from "../runner.ts";
import { type Cluster, idOf } from "./cluster.ts";
import { essence } from "./stabilize.ts";

export const tick: Handler<Cluster> = (cluster, command) => {
  const times = command.number("times", 1);
  for (const node of cluster.nodesOf(command)) {
    for (let time = 0; time < times; time++) node.raw.tick();
  }
  return cluster.news();
};

export const run: Handler<Cluster> = (cluster, command) => {
  const ticks = command.number("ticks", 1);
  const nodes = cluster.nodesOf(command);
  const lines: string[] = [];
  for (let at = 1; at <= ticks; at++) {
    for (const node of nodes) node.raw.tick();
    const happened = [...cluster.news(), ...essence(cluster.stabilize(nodes))];
    if (happened.length > 0) lines.push(`tick ${at}:`, ...happened.map((line) => `  ${line}`));
  }
  return lines;
};

export const luck: Handler<Cluster> = (cluster, command) => {
  const ticks = command.number("ticks", 0);
  for (const name of command.positions()) cluster.luck.set(idOf(name), ticks);
  return [];
};
