/**
 * What can be seen of a node: `raft-log 1` its durable log, `status 1` its role and, of a leader, everyone's progress, `state 1` what it has
 * applied.
 */
import { logIndex } from "../../../node/lib/units.ts";
import { formatConfig } from "../conf-change-text.ts";
import type { Handler } from "../runner.ts";
import { type Cluster, roleOf } from "./cluster.ts";
import { formatEntry, formatProgress } from "./format.ts";

export const raftLog: Handler<Cluster> = (cluster, command) =>
  cluster.nodesOf(command).map(({ id, storage, held }) => {
    const { firstIndex, lastIndex } = storage;
    const compacted = `${storage.term(logIndex(firstIndex - 1)) ?? "?"}/${firstIndex - 1}`;
    const entries = storage.slice(firstIndex, logIndex(lastIndex + 1)).map(formatEntry);
    const unwritten = (held?.entries ?? []).map((entry) => `(${formatEntry(entry)})`);
    return `${id}: ..${[compacted, ...entries, ...unwritten].join(", ")}`;
  });

export const status: Handler<Cluster> = (cluster, command) =>
  cluster.nodesOf(command).flatMap((node) => {
    const { raw, config } = node;
    const { committed, applied, leadTransferee, progress } = raw.status();
    const transfer = leadTransferee === 0n ? "" : `, handing over to ${leadTransferee}`;
    return [
      `${node.id}: ${roleOf(node)}, committed ${committed}, applied ${applied}${transfer}`,
      `  ${formatConfig(config)}`,
      ...progress.map((it) => `  ${formatProgress(it)}`),
    ];
  });

export const state: Handler<Cluster> = (cluster, command) =>
  cluster.nodesOf(command).map((node) => `${node.id}: ${node.state.join(" ")}`);
