/** Names of log segments, `<sequence>-<first index>.wal` in 16 hex digits each (wal/util.go), and choosing among them. */
import { CorruptionError } from "../lib/corruption-error.ts";
import type { Fs } from "../lib/ports.ts";
import type { LogIndex } from "../lib/units.ts";

export interface Segment {
  readonly name: string;
  /** Counts the files of the log from 0 without a gap. */
  readonly sequence: number;
  /** One more than the last index of the files before. */
  readonly firstIndex: LogIndex;
}

const pattern = /^([0-9a-f]{16})-([0-9a-f]{16})\.wal$/;

const hex16 = (value: number): string => value.toString(16).padStart(16, "0");

export function segmentOf(sequence: number, firstIndex: number): Segment {
  const name = `${hex16(sequence)}-${hex16(firstIndex)}.wal`;
  return { name, sequence, firstIndex: firstIndex as LogIndex };
}

/** All segments of a directory in order of sequence; none when it does not exist. Other names are passed over. */
export async function listSegments(fs: Fs, dir: string): Promise<Segment[]> {
  if (!(await fs.exists(dir))) return [];
  const segments: Segment[] = [];
  for (const name of await fs.readDir(dir)) {
    const match = pattern.exec(name);
    if (match === null) continue;
    const sequence = Number.parseInt(match[1] as string, 16);
    const firstIndex = Number.parseInt(match[2] as string, 16);
    if (!Number.isSafeInteger(sequence) || !Number.isSafeInteger(firstIndex)) {
      throw new CorruptionError(`wal: ${dir}/${name}: sequence or index in the name is above 2^53`);
    }
    segments.push({ name, sequence, firstIndex: firstIndex as LogIndex });
  }
  return segments;
}

/** Position of the file to start reading from for a snapshot at `index`; files from there on must follow each other. */
export function selectSegment(dir: string, segments: readonly Segment[], index: LogIndex): number {
  const at = segments.findLastIndex((segment) => segment.firstIndex <= index);
  if (at < 0) {
    const found =
      segments.length === 0 ? "has no log files" : `begins at index ${segments[0]?.firstIndex}`;
    throw new CorruptionError(`wal: ${dir} ${found}, but index ${index} is needed`);
  }
  checkSequence(dir, segments.slice(at));
  return at;
}

export function checkSequence(dir: string, segments: readonly Segment[]): void {
  segments.forEach((segment, at) => {
    const before = segments[at - 1];
    if (before !== undefined && segment.sequence !== before.sequence + 1) {
      throw new CorruptionError(
        `wal: ${dir}: a file is missing between ${before.name} and ${segment.name}`,
      );
    }
  });
}
