/**
 * Is a history linearizable? The search of Wing and Gong with Lowe's memory ("Testing for linearizability", 2017): operations are put
 * in an order one by one, and a set of operations that led to a state is never tried twice. Keys are judged apart, except those that a
 * transaction binds together.
 *
 * Operations of unknown outcome have no end, so they may always be moved later: to right before the operation that cannot be explained
 * without them. They are tried only there, and dozens of them cost nothing while nobody saw their effect. This does not hold for one
 * that writes several keys; such a one is tried everywhere.
 */
import {
  describeEvent,
  type HistoryEvent,
  hasWritten,
  type KvOperation,
  keysOf,
  writesOf,
} from "./kv-history.ts";

export type { HistoryEvent } from "./kv-history.ts";

export type Verdict =
  | { readonly kind: "ok" }
  /** `key`: several are separated by commas. `report` shows the smallest prefix that cannot be linearized. */
  | { readonly kind: "violation"; readonly key: string; readonly report: string }
  /** The search was given up. */
  | { readonly kind: "tooHard"; readonly key: string };

/** Nodes of one search: about half a second. */
const nodesMax = 100_000;
const reportedEventsMax = 40;

/** Judges a history that began with no keys at all. */
export function checkLinearizable(history: readonly HistoryEvent[]): Verdict {
  let tooHard: Verdict | undefined;
  for (const part of parts(history)) {
    const result = search(part);
    if (result === "tooHard") tooHard ??= { kind: "tooHard", key: part.keys.join(",") };
    if (result === "violation") {
      return { kind: "violation", key: part.keys.join(","), report: report(part) };
    }
  }
  return tooHard ?? { kind: "ok" };
}

/** Events on keys that transactions bind together. */
interface Part {
  readonly keys: readonly string[];
  readonly events: readonly HistoryEvent[];
}

function parts(history: readonly HistoryEvent[]): Part[] {
  const parent = new Map<string, string>();
  const root = (key: string): string => {
    let at = key;
    for (let up = parent.get(at); up !== undefined && up !== at; up = parent.get(at)) at = up;
    return at;
  };
  // A read that may be stale, or whose answer nobody saw, says nothing.
  const judged = history.filter(
    ({ operation, isSerializable, returnMs }) =>
      isSerializable !== true && !(operation.kind === "get" && returnMs === undefined),
  );
  for (const { operation } of judged) {
    const [first = "", ...others] = keysOf(operation);
    if (!parent.has(first)) parent.set(first, first);
    for (const key of others) parent.set(root(key), root(first));
  }
  const keys = Map.groupBy(parent.keys(), root);
  const events = Map.groupBy(judged, ({ operation }) => root(keysOf(operation)[0] ?? ""));
  return [...events].map(([at, some]) => ({ keys: (keys.get(at) ?? []).sort(), events: some }));
}

/** Values of the part's keys, in their order. */
type State = readonly (string | undefined)[];

/** A set of operations that were put in order, and what they led to. */
interface Node {
  /** All known operations before this one are in the order; `beyond` are those behind it. Ascending. */
  readonly first: number;
  readonly beyond: readonly number[];
  /** Operations of unknown outcome that are in the order. Ascending. */
  readonly used: readonly number[];
  readonly state: State;
}

class Search {
  /** Operations with an outcome, by the time of their call. */
  private readonly known: readonly HistoryEvent[];
  private readonly unknown: readonly HistoryEvent[];
  private readonly slots: ReadonlyMap<string, number>;
  private readonly seen = new Set<string>();
  private readonly open: Node[];

  constructor({ keys, events }: Part) {
    const sorted = events.toSorted((left, right) => left.callMs - right.callMs);
    this.known = sorted.filter(({ returnMs }) => returnMs !== undefined);
    this.unknown = sorted.filter(({ returnMs }) => returnMs === undefined);
    this.slots = new Map(keys.map((key, slot) => [key, slot]));
    this.open = [{ first: 0, beyond: [], used: [], state: keys.map(() => undefined) }];
  }

