/**
 * `stabilize 1 2`: these nodes, or all, do all there is to do, and get what is on its way to them, until nothing is left. With `quiet` only
 * changes of role and configuration, applied entries and reads are printed.
 */
import type { Handler } from "../runner.ts";
import type { Cluster } from "./cluster.ts";

export const stabilize: Handler<Cluster> = (cluster, command) => {
  const isQuiet = command.flag("quiet");
  const lines = cluster.stabilize(cluster.nodesOf(command));
  return isQuiet ? essence(lines) : lines;
};

/** Lines of what came about, each behind its node. */
export function essence(lines: readonly string[]): string[] {
  const kept: string[] = [];
  let node = "";
  for (const line of lines) {
    if (line.startsWith("  apply ") || line.startsWith("  read "))
      kept.push(`${node} ${line.trim()}`);
    else if (line.startsWith("* ")) kept.push(line);
    else if (!line.startsWith("  ")) node = line;
  }
  return kept;
}
