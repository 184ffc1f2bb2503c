/** Etcdctl goes through members by their ids, which differ between clusters: its output put into the order of their roles. */

/** `line` is the command that printed it. The text is masked already. */
export function inRoleOrder(output: string, line: string): string {
  const [, format] = /-w (\w+)/.exec(line) ?? [];
  const isMany = line.includes("--cluster") || line.includes("member list");
  if (line.includes("ETCD_INITIAL_CLUSTER") || line.includes("member add")) {
    return output.replace(/(ETCD_INITIAL_CLUSTER=")([^"]*)/, (_, name: string, list: string) => {
      return name + list.split(",").sort().join(",");
    });
  }
  if (format === "json") return sortedJson(output);
  if (!isMany) return output;
  // Blocks of lines with an empty one between them, and one for each member.
  if (format === "fields") {
    return output
      .replace(/^"ID" :/m, '\n"ID" :')
      .split(/\n\n+/)
      .sort()
      .join("\n\n");
  }
  return output.split("\n").sort().join("\n");
}

/** Lists of objects only: those of numbers and texts have an order of their own. */
function sortedJson(output: string): string {
  const quoted = output.replace(/:(ANY|TERM|INDEX|SIZE|TOOK)\b/g, ':"$1"');
  try {
    return JSON.stringify(sorted(JSON.parse(quoted)), undefined, 1);
  } catch {
    return output;
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    const all = value.map(sorted);
    const isOfObjects = all.every((one) => typeof one === "object");
    return isOfObjects ? all.sort((a, b) => (textOf(a) < textOf(b) ? -1 : 1)) : all;
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, sorted(one)]));
}

const textOf = (value: unknown): string => JSON.stringify(value);
