/**
 * Writes every table of LevelDB's again, so that what was removed gives its room back. LevelDB itself merges tables only where they overlap. Tables of
 * the revision space hardly do (layout.ts), and one that holds records and their removals alike, as it comes from one memtable, stays as it is
 * for good, even when it is asked to compact everything.
 *
 * So a key that never holds anything is deleted in each few megabytes. These deletions are a table above all others, which overlaps each of
 * them; LevelDB merges it down, and it is gone. That is done piece by piece, as the tables that LevelDB makes of new writes meanwhile are merged between
 * two pieces only, and writers wait when there are too many of them.
 */
import { assert } from "../lib/assert.ts";
import { rewriteKey } from "./layout.ts";

/** The part of the store that is rewritten. */
export interface RewrittenStore {
  /** Makes a table of what is in memory. */
  flush(): Promise<void>;
  /** Bytes of the tables in [start, end), about. */
  tableBytes(start: Uint8Array, end: Uint8Array): Promise<number>;
  /** Deletes keys that never held anything, without syncing: a crash may forget it. */
  deleteNothing(keys: readonly Uint8Array[]): Promise<void>;
  /** Merges all tables with keys in [start, end]. */
  merge(start: Uint8Array, end: Uint8Array): Promise<void>;
}

/** Less than a table that LevelDB makes, so that there is a deletion in each. */
const stepBytes = 4 << 20;
/** Merged in one go: a second or two. */
const pieceBytes = 128 << 20;

/** `newest`: no record has a higher main revision. `isStopped` ends the work between two pieces, with an Error. */
export async function rewriteTables(
  store: RewrittenStore,
  newest: number,
  isStopped: () => boolean,
): Promise<void> {
  await store.flush();
  const steps: number[] = [];
  await addSteps(store, steps, { from: 0, to: newest + 1 });
  const keys = steps.map(rewriteKey);
  if (keys.length > 0) await store.deleteNothing(keys);
  await store.flush();
  const stepsPerPiece = pieceBytes / stepBytes;
  const borders = keys.filter((_, at) => at > 0 && at % stepsPerPiece === 0);
  let start: Uint8Array = Uint8Array.of(0x00);
  for (const end of [...borders, Uint8Array.of(0xff)]) {
    if (isStopped()) throw new Error("the backend was closed while its tables were rewritten");
    await store.merge(start, end);
    start = end;
  }
}

/** Adds a main revision for each `stepBytes` of [from, to), in order: the beginning of each part that is small enough. */
async function addSteps(
  store: RewrittenStore,
  steps: number[],
  { from, to }: { readonly from: number; readonly to: number },
): Promise<void> {
  assert(from < to, "a step without revisions", from);
  const bytes = await store.tableBytes(rewriteKey(from), rewriteKey(to));
  if (bytes === 0) return;
  if (bytes <= stepBytes || to - from === 1) {
    steps.push(from);
    return;
  }
  const middle = Math.floor((from + to) / 2);
  await addSteps(store, steps, { from, to: middle });
  await addSteps(store, steps, { from: middle, to });
}
