/**
 * Revisions against the history: cheap, and stronger than linearizability where answers carry them. A write's revision says where in the
 * order of all writes it stands, so the order needs no search.
 */
import { describeEvent, type HistoryEvent, hasWritten, writesOf } from "./kv-history.ts";

export type RevisionVerdict =
  | { readonly kind: "ok" }
  | { readonly kind: "violation"; readonly report: string };

/** Judges a history that began with no keys at all. Events without a revision are not looked at. */
export function checkRevisions(history: readonly HistoryEvent[]): RevisionVerdict {
  const known = history.filter(
    ({ returnMs, revision }) => returnMs !== undefined && revision !== undefined,
  );
  const writes = known.filter(hasWritten);
  const report =
    sharedRevision(writes) ?? againstRealTime(known) ?? againstWrites({ history, known, writes });
  return report === undefined ? { kind: "ok" } : { kind: "violation", report };
}

const at = (event: HistoryEvent): number => event.revision ?? 0;

const found = (rule: string, ...events: readonly HistoryEvent[]): string =>
  [rule, ...events.map((event) => `   ${describeEvent(event)}`)].join("\n");

/** No two writes have one revision. */
function sharedRevision(writes: readonly HistoryEvent[]): string | undefined {
  const owners = new Map<number, HistoryEvent>();
  for (const write of writes) {
    const owner = owners.get(at(write));
    if (owner !== undefined) return found("two writes have one revision", owner, write);
    owners.set(at(write), write);
  }
  return undefined;
}

/**
 * An answer is of a state at least as new as every answer that came before the question; a write is newer than all of those.
 * One walk over the calls by time, with the newest revision that had been told by then.
 */
function againstRealTime(known: readonly HistoryEvent[]): string | undefined {
  const byCall = known
    .filter(({ isSerializable }) => isSerializable !== true)
    .sort((left, right) => left.callMs - right.callMs);
  const byReturn = known.toSorted((left, right) => (left.returnMs ?? 0) - (right.returnMs ?? 0));
  let told = 0;
  let newest: HistoryEvent | undefined;
  for (const event of byCall) {
    for (let next = byReturn[told]; next !== undefined; next = byReturn[told]) {
      if ((next.returnMs ?? 0) >= event.callMs) break;
      if (newest === undefined || at(next) > at(newest)) newest = next;
      told += 1;
    }
    if (newest === undefined) continue;
    if (hasWritten(event) && at(event) <= at(newest)) {
      return found("a write has a revision that was told before it was called", newest, event);
    }
    if (at(event) < at(newest)) return found("an answer went back", newest, event);
  }
  return undefined;
}

/** A write to one key, at its revision. */
interface Written {
  readonly revision: number;
  readonly value: string | undefined;
  readonly event: HistoryEvent;
}

interface Whole {
  readonly history: readonly HistoryEvent[];
  readonly known: readonly HistoryEvent[];
  readonly writes: readonly HistoryEvent[];
}

/** A get returns the newest write of its key up to its revision, and says rightly which that was. */
function againstWrites({ history, known, writes }: Whole): string | undefined {
  const byKey = new Map<string, Written[]>();
  for (const event of writes.toSorted((left, right) => at(left) - at(right))) {
    for (const { key, value } of writesOf(event.operation)) {
      const list = byKey.get(key) ?? [];
      byKey.set(key, list);
      list.push({ revision: at(event), value, event });
    }
  }
  const unknown = history.filter(({ returnMs }) => returnMs === undefined);
  for (const get of known) {
    if (get.operation.kind !== "get") continue;
    const { key } = get.operation;
    const problem = againstKey(get, byKey.get(key) ?? [], (value) =>
      unknown.some(
        ({ operation, callMs }) =>
          callMs <= (get.returnMs ?? 0) &&
          writesOf(operation).some((write) => write.key === key && write.value === value),
      ),
    );
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** `mayBeWritten`: whether an operation of unknown outcome could have left this value (undefined: nothing) in the key. */
function againstKey(
  get: HistoryEvent,
  written: readonly Written[],
  mayBeWritten: (value: string | undefined) => boolean,
): string | undefined {
  const newest = written.findLast(({ revision }) => revision <= at(get));
  const { modRevision, outcome } = get;
  if (outcome === undefined) {
    if (newest?.value === undefined || mayBeWritten(undefined)) return undefined;
    return found("a read does not find what was written", newest.event, get);
  }
  if (modRevision === undefined) return undefined;
  if (modRevision > at(get)) return found("a read found a revision of the future", get);
  if (newest !== undefined && newest.revision > modRevision) {
    return found("a read missed a newer write", newest.event, get);
  }
  if (newest?.revision === modRevision) {
    if (newest.value === outcome) return undefined;
    return found("a read found another value than was written at that revision", newest.event, get);
  }
  // No acknowledged write stands there: one of unknown outcome must.
  if (typeof outcome === "string" && mayBeWritten(outcome)) return undefined;
  return found("a read found what nobody wrote at that revision", get);
}
