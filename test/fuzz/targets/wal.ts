/**
 * Reading and opening the log over files of any content. What is not as written is a CorruptionError and nothing else; a log
 * that was opened takes writes, and gives back at the next opening what it gave at the first, and the new entry.
 */
import { CorruptionError } from "../../../node/lib/corruption-error.ts";
import { crc32c } from "../../../node/lib/crc32c.ts";
import type { LogIndex, Term } from "../../../node/lib/units.ts";
import type { Entry } from "../../../node/raft/types.ts";
import type { RecordView } from "../../../node/wal/record.ts";
import { Replay } from "../../../node/wal/replay.ts";
import { listSegments, selectSegment } from "../../../node/wal/segment-name.ts";
import { readSegments } from "../../../node/wal/segment-reader.ts";
import { Wal, type WalContent, type WalSnapshot } from "../../../node/wal/wal.ts";
import { MemoryFs } from "../../support/memory-fs.ts";
import { dir, entry, hardState, optionsFor, plain, save } from "../../unit/wal/wal-lab.ts";
import { pack, unpack } from "../pack.ts";
import type { FuzzRandom } from "../random.ts";
import { invariant, type Target } from "../target.ts";
import { type LogFile, logFiles, segmentBytes } from "../wal-input.ts";

const record = 1;
const wholeLog = 2;
const opened = 4;
const refused = 8;
const mended = 16;

/** Bits of the first piece: the log is opened; behind the files stand those that the damage was done to. */
const option = { open: 1, damaged: 2 } as const;

const originPlace: WalSnapshot = { index: 0 as LogIndex, term: 0 as Term };

export const walTarget: Target = {
  name: "wal",
  stages: ["a record", "whole log", "opened", "refused", "mended"],
  leastShares: { "a record": 0.7, "whole log": 0.25, opened: 0.05, mended: 0.001, refused: 0.2 },

  generate(random: FuzzRandom): Uint8Array {
    const faults = {
      messages: random.pick([Infinity, Infinity, 12, 4]),
      records: random.pick([Infinity, Infinity, 20]),
    };
    const { whole, damaged } = logFiles(random, faults);
    // Damage to a faulty record may by chance undo the fault: such a log says nothing of what it was.
    const isDamaged = whole !== damaged && faults.records === Infinity;
    // Opening costs a hundred times of reading.
    const options = (random.oneIn(5) ? option.open : 0) | (isDamaged ? option.damaged : 0);
    const files = isDamaged ? [...damaged, ...whole] : damaged;
    const pieces = files.flatMap(({ name, bytes }) => [Buffer.from(name, "latin1"), bytes]);
    return pack([Buffer.of(options, damaged.length), ...pieces]);
  },

  async run(input: Uint8Array): Promise<number> {
    const [head, ...pieces] = unpack(input);
    const options = head?.[0] ?? 0;
    const files = filesOf(pieces);
    const count = (options & option.damaged) === 0 ? files.length : (head?.[1] ?? 0);
    const found = files.slice(0, count);
    let reached = await read(found);
    const isWhole = (reached & wholeLog) !== 0;
    if (isWhole && count < files.length) await checkPrefix(found, files.slice(count));
    if ((options & option.open) !== 0) reached |= await open(found, isWhole);
    return reached;
  },
};

function filesOf(pieces: readonly Uint8Array[]): LogFile[] {
  const files: LogFile[] = [];
  for (let at = 0; at + 1 < pieces.length; at += 2) {
    const name = Buffer.from(pieces[at] as Uint8Array)
      .toString("latin1")
      .replaceAll(/[^-.0-9a-z]/g, "_");
    if (/[^.]/.test(name)) files.push({ name, bytes: Buffer.from(pieces[at + 1] as Uint8Array) });
  }
  return files;
}

function diskOf(files: readonly LogFile[]): MemoryFs {
  const disk = new MemoryFs();
  for (const { name, bytes } of files) disk.place(`${dir}/${name}`, bytes);
  return disk;
}

async function read(files: readonly LogFile[]): Promise<number> {
  const replay = new Replay(originPlace);
  let reached = 0;
  const isWhole = await visitAll(files, replay, (buffer, view) => {
    reached |= record;
    invariant(
      view.dataStart <= view.dataEnd && view.dataEnd <= buffer.length,
      "a record lies outside of its file",
    );
  });
  if (isWhole) checkEntries(replay.entries);
  return reached | (isWhole ? wholeLog : refused);
}

