/**
 * The terms of a log on disk as it grew, and by them whether a snapshot was taken from this log or came from elsewhere: where the log had an
 * entry of the snapshot's index and term when its record was written, everything before is the same too (thesis 3.5, log matching).
 */
import type { Fs } from "../lib/ports.ts";
import { Reader } from "../proto/wire.ts";
import { type RecordView, recordType } from "../wal/record.ts";
import { checkSequence, listSegments } from "../wal/segment-name.ts";
import { readSegments } from "../wal/segment-reader.ts";
import { decodeEntry, decodeSnapshot, type WalSnapshot } from "../wal/walpb.ts";

/** Those of `snapshots` that the log in `dir` does not lead to. Throws CorruptionError for a damaged log. */
export async function snapshotsNotInLog(
  fs: Fs,
  dir: string,
  snapshots: readonly WalSnapshot[],
): Promise<WalSnapshot[]> {
  const segments = await listSegments(fs, dir);
  checkSequence(dir, segments);
  const terms = new LogTerms();
  const missing = new Set<number>();
  const reader = new Reader(new Uint8Array(0));
  const visit = (buffer: Buffer, record: RecordView): void => {
    reader.reset(buffer, record.dataStart, record.dataEnd);
    if (record.type === recordType.entry) {
      const { index, term } = decodeEntry(reader);
      terms.add(index, term);
    } else if (record.type === recordType.snapshot) {
      const { index, term } = decodeSnapshot(reader);
      const isOurs = snapshots.some((one) => one.index === index && one.term === term);
      if (isOurs && terms.at(index) !== term) missing.add(index);
    }
  };
  const paths = segments.map(({ name }) => `${dir}/${name}`);
  await readSegments(fs, paths, visit);
  return snapshots.filter(({ index }) => missing.has(index));
}

/** Runs of entries of one term. An entry ends the log that was there from its index on. */
class LogTerms {
  private readonly runs: { readonly start: number; readonly term: number }[] = [];
  private last = -1;

  add(index: number, term: number): void {
    const { runs } = this;
    // A gap: the log goes on behind a snapshot.
    if (index > this.last + 1) runs.length = 0;
    while ((runs.at(-1)?.start ?? -1) >= index) runs.pop();
    if (runs.at(-1)?.term !== term) runs.push({ start: index, term });
    this.last = index;
  }

  at(index: number): number | undefined {
    if (index > this.last) return undefined;
    return this.runs.findLast(({ start }) => start <= index)?.term;
  }
}
