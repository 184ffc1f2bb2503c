/** Histories for the tests of the checkers: made by a store that does one operation at a time, seen by clients that overlap. */
import type { HistoryEvent, KvOperation } from "../../sim/checkers/kv-history.ts";

/** A number from 0 up to but not including `bound`. */
export type Pick = (bound: number) => number;

export interface HistoryShape {
  readonly operations: number;
  readonly keys: number;
  readonly clients: number;
  /** Of 100 operations, how many have no known outcome. */
  readonly unknownPercent: number;
  /** Of 100 operations, how many are transactions over two keys. */
  readonly txnPercent: number;
}

interface Planned {
  readonly event: HistoryEvent;
  /** When it takes effect; undefined: never. */
  readonly pointMs: number | undefined;
}

/** A linearizable history in which every put writes a value of its own. */
export function goodHistory(pick: Pick, shape: HistoryShape): HistoryEvent[] {
  const clocks = Array.from({ length: shape.clients }, () => pick(10));
  const planned: Planned[] = [];
  // What a cas expects is drawn from the last values that were planned, so that some hold.
  const recent: string[] = [];
  for (let number = 0; number < shape.operations; number++) {
    const client = pick(shape.clients);
    const callMs = (clocks[client] ?? 0) + 1 + pick(5);
    const returnMs = callMs + pick(20);
    clocks[client] = returnMs;
    const operation = anyOperation(pick, shape, { number, recent });
    const isUnknown = pick(100) < shape.unknownPercent;
    const pointMs = callMs + pick(isUnknown ? 60 : returnMs - callMs + 1);
    planned.push({
      event: {
        client,
        operation,
        callMs,
        returnMs: isUnknown ? undefined : returnMs,
        outcome: undefined,
      },
      pointMs: isUnknown && pick(2) === 0 ? undefined : pointMs,
    });
  }
  return execute(planned);
}

function anyOperation(
  pick: Pick,
  shape: HistoryShape,
  { number, recent }: { readonly number: number; readonly recent: string[] },
): KvOperation {
  const key = `k${pick(shape.keys)}`;
  const value = `v${number}`;
  const isTxn = pick(100) < shape.txnPercent;
  const expected = pick(4) === 0 ? undefined : recent[recent.length - 1 - pick(3)];
  if (isTxn) {
    const other = `k${pick(shape.keys)}`;
    const puts = [
      { key, value },
      { key: other, value },
    ];
    return {
      kind: "txn",
      compares: pick(2) === 0 ? [] : [{ key, expected }],
      puts: puts.slice(0, other === key ? 1 : 2),
    };
  }
  const kind = pick(10);
  if (kind < 4) return { kind: "get", key };
  if (kind === 4) return { kind: "delete", key };
  recent.push(value);
  return kind < 7 ? { kind: "cas", key, expected, value } : { kind: "put", key, value };
}

/** Does the operations at their points and writes down what each client is told. */
function execute(planned: readonly Planned[]): HistoryEvent[] {
  const store = new Map<string, { value: string; modRevision: number }>();
  let revision = 1;
  const told = new Map<HistoryEvent, Partial<HistoryEvent>>();
  const put = (key: string, value: string): void => {
    store.set(key, { value, modRevision: revision });
  };
  const ordered = planned
    .filter(({ pointMs }) => pointMs !== undefined)
    .sort((left, right) => (left.pointMs ?? 0) - (right.pointMs ?? 0));
  const answer = (operation: KvOperation): Partial<HistoryEvent> => {
    const holds = (key: string, expected: string | undefined): boolean =>
      store.get(key)?.value === expected;
    switch (operation.kind) {
      case "get": {
        const item = store.get(operation.key);
        return { outcome: item?.value, modRevision: item?.modRevision };
      }
      case "put":
        revision += 1;
        put(operation.key, operation.value);
        return {};
      case "delete": {
        const isThere = store.delete(operation.key);
        if (isThere) revision += 1;
        return { outcome: isThere ? 1 : 0 };
      }
      case "cas": {
        const isSwapped = holds(operation.key, operation.expected);
        if (isSwapped) {
          revision += 1;
          put(operation.key, operation.value);
        }
        return { outcome: isSwapped };
      }
      case "txn": {
        const isDone = operation.compares.every(({ key, expected }) => holds(key, expected));
        if (isDone) {
          revision += 1;
          for (const { key, value } of operation.puts) put(key, value);
        }
        return { outcome: isDone };
      }
    }
  };
  for (const { event } of ordered) {
    told.set(event, { ...answer(event.operation), revision });
  }
  return planned.map(({ event }) =>
    event.returnMs === undefined ? event : { ...event, ...told.get(event) },
  );
}

/** Any history at all over few values, most of them bad: for comparison with other judges. */
export function anyHistory(pick: Pick, shape: HistoryShape): HistoryEvent[] {
  const value = (): string => `v${pick(3)}`;
  const maybe = (): string | undefined => (pick(3) === 0 ? undefined : value());
  return Array.from({ length: shape.operations }, (_, client): HistoryEvent => {
    const key = `k${pick(shape.keys)}`;
    const callMs = pick(8);
    const isUnknown = pick(100) < shape.unknownPercent;
    const base = { client, callMs, returnMs: isUnknown ? undefined : callMs + pick(6) };
    const known = <Outcome>(outcome: Outcome): Outcome | undefined =>
      isUnknown ? undefined : outcome;
    if (pick(100) < shape.txnPercent) {
      const keys = [key, `k${pick(shape.keys)}`];
      const operation: KvOperation = {
        kind: "txn",
        compares: keys.slice(0, pick(3)).map((at) => ({ key: at, expected: maybe() })),
        puts: [...new Set(keys)].map((at) => ({ key: at, value: value() })),
      };
      return { ...base, operation, outcome: known(pick(2) === 0) };
    }
    switch (pick(4)) {
      case 0:
        return { ...base, operation: { kind: "put", key, value: value() }, outcome: undefined };
      case 1:
        return { ...base, operation: { kind: "get", key }, outcome: known(maybe()) };
      case 2:
        return { ...base, operation: { kind: "delete", key }, outcome: known(pick(2)) };
      default:
        return {
          ...base,
          operation: { kind: "cas", key, expected: maybe(), value: value() },
          outcome: known(pick(2) === 0),
        };
    }
  });
}
