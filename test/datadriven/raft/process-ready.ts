/**
 * `process-ready 1 2`: each does what one Ready asks for. With `hold` what is to be written is not written before `sync 1`; with
 * `defer-apply` committed entries are not applied before `apply 1`.
 */
import type { Handler } from "../runner.ts";
import type { Cluster } from "./cluster.ts";

export const processReady: Handler<Cluster> = (cluster, command) => {
  const options = { isHeld: command.flag("hold"), isApplyDeferred: command.flag("defer-apply") };
  return cluster
    .nodesOf(command)
    .flatMap((node) =>
      node.raw.hasReady() ? cluster.processReady(node, options) : [`${node.id}: nothing to do`],
    );
};

export const sync: Handler<Cluster> = (cluster, command) =>
  cluster.nodesOf(command).flatMap((node) => cluster.sync(node));

export const apply: Handler<Cluster> = (cluster, command) => {
  for (const node of cluster.nodesOf(command)) cluster.apply(node);
  return cluster.news();
};
