/**
 * Walks all states that a world can get into, breadth first, so that the way to a broken rule is a shortest one. Knows nothing of what the world is, but
 * for a key that tells states apart.
 */

export interface Transition<State> {
  readonly name: string;
  readonly next: State;
}

export interface Model<State> {
  readonly initial: readonly State[];
  readonly keyOf: (state: State) => string;
  /** The state, for people. */
  readonly textOf: (state: State) => string;
  readonly transitions: (state: State) => readonly Transition<State>[];
  /** What is wrong with the state or with what follows from it; nothing, when all is well. */
  readonly problems: (state: State) => readonly string[];
}

export interface WalkOptions {
  readonly statesMax: number;
  /** Called now and then. */
  readonly onProgress?: (states: number, waiting: number) => void;
}

export interface WalkResult {
  readonly states: number;
  readonly transitions: number;
  /** Times that each transition was taken, by name. */
  readonly taken: ReadonlyMap<string, number>;
  /** The states at the bound were seen, but not gone on from. */
  readonly isComplete: boolean;
}

interface Met {
  /** Place among the states that were met; -1 for none. */
  readonly from: number;
  readonly by: string;
}

const progressEvery = 5_000;

/** Throws an Error with the shortest way to the first problem. */
export function walk<State extends object>(
  model: Model<State>,
  { statesMax, onProgress }: WalkOptions,
): WalkResult {
  const seen = new Set<string>();
  const met: Met[] = [];
  // States that were gone on from are forgotten: only the way to them is kept.
  const queue: (State | undefined)[] = [];
  const taken = new Map<string, number>();
  let transitions = 0;
  let gone = 0;
  const names = new Map<string, string>();
  // One text for each name, however often it was put together.
  const nameOnce = (name: string): string => {
    const known = names.get(name) ?? name;
    names.set(name, known);
    return known;
  };
  const meet = (state: State, from: number, by: string): void => {
    const key = model.keyOf(state);
    if (seen.has(key)) return;
    seen.add(key);
    met.push({ from, by: nameOnce(by) });
    queue.push(state);
    const problems = model.problems(state);
    if (problems.length > 0) {
      const way = wayTo(met, met.length - 1);
      throw new Error(`${problems.join("\n")}\nafter: ${way.join(" ▸ ")}\n${model.textOf(state)}`);
    }
    if (seen.size % progressEvery === 0) onProgress?.(seen.size, queue.length - gone);
  };
  for (const state of model.initial) meet(state, -1, "");
  for (let at = 0; at < queue.length && seen.size < statesMax; at += 1) {
    const state = queue[at]!;
    queue[at] = undefined;
    gone = at;
    for (const { name, next } of model.transitions(state)) {
      transitions += 1;
      const short = name.replaceAll(/etcd-m\d+/g, "a member");
      taken.set(short, (taken.get(short) ?? 0) + 1);
      meet(next, at, name);
    }
  }
  return { states: seen.size, transitions, taken, isComplete: seen.size < statesMax };
}

function wayTo(met: readonly Met[], place: number): readonly string[] {
  const way: string[] = [];
  for (let at = place; at >= 0; ) {
    const { from, by } = met[at]!;
    if (by !== "") way.unshift(by);
    at = from;
  }
  return way;
}