  run(): Verdict["kind"] {
    for (let node = this.open.pop(); node !== undefined; node = this.open.pop()) {
      if (node.first === this.known.length) return "ok";
      if (this.seen.size > nodesMax) return "tooHard";
      const before = this.open.length;
      this.expand(node);
      // The last pushed is tried first: let it be the earliest call.
      const pushed = this.open.splice(before).reverse();
      this.open.push(...pushed);
    }
    return "violation";
  }

  /** All operations that may come next: those that were called before any that is not in the order yet had returned. */
  private expand(node: Node): void {
    const candidates: number[] = [];
    let horizonMs = Infinity;
    for (let at = node.first; at < this.known.length; at++) {
      const event = this.known[at];
      if (event === undefined || event.callMs > horizonMs) break;
      if (node.beyond.includes(at)) continue;
      candidates.push(at);
      horizonMs = Math.min(horizonMs, event.returnMs ?? Infinity);
    }
    // What changes nothing and holds now can come now in any order that has it later: no other choice need be tried.
    const free = candidates.find((at) => this.isFree(node.state, at));
    if (free !== undefined) {
      this.push(advance(node, free));
      return;
    }
    for (const at of candidates) {
      const event = this.known[at];
      if (event === undefined) continue;
      for (const next of this.explain(node, event, horizonMs)) this.push(advance(next, at));
    }
    this.unknown.forEach((event, at) => {
      if (isMovable(event.operation) || !canFollow(node, at, event, horizonMs)) return;
      const begun = { ...node, used: withNumber(node.used, at) };
      for (const next of this.explain(begun, event, horizonMs)) this.push(next);
    });
  }

  private isFree(state: State, at: number): boolean {
    const event = this.known[at];
    return event !== undefined && this.apply(state, event) === state;
  }

  /**
   * The nodes in which the event has taken effect: one if it can be explained as things stand, otherwise one for each choice of unknown
   * writes that make the difference. `lacking`: keys that no unknown write was put in front for yet.
   */
  private explain(
    node: Node,
    event: HistoryEvent,
    horizonMs: number,
    lacking: readonly string[] = keysOf(event.operation),
  ): Node[] {
    const state = this.apply(node.state, event);
    if (state !== undefined) return [{ ...node, state }];
    return this.unknown.flatMap((earlier, at) => {
      const [write] = writesOf(earlier.operation);
      if (write === undefined || !isMovable(earlier.operation)) return [];
      if (!lacking.includes(write.key) || !canFollow(node, at, earlier, horizonMs)) return [];
      if (!helps(write, event)) return [];
      const begun = { ...node, used: withNumber(node.used, at) };
      const rest = lacking.filter((key) => key !== write.key);
      return this.explain(begun, earlier, horizonMs).flatMap((between) =>
        this.explain(between, event, horizonMs, rest),
      );
    });
  }

  /** A set of operations that led to this state before is not tried again. */
  private push(node: Node): void {
    const { first, beyond, used, state } = node;
    const name = `${first}/${beyond.join()}/${used.join()}/${JSON.stringify(state)}`;
    if (this.seen.has(name)) return;
    this.seen.add(name);
    this.open.push(node);
  }

  /** The state behind an operation; undefined if its outcome cannot be had here. An unknown one must change something. */
  private apply(state: State, event: HistoryEvent): State | undefined {
    const { operation, outcome, returnMs } = event;
    const at = (key: string): string | undefined => state[this.slots.get(key) ?? -1];
    const isKnown = returnMs !== undefined;
    let holds = true;
    if (operation.kind === "get") return at(operation.key) === outcome ? state : undefined;
    if (operation.kind === "delete") {
      holds = at(operation.key) !== undefined;
      if (isKnown && holds !== (outcome !== 0)) return undefined;
    } else if (operation.kind === "cas") {
      holds = at(operation.key) === operation.expected;
      if (isKnown && holds !== outcome) return undefined;
    } else if (operation.kind === "txn") {
      holds = operation.compares.every(({ key, expected }) => at(key) === expected);
      if (isKnown && holds !== outcome) return undefined;
    }
    if (!holds) return isKnown ? state : undefined;
    const next = [...state];
    for (const { key, value } of writesOf(operation)) next[this.slots.get(key) ?? -1] = value;
    return next;
  }
}