/** Replays the log; false when it is refused. `seen` is called behind each record. */
async function visitAll(
  files: readonly LogFile[],
  replay: Replay,
  seen: (buffer: Buffer, view: RecordView) => void,
): Promise<boolean> {
  const disk = diskOf(files);
  try {
    const segments = await listSegments(disk, dir);
    const first = selectSegment(dir, segments, originPlace.index);
    const paths = segments.slice(first).map(({ name }) => `${dir}/${name}`);
    await readSegments(disk, paths, (buffer, view) => {
      replay.visit(buffer, view);
      seen(buffer, view);
    });
    replay.finish(dir);
    return true;
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error;
    return false;
  }
}

/** What a damaged log gives is what the whole one had said at some time: nothing that was never written, nothing left out. */
async function checkPrefix(damaged: readonly LogFile[], whole: readonly LogFile[]): Promise<void> {
  const replay = new Replay(originPlace);
  await visitAll(damaged, replay, () => {});
  const wanted = stateOf(replay);
  const original = new Replay(originPlace);
  let isFound = false;
  await visitAll(whole, original, () => {
    isFound ||= stateOf(original) === wanted;
  });
  invariant(isFound, "a damaged log was read as one that never was");
}

const sums = new WeakMap<Entry, number>();

function sumOf(entry: Entry): number {
  const known = sums.get(entry);
  if (known !== undefined) return known;
  const sum = crc32c(entry.data);
  sums.set(entry, sum);
  return sum;
}

function stateOf({ entries, hardState: { term, vote, commit } }: Replay): string {
  const texts = entries.map((one) => `${one.index}:${one.term}:${one.type}:${sumOf(one)}`);
  return `${term}/${vote}/${commit} ${texts.join(" ")}`;
}

function checkEntries(entries: readonly Entry[]): void {
  entries.forEach(({ index, term }, at) => {
    invariant(index === at + 1, `entry ${index} stands at place ${at + 1}`);
    invariant(at === 0 || term >= (entries[at - 1] as Entry).term, "a term goes back");
  });
}

async function open(files: readonly LogFile[], isWhole: boolean): Promise<number> {
  const disk = diskOf(files);
  // Whoever opens a log has asked whether there is one.
  if (!files.some(({ name }) => name.endsWith(".wal"))) return 0;
  const before = disk.files();
  const options = optionsFor(disk, { segmentBytes });
  let first: { wal: Wal; content: WalContent };
  try {
    first = await Wal.open(dir, originPlace, options);
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error;
    invariant(!isWhole || isCutShort(files), `a log that can be read is refused: ${error.message}`);
    checkUntouched(before, disk);
    return refused;
  }
  invariant(isWhole, "a log that cannot be read is opened");
  const { entries, hardState: state } = first.content;
  const index = entries.length + 1;
  const term = Math.max(1, state.term, entries.at(-1)?.term ?? 0);
  const added = entry(index, term, "one more");
  await save(first.wal, hardState(term, state.vote, state.commit), [added]);
  await first.wal.close();
  const second = await Wal.open(dir, originPlace, options);
  await second.wal.close();
  const wanted = JSON.stringify(plain([...entries, added]));
  invariant(
    JSON.stringify(plain(second.content.entries)) === wanted,
    "the log gives back something else",
  );
  return [...disk.files().keys()].some((path) => path.includes(".broken"))
    ? opened | mended
    : opened;
}

/** The last file is smaller than files are made. */
function isCutShort(files: readonly LogFile[]): boolean {
  const names = files.map(({ name }) => name).sort();
  const last = files.findLast(
    ({ name }) => name === names.filter((one) => one.endsWith(".wal")).at(-1),
  );
  return last !== undefined && last.bytes.length < segmentBytes;
}

/** A refused log is left as it was found: it is the evidence. */
function checkUntouched(before: ReadonlyMap<string, Uint8Array>, disk: MemoryFs): void {
  const after = disk.files();
  invariant(after.size === before.size, "a refused log has other files than before");
  for (const [path, bytes] of before)
    invariant(
      Buffer.compare(bytes, after.get(path) ?? new Uint8Array(0)) === 0,
      `${path} was changed`,
    );
}
