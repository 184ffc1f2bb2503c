/**
 * What the owner of a node asks of raft: `campaign 1`, `transfer-leadership 1 to=2`, `forget-leader 1`, `read-index 1 context`,
 * `report-unreachable 1 2` (by 1 about 2), `report-snapshot 1 2 failed`.
 */
import assert from "node:assert/strict";
import { fromText } from "../../../node/lib/bytes.ts";
import type { Handler } from "../runner.ts";
import { type Cluster, idOf } from "./cluster.ts";

export const campaign: Handler<Cluster> = (cluster, command) => {
  for (const node of cluster.nodesOf(command)) node.raw.campaign();
  return cluster.news();
};

export const transferLeadership: Handler<Cluster> = (cluster, command) => {
  const to = idOf(command.option("to", "0"));
  const [node] = cluster.nodesOf(command);
  node?.raw.transferLeader(to);
  return cluster.news();
};

export const forgetLeader: Handler<Cluster> = (cluster, command) => {
  for (const node of cluster.nodesOf(command)) node.raw.forgetLeader();
  return cluster.news();
};

export const readIndex: Handler<Cluster> = (cluster, command) => {
  const [id = "", ...contexts] = command.positions();
  const { raw } = cluster.node(idOf(id));
  return contexts.flatMap((context) =>
    raw.readIndex(fromText(context)) ? [] : [`${context} dropped`],
  );
};

export const reportUnreachable: Handler<Cluster> = (cluster, command) => {
  const [by = "", about = ""] = command.positions();
  cluster.node(idOf(by)).raw.reportUnreachable(idOf(about));
  return [];
};

export const reportSnapshot: Handler<Cluster> = (cluster, command) => {
  const [by = "", about = "", outcome] = command.positions();
  assert.ok(outcome === "finished" || outcome === "failed", "finished or failed");
  cluster.node(idOf(by)).raw.reportSnapshot(idOf(about), outcome);
  return [];
};
