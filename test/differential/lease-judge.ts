/**
 * Makes the answers of two servers about leases comparable: ids that the servers chose become labels, and times left are taken out and held against
 * the clock of the one that asked.
 */
import type { Message } from "./operations.ts";

/** When something was asked and answered, in ms of a monotonic clock. */
export interface Asked {
  readonly sentMs: number;
  readonly answeredMs: number;
}

/** The ids that one server gave to leases. */
export class LeaseLabels {
  private readonly ids = new Map<string, string>();
  private readonly labels = new Map<string, string>();

  learn(label: string, id: string): void {
    this.ids.set(label, id);
    this.labels.set(id, label);
  }

  /** The request as this server understands it. A label that nothing stands for is a lease that is not there. */
  resolved(request: Message): Message {
    return deep(request, (name, value) =>
      isLease(name) && typeof value === "string" && value.startsWith("#")
        ? (this.ids.get(value) ?? "123456789")
        : value,
    ) as Message;
  }

  /** The answer with labels, without the term, and with lists that have no order in order. */
  labelled(answer: Message): Message {
    const named = deep(answer, (name, value) => {
      if (name === "raft_term") return undefined;
      return isLease(name) && typeof value === "string" ? (this.labels.get(value) ?? value) : value;
    }) as Message;
    const { keys, leases } = named as { keys?: string[]; leases?: { ID: string }[] };
    return {
      ...named,
      ...(keys === undefined ? {} : { keys: [...keys].sort() }),
      ...(leases === undefined ? {} : { leases: leases.map(({ ID }) => ID).sort() }),
    };
  }
}

const isLease = (name: string): boolean => name === "ID" || name === "lease";

function deep(
  value: unknown,
  change: (name: string, value: unknown) => unknown,
  name = "",
): unknown {
  if (Buffer.isBuffer(value)) return value;
  if (Array.isArray(value)) return value.map((one) => deep(one, change, name));
  if (typeof value !== "object" || value === null) return change(name, value);
  const fields = Object.entries(value).map(([at, one]) => [at, deep(one, change, at)] as const);
  return Object.fromEntries(fields.filter(([, one]) => one !== undefined));
}

/**
 * What is wrong with a time left, in whole seconds, of a lease of `ttl` seconds that was begun or renewed at `begun`; undefined when it can be right.
 * `grace`: seconds more that a new leader gives.
 */
export function timeProblem(
  left: number,
  { ttl, begun, asked, grace }: { ttl: number; begun: Asked; asked: Asked; grace: number },
): string | undefined {
  // What is left is cut to whole seconds.
  const least = ttl - (asked.answeredMs - begun.sentMs) / 1000 - 1;
  const most = ttl + grace - (asked.sentMs - begun.answeredMs) / 1000;
  if (left >= Math.floor(least) && left <= most) return undefined;
  return `${left} s are left, which should be between ${least} and ${most}`;
}
