/**
 * What writers did and what they were told, and the judgement whether a state found after a crash agrees with it.
 *
 * A *cell* is a set of keys that are always written together, by one writer, one write at a time (one key alone in the
 * simplest case). So the history of a cell is a line of pictures, and after a crash the keys must show
 *   1. one picture of that line, whole (no transaction half there),
 *   2. not an older one than the newest acknowledged before the crash (nothing lost, nothing stale, nothing back from deletion),
 *   3. with the revisions and version counts that follow from the acknowledgements.
 */
import { crc32c } from "../../node/lib/crc32c.ts";
import type { FoundKey } from "./kv-connection.ts";

/** One write of a cell: the value of each key afterwards, null where deleted. */
interface CellWrite {
  readonly values: readonly (string | null)[];
  /** Both undefined until acknowledged, and for ever when the answer never came. */
  acknowledgedMs: number | undefined;
  revision: number | undefined;
}

type BaseState = readonly (FoundKey | undefined)[];

export interface Violation {
  readonly what: string;
  readonly keys: readonly string[];
  readonly acknowledgedRevision: number | undefined;
  readonly acknowledgedMsBeforeCrash: number | undefined;
  readonly expected: string;
  readonly found: string;
}

export class Cell {
  readonly keys: readonly string[];
  /** As a check found the keys at the last rebase; before that they did not exist. */
  #base: BaseState;
  #writes: CellWrite[] = [];

  constructor(keys: readonly string[]) {
    this.keys = keys;
    this.#base = keys.map(() => undefined);
  }

  /** Called when the request leaves; the result is handed to `acknowledge` when the answer comes. */
  begin(values: readonly (string | null)[]): CellWrite {
    const write: CellWrite = { values, acknowledgedMs: undefined, revision: undefined };
    this.#writes.push(write);
    return write;
  }

  /** Forgets the past: from here on `found` is where the cell stands. */
  rebase(found: ReadonlyMap<string, FoundKey>): void {
    this.#base = this.keys.map((key) => found.get(key));
    this.#writes = [];
  }

  get isEmpty(): boolean {
    return this.#writes.length === 0 && this.#base.every((state) => state === undefined);
  }

  /** Undefined when `found` is a lawful picture after a crash at `crashMs`. */
  check(found: ReadonlyMap<string, FoundKey>, crashMs: number): Violation | undefined {
    const states = this.keys.map((key) => found.get(key));
    const floor = this.#writes.findLastIndex(
      ({ acknowledgedMs }) => acknowledgedMs !== undefined && acknowledgedMs <= crashMs,
    );
    for (let position = this.#writes.length - 1; position >= floor; position -= 1) {
      if (!this.#showsValues(position, states)) continue;
      const wrong = this.#wrongNumbers(position, states);
      // The same values can stand twice in the line only when all are deleted, and then there are no numbers to be wrong.
      return wrong === undefined
        ? undefined
        : this.#violation("wrong revisions", { floor, crashMs, states, expected: wrong });
    }
    const expected = this.#describe(this.#valuesAt(floor));
    return this.#violation(this.#diagnose(floor, states), { floor, crashMs, states, expected });
  }

  #valuesAt(position: number): readonly (string | null)[] {
    return this.#writes[position]?.values ?? this.#base.map((state) => state?.value ?? null);
  }

  #showsValues(position: number, states: BaseState): boolean {
    return this.#valuesAt(position).every((value, at) => value === (states[at]?.value ?? null));
  }

  #diagnose(floor: number, states: BaseState): string {
    for (let position = floor - 1; position >= -1; position -= 1) {
      if (this.#showsValues(position, states)) return "acknowledged write lost";
    }
    const isIntact = states.every((state) => state === undefined || isIntactValue(state));
    if (!isIntact) return "damaged value";
    return this.keys.length > 1 ? "write half there" : "acknowledged write lost";
  }

  /** What the numbers should have been, or undefined when they are right. */
  #wrongNumbers(position: number, states: BaseState): string | undefined {
    const modRevisions = new Set(
      states.flatMap((state) => (state === undefined ? [] : [state.modRevision])),
    );
    if (modRevisions.size > 1) return "one mod revision for all keys of the transaction";
    for (const [at, state] of states.entries()) {
      if (state === undefined) continue;
      const expected = this.#numbersAt(position, at, state);
      const isRight =
        state.modRevision === expected.modRevision &&
        state.createRevision === expected.createRevision &&
        state.version === expected.version;
      if (!isRight) return `${state.key} ${JSON.stringify(expected)}`;
    }
    return undefined;
  }

  /** Walks back to the birth of the key; a revision that was never told is taken as found. */
  #numbersAt(position: number, at: number, found: FoundKey): Omit<FoundKey, "key" | "value"> {
    let birth = position;
    while (birth >= 0 && (this.#valuesAt(birth - 1)[at] ?? null) !== null) birth -= 1;
    const base = this.#base[at];
    const modRevision = position < 0 ? base?.modRevision : this.#writes[position]?.revision;
    const isOlder = birth < 0 && base !== undefined;
    return {
      modRevision: modRevision ?? found.modRevision,
      createRevision: isOlder
        ? base.createRevision
        : (this.#writes[birth]?.revision ?? found.createRevision),
      version: isOlder ? base.version + position + 1 : position - birth + 1,
    };
  }

  #violation(
    what: string,
    seen: { floor: number; crashMs: number; states: BaseState; expected: string },
  ): Violation {
    const write = this.#writes[seen.floor];
    const before =
      write?.acknowledgedMs === undefined ? undefined : seen.crashMs - write.acknowledgedMs;
    return {
      what,
      keys: this.keys,
      acknowledgedRevision: write?.revision,
      acknowledgedMsBeforeCrash: before,
      expected: seen.expected,
      found: seen.states
        .map((state) =>
          state === undefined
            ? "(absent)"
            : `${shorten(state.value)} mod ${state.modRevision} create ${state.createRevision} version ${state.version}`,
        )
        .join("; "),
    };
  }

  #describe(values: readonly (string | null)[]): string {
    return values.map((value) => (value === null ? "(absent)" : shorten(value))).join("; ");
  }
}

