/**
 * Walks all states that a world can get into, breadth first, so that the way to a broken rule is a shortest one. Knows nothing of what the world is:
 * states are plain data, and equal when their JSON is.
 */
import { createHash } from "node:crypto";

export interface Transition<State> {
  readonly name: string;
  readonly next: State;
}

export interface Model<State> {
  readonly initial: readonly State[];
  readonly transitions: (state: State) => readonly Transition<State>[];
  /** What is wrong with the state or with what follows from it; nothing, when all is well. */
  readonly problems: (state: State) => readonly string[];
}

export interface WalkResult {
  readonly states: number;
  readonly transitions: number;
  /** Times that each transition was taken, by name. */
  readonly taken: ReadonlyMap<string, number>;
  /** The states at the bound were seen, but not gone on from. */
  readonly isComplete: boolean;
}

/** Throws an Error with the shortest way to the first problem. */
export function walk<State extends object>(model: Model<State>, statesMax: number): WalkResult {
  const seen = new Map<string, { readonly from: string | undefined; readonly by: string }>();
  const queue: { readonly key: string; readonly state: State }[] = [];
  const taken = new Map<string, number>();
  let transitions = 0;
  const meet = (state: State, from: string | undefined, by: string): void => {
    const key = keyOf(state);
    if (seen.has(key)) return;
    seen.set(key, { from, by });
    const problems = model.problems(state);
    if (problems.length > 0) {
      throw new Error(
        `${problems.join("\n")}\nafter: ${wayTo(key, seen).join(" ▸ ")}\n${JSON.stringify(state)}`,
      );
    }
    queue.push({ key, state });
  };
  for (const state of model.initial) meet(state, undefined, "");
  for (let at = 0; at < queue.length && seen.size < statesMax; at += 1) {
    const { key, state } = queue[at]!;
    for (const { name, next } of model.transitions(state)) {
      transitions += 1;
      taken.set(name, (taken.get(name) ?? 0) + 1);
      meet(next, key, name);
    }
  }
  return { states: seen.size, transitions, taken, isComplete: seen.size < statesMax };
}

/** Short, since the states of a walk are many. */
export function keyOf(state: object): string {
  const known =
    keys.get(state) ?? createHash("sha1").update(JSON.stringify(state)).digest("base64");
  keys.set(state, known);
  return known;
}

/** States are never changed in place. */
const keys = new WeakMap<object, string>();

function wayTo(
  key: string,
  seen: ReadonlyMap<string, { readonly from: string | undefined; readonly by: string }>,
): string[] {
  const way: string[] = [];
  for (let at: string | undefined = key; at !== undefined; ) {
    const met: { readonly from: string | undefined; readonly by: string } = seen.get(at)!;
    if (met.by !== "") way.unshift(met.by);
    at = met.from;
  }
  return way;
}