function search(part: Part): Verdict["kind"] {
  return new Search(part).run();
}

/** Writes one key at most, so that it may be moved to where its effect is seen. */
const isMovable = (operation: KvOperation): boolean => writesOf(operation).length <= 1;

/** True if this write can be why the event's outcome is what it is. */
function helps(
  { key, value }: { readonly key: string; readonly value: string | undefined },
  { operation, outcome, returnMs }: HistoryEvent,
): boolean {
  const isKnown = returnMs !== undefined;
  switch (operation.kind) {
    case "put":
      return false;
    case "get":
      return value === outcome;
    case "delete":
      return isKnown && (value !== undefined) === (outcome !== 0);
    case "cas":
      return (value === operation.expected) === (isKnown ? outcome : true);
    case "txn":
      return operation.compares.some(
        (compare) =>
          compare.key === key && (value === compare.expected) === (isKnown ? outcome : true),
      );
  }
}

const canFollow = (node: Node, at: number, event: HistoryEvent, horizonMs: number): boolean =>
  event.callMs <= horizonMs && !node.used.includes(at);

function withNumber(numbers: readonly number[], added: number): number[] {
  const at = numbers.findLastIndex((number) => number < added);
  return numbers.toSpliced(at + 1, 0, added);
}

function advance(node: Node, at: number): Node {
  if (at !== node.first) return { ...node, beyond: withNumber(node.beyond, at) };
  let first = at + 1;
  let taken = 0;
  while (node.beyond[taken] === first) {
    first += 1;
    taken += 1;
  }
  return { ...node, first, beyond: node.beyond.slice(taken) };
}

/** The history as it stood at an instant: what had not returned is of unknown outcome. */
function prefixAt({ keys, events }: Part, instantMs: number): Part {
  const begun = events.filter(({ callMs }) => callMs <= instantMs);
  const seen = begun.map((event) =>
    event.returnMs === undefined || event.returnMs <= instantMs
      ? event
      : { ...event, returnMs: undefined, outcome: undefined },
  );
  return {
    keys,
    events: seen.filter((event) => event.returnMs !== undefined || event.operation.kind !== "get"),
  };
}

/** A prefix of a linearizable history is linearizable: so the first bad one is found by halving. */
function report(part: Part): string {
  const instants = part.events
    .flatMap(({ returnMs }) => (returnMs === undefined ? [] : [returnMs]))
    .sort((left, right) => left - right);
  let low = 0;
  let high = instants.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    const isBad = search(prefixAt(part, instants[middle] ?? 0)) === "violation";
    if (isBad) high = middle;
    else low = middle + 1;
  }
  const instantMs = instants[low] ?? 0;
  const shown = prefixAt(part, instantMs).events.toSorted((a, b) => a.callMs - b.callMs);
  const acknowledged = shown.filter(hasWritten).length;
  return [
    `not linearizable at ${instantMs} ms (keys ${part.keys.join(",")}, ${shown.length} operations, ${acknowledged} acknowledged writes):`,
    ...(shown.length > reportedEventsMax
      ? [`  ... ${shown.length - reportedEventsMax} before`]
      : []),
    ...shown.slice(-reportedEventsMax).map((event) => {
      const isLast = event.returnMs === instantMs;
      return `${isLast ? "=>" : "  "} ${describeEvent(event)}`;
    }),
  ].join("\n");
}