/** Key and sequence without the padding. */
const shorten = (value: string): string => value.slice(0, 80).split("|#", 1)[0] ?? "";

/** "key|sequence|checksum|" and padding: a value says by itself whether it is whole and where it belongs. */
export function makeValue(key: string, sequence: number, padding: number): string {
  const body = `${key}|${sequence}|#${"x".repeat(padding)}`;
  return `${body}|${crc32c(Buffer.from(body, "latin1")).toString(16)}`;
}

function isIntactValue({ key, value }: FoundKey): boolean {
  const end = value.lastIndexOf("|");
  const sum = crc32c(Buffer.from(value.slice(0, end), "latin1")).toString(16);
  return value.startsWith(`${key}|`) && sum === value.slice(end + 1);
}

/** All cells, and the newest acknowledged revision. */
export class History {
  readonly #cells = new Set<Cell>();
  readonly #cellOfKey = new Map<string, Cell>();
  readonly #acknowledged: { atMs: number; revision: number }[] = [];
  #count = 0;

  /** Acknowledged writes since the beginning. */
  get acknowledgedCount(): number {
    return this.#count;
  }

  add(cell: Cell): void {
    this.#cells.add(cell);
    for (const key of cell.keys) this.#cellOfKey.set(key, cell);
  }

  acknowledge(write: CellWrite, revision: number): void {
    write.revision = revision;
    write.acknowledgedMs = performance.now();
    this.#count += 1;
    const last = this.#acknowledged.at(-1);
    // Only the steps upward: the list answers "newest revision told before this moment".
    if (last === undefined || revision > last.revision)
      this.#acknowledged.push({ atMs: write.acknowledgedMs, revision });
  }

  /** Everything that is wrong in a state found after a crash at `crashMs` (same clock as `performance.now`). */
  check(
    state: { revision: number; keys: ReadonlyMap<string, FoundKey> },
    crashMs: number,
  ): Violation[] {
    const violations: Violation[] = [];
    for (const cell of this.#cells) {
      const violation = cell.check(state.keys, crashMs);
      if (violation !== undefined) violations.push(violation);
    }
    for (const key of state.keys.keys()) {
      if (!this.#cellOfKey.has(key)) violations.push(strayKey(key));
    }
    const newest = this.#acknowledged.findLast(({ atMs }) => atMs <= crashMs)?.revision ?? 0;
    if (state.revision < newest) violations.push(revisionBehind(newest, state.revision));
    return violations;
  }

  /** After a restart on recovered data: the state found is the truth now. No write may be under way. */
  rebase(state: { revision: number; keys: ReadonlyMap<string, FoundKey> }): void {
    for (const cell of this.#cells) {
      cell.rebase(state.keys);
      if (!cell.isEmpty) continue;
      this.#cells.delete(cell);
      for (const key of cell.keys) this.#cellOfKey.delete(key);
    }
    this.#acknowledged.length = 0;
    this.#acknowledged.push({ atMs: performance.now(), revision: state.revision });
  }

  /** False once a rebase found nothing of it. */
  has(cell: Cell): boolean {
    return this.#cells.has(cell);
  }
}

function strayKey(key: string): Violation {
  return {
    what: "a key nobody wrote, or one back from deletion",
    keys: [key],
    acknowledgedRevision: undefined,
    acknowledgedMsBeforeCrash: undefined,
    expected: "(absent)",
    found: "present",
  };
}

function revisionBehind(newest: number, found: number): Violation {
  return {
    what: "the store's revision is behind",
    keys: [],
    acknowledgedRevision: newest,
    acknowledgedMsBeforeCrash: undefined,
    expected: `at least ${newest}`,
    found: String(found),
  };
}
