/** What clients of a key-value store saw: the input of the checkers beside this file. */

/** One operation. Operations on several keys exist only as transactions. */
export type KvOperation =
  | { readonly kind: "put"; readonly key: string; readonly value: string }
  /** Outcome: the value found, or undefined. */
  | { readonly kind: "get"; readonly key: string }
  /** Outcome: how many keys were deleted, 0 or 1. */
  | { readonly kind: "delete"; readonly key: string }
  /** Puts `value` if the key holds `expected` (undefined: if it does not exist). Outcome: whether it did. */
  | {
      readonly kind: "cas";
      readonly key: string;
      readonly expected: string | undefined;
      readonly value: string;
    }
  /** All `puts` at once if all `compares` hold. Outcome: whether they did. Without puts it is a read of several keys. */
  | {
      readonly kind: "txn";
      readonly compares: readonly { readonly key: string; readonly expected: string | undefined }[];
      readonly puts: readonly { readonly key: string; readonly value: string }[];
    };

/** Times are of one clock that all clients share. Operations that touch at one instant count as concurrent. */
export interface HistoryEvent {
  readonly client: number;
  readonly operation: KvOperation;
  readonly callMs: number;
  /** Undefined: the outcome is unknown; the operation may take effect at any time after `callMs`, or never. */
  readonly returnMs: number | undefined;
  /** See `KvOperation`; undefined for a put, and while `returnMs` is undefined. */
  readonly outcome: string | number | boolean | undefined;
  /** The answer's header revision. */
  readonly revision?: number | undefined;
  /** A get's: the revision at which the value found was written. */
  readonly modRevision?: number | undefined;
  /** A get that may be answered from an old state: it is held against revisions, not against real time. */
  readonly isSerializable?: boolean | undefined;
}

/** The keys that an operation reads or writes. */
export function keysOf(operation: KvOperation): readonly string[] {
  if (operation.kind !== "txn") return [operation.key];
  return [...new Set([...operation.compares, ...operation.puts].map(({ key }) => key))];
}

/** What the operation leaves in the keys it writes, if its outcome is (or could be) that it took effect; undefined deletes. */
export function writesOf(
  operation: KvOperation,
): readonly { readonly key: string; readonly value: string | undefined }[] {
  switch (operation.kind) {
    case "get":
      return [];
    case "put":
    case "cas":
      return [{ key: operation.key, value: operation.value }];
    case "delete":
      return [{ key: operation.key, value: undefined }];
    case "txn":
      return operation.puts;
  }
}

/** True if this answer says that something was written. */
export function hasWritten({ operation, outcome, returnMs }: HistoryEvent): boolean {
  if (returnMs === undefined) return false;
  switch (operation.kind) {
    case "get":
      return false;
    case "put":
      return true;
    case "delete":
      return outcome !== 0;
    case "cas":
      return outcome === true;
    case "txn":
      return outcome === true && operation.puts.length > 0;
  }
}

/** One line for people. */
export function describeEvent(event: HistoryEvent): string {
  const { client, callMs, returnMs, revision, modRevision } = event;
  const span = `[${callMs}, ${returnMs ?? "?"}]`;
  const outcome = returnMs === undefined ? "unknown" : String(event.outcome ?? "nothing");
  const answer = event.operation.kind === "put" && returnMs !== undefined ? "ok" : outcome;
  const at = revision === undefined ? "" : ` @${revision}`;
  const mod = modRevision === undefined ? "" : ` (written @${modRevision})`;
  return `client ${client} ${span} ${describeOperation(event.operation)} -> ${answer}${mod}${at}`;
}

function describeOperation(operation: KvOperation): string {
  switch (operation.kind) {
    case "put":
      return `put ${operation.key} ${operation.value}`;
    case "get":
    case "delete":
      return `${operation.kind} ${operation.key}`;
    case "cas":
      return `cas ${operation.key} ${operation.expected ?? "nothing"} ${operation.value}`;
    case "txn": {
      const ifs = operation.compares.map(({ key, expected }) => `${key}=${expected ?? "nothing"}`);
      const puts = operation.puts.map(({ key, value }) => `${key}:=${value}`);
      return `txn if ${ifs.join(" ")} then ${puts.join(" ")}`;
    }
  }
}
