/** What a real etcd says in its log about the company it is in. */
import type { ClusterMember } from "./cluster-member.ts";

const bad: readonly unknown[] = ["error", "dpanic", "panic", "fatal"];

interface LogLine {
  readonly level?: unknown;
  readonly msg?: unknown;
  readonly error?: unknown;
}

/**
 * Lines of level error that etcds write among themselves as well: when they end, and when they want to write the storage's version in the
 * seconds before a first snapshot has brought the term.
 */
const usual: readonly { readonly msg: string; readonly error: RegExp }[] = [
  {
    msg: "setting up serving from embedded etcd failed.",
    error:
      /^(mux: server closed|http: Server closed|accept tcp \S+ use of closed network connection)$/,
  },
  {
    msg: "failed to update storage version",
    error: /^cannot detect storage schema version: missing term information$/,
  },
];

export interface LogFindings {
  /** Lines of level error and worse, and those that are no JSON, as a Go panic is. */
  readonly errors: readonly string[];
  /** Message ▸ how often it was warned of. */
  readonly warnings: ReadonlyMap<string, number>;
}

export function findingsIn(log: string): LogFindings {
  const errors: string[] = [];
  const warnings = new Map<string, number>();
  for (const line of log.split("\n")) {
    if (line === "") continue;
    const { level, msg, error } = parse(line) ?? { level: "fatal" };
    const isUsual = usual.some((one) => one.msg === msg && one.error.test(String(error)));
    if (bad.includes(level) && !isUsual) errors.push(line);
    if (level === "warn") warnings.set(String(msg), (warnings.get(String(msg)) ?? 0) + 1);
  }
  return { errors, warnings };
}

/** Error lines of all these members, with their names in front. */
export function errorLines(members: readonly ClusterMember[]): string[] {
  return members.flatMap((member) =>
    findingsIn(member.log()).errors.map((line) => `${member.name} (${member.kind}): ${line}`),
  );
}

function parse(line: string): LogLine | undefined {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return undefined;
  }
}
