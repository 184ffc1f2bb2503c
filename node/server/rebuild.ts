/**
 * Starts a member whose backend turns out to be damaged: sets the damaged directory aside, then takes the state that another member had sent and
 * that was about to be installed, if there is one, or applies the log again, from its first entry, into an empty backend. The latter is possible
 * only while the log still reaches back to the cluster's first entry.
 *
 * A rebuild must never hide loss. What the damaged files still say for sure is held against the log first: it has to be this
 * member's, and to hold everything that the backend had applied. The start that follows is the normal one: entries above the log's
 * commit index are kept and committed again by the rules of raft.
 */
import type { BackendHome, MemberBackend } from "../backend/backend-snapshot.ts";
import { BackendDamage } from "../backend/damage.ts";
import { type Salvage, salvage } from "../backend/salvage.ts";
import { toText } from "../lib/bytes.ts";
import { CorruptionError } from "../lib/corruption-error.ts";
import { makeDirDurable, parentDir } from "../lib/durable-dir.ts";
import type { Fs, Logger, Timers } from "../lib/ports.ts";
import { idToHex, type LogIndex, type MemberId, type Term } from "../lib/units.ts";
import { Replay } from "../wal/replay.ts";
import { checkSequence, listSegments, type Segment } from "../wal/segment-name.ts";
import { readSegments } from "../wal/segment-reader.ts";
import { Wal, type WalOptions, type WalSnapshot } from "../wal/wal.ts";
import { checkLogLeadsOn, newestReceived, recoverReceived } from "./received-state.ts";

const progressPeriodMs = 1000;

export interface RebuildOptions<Started> {
  readonly fs: Fs;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly paths: { readonly wal: string; readonly backend: string };
  readonly walOptions: WalOptions;
  readonly home: BackendHome;
  /** Starts the member on the backend. Damage that `scan` finds must come out of it before anything was written. */
  readonly start: (backend: MemberBackend) => Promise<Started>;
}

/**
 * Opens the backend, or the received one that takes its place, and starts the member on it, after a rebuild if need be. Errors: what opening and
 * `start` throw.
 */
export async function startOrRebuild<Started>(options: RebuildOptions<Started>): Promise<Started> {
  let backend: MemberBackend | undefined;
  try {
    backend = await options.home.open();
    backend = await recoverReceived({ ...options, backend });
    return await options.start(backend);
  } catch (error) {
    await backend?.close();
    if (!(error instanceof BackendDamage)) throw error;
    return rebuild(options, error);
  }
}

/** Where the lost state can come from. */
type Source =
  | { readonly kind: "log" | "received state"; readonly lastIndex: number; readonly commit: number }
  | { readonly kind: "none"; readonly why: string };

async function rebuild<Started>(
  options: RebuildOptions<Started>,
  damage: BackendDamage,
): Promise<Started> {
  const { fs, timers, logger, paths, home, start } = options;
  logger.error("the backend is damaged", { path: paths.backend, damage: damage.what });
  const source = await findSource(options);
  if (source.kind === "none") {
    throw new CorruptionError(
      `backend ${paths.backend}: ${damage.what}; it cannot be rebuilt from the log in ${paths.wal}, as ${source.why}; ` +
        "nothing was changed: restore the member from a backup, or remove it from the cluster and add it anew",
      { cause: damage },
    );
  }
  const aside = await setAside(fs, paths.backend);
  logger.warn(`rebuilding the backend from the ${source.kind}`, {
    damage: damage.what,
    "damaged-path": aside,
    path: paths.backend,
    "wal-dir": paths.wal,
    "commit-index": source.commit,
    "last-index": source.lastIndex,
  });
  const backend = await recoverReceived({ ...options, backend: await home.open() });
  const progress = timers.every(progressPeriodMs, () => {
    logger.info("rebuilding the backend", {
      "applied-index": backend.committed.consistentIndex,
      "last-index": source.lastIndex,
    });
  });
  try {
    const started = await start(backend);
    logger.info(`rebuilt the backend from the ${source.kind}`, {
      path: paths.backend,
      "last-index": source.lastIndex,
      "damaged-path": aside,
    });
    return started;
  } finally {
    progress.cancel();
  }
}

async function findSource(options: RebuildOptions<unknown>): Promise<Source> {
  const { fs, paths } = options;
  const none = (why: string): Source => ({ kind: "none", why });
  const received = await readFromReceived(options);
  const log = received ?? (await readWholeLog(options));
  if (typeof log === "string") return none(log);
  const { consistentIndex, memberKeys }: Salvage = await salvage(fs, paths.backend);
  if (log.lastIndex < consistentIndex) {
    return none(
      `the log ends at index ${log.lastIndex}, but the backend had applied up to ${consistentIndex}: the log lost acknowledged writes`,
    );
  }
  const id = idToHex(log.memberId);
  if (memberKeys.length > 0 && !memberKeys.some((key) => toText(key) === id)) {
    return none(`the log is that of member ${id}, which the backend does not know`);
  }
  return { kind: received === undefined ? "log" : "received state", ...log };
}

/** The log behind the state that was received and not installed; undefined when there is none, or the log is not whole behind it. */
async function readFromReceived(options: RebuildOptions<unknown>): Promise<WholeLog | undefined> {
  const { fs, paths } = options;
  try {
    const from = await newestReceived(options);
    if (from === undefined) return undefined;
    const segments = await listSegments(fs, paths.wal);
    checkSequence(paths.wal, segments);
    return await readLog(fs, paths.wal, from, segments);
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error;
    return undefined;
  }
}

interface WholeLog {
  readonly memberId: MemberId;
  readonly lastIndex: number;
  readonly commit: number;
}

/** The log, if it holds every entry from the first on; or why it does not do. */
async function readWholeLog({
  fs,
  paths,
  walOptions,
}: RebuildOptions<unknown>): Promise<WholeLog | string> {
  const dir = paths.wal;
  try {
    const segments = await listSegments(fs, dir);
    const [first] = segments;
    if (first === undefined) return "there is no log";
    if (first.firstIndex > 1 || first.sequence > 0) {
      return `the log begins at index ${first.firstIndex}: what was before has been released`;
    }
    checkSequence(dir, segments);
    const origin = { index: 0 as LogIndex, term: 0 as Term };
    const log = await readLog(fs, dir, origin, segments);
    if (log.lastIndex === 0) return "the log holds no entry";
    const { snapshots } = await Wal.survey(dir, walOptions);
    await checkLogLeadsOn({ fs, paths }, snapshots, 0);
    return log;
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error;
    return `the log is not whole: ${error.message}`;
  }
}

async function readLog(
  fs: Fs,
  dir: string,
  from: WalSnapshot,
  segments: readonly Segment[],
): Promise<WholeLog> {
  const replay = new Replay(from);
  const segmentPaths = segments.map(({ name }) => `${dir}/${name}`);
  await readSegments(fs, segmentPaths, replay.visit);
  const { nodeId: memberId } = replay.finish(dir);
  const { hardState, entries } = replay;
  return { memberId, lastIndex: from.index + entries.length, commit: hardState.commit };
}

/** Renames the directory to the first free name beside it, and makes an empty one in its place. Returns the new name. */
async function setAside(fs: Fs, dir: string): Promise<string> {
  let count = 1;
  while (await fs.exists(`${dir}.damaged-${count}`)) count++;
  const aside = `${dir}.damaged-${count}`;
  await fs.rename(dir, aside);
  await fs.syncDir(parentDir(dir));
  await makeDirDurable(fs, dir);
  return aside;
}
