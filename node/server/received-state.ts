/**
 * What a start does with states that other members sent (etcd storage/backend.go, RecoverSnapshotBackend). A crash may come between the log
 * record of a received snapshot and its installation: then the log goes on behind an index that the live backend has not reached, and the state
 * of that index lies beside it, durable since before the record.
 */
import type { BackendHome, MemberBackend } from "../backend/backend-snapshot.ts";
import { CorruptionError } from "../lib/corruption-error.ts";
import type { Fs, Logger } from "../lib/ports.ts";
import { Wal, type WalOptions, type WalSnapshot } from "../wal/wal.ts";
import { snapshotsNotInLog } from "./log-terms.ts";

export interface ReceivedOptions {
  readonly logger: Logger;
  readonly paths: { readonly wal: string; readonly backend: string };
  readonly walOptions: WalOptions;
  readonly home: BackendHome;
}

/**
 * The backend to start on: `backend`, or, where the log says so, the received one that takes its place. Received states that the log does not
 * stand for were never accepted, and are discarded. To be called before anything reads the backend. Errors: CorruptionError, DiskError.
 */
export async function recoverReceived(
  options: ReceivedOptions & { readonly backend: MemberBackend },
): Promise<MemberBackend> {
  const { logger, home, backend } = options;
  const { consistentIndex } = backend.committed;
  const needed = await newestReceived(options);
  let recovered = backend;
  if (needed !== undefined && needed.index > consistentIndex) {
    logger.warn("installing the state that was received before the member stopped", {
      "snapshot-index": needed.index,
      "applied-index": consistentIndex,
    });
    await backend.close();
    recovered = await home.install(needed.index);
  }
  await home.discardReceived();
  return recovered;
}

/** The newest committed snapshot of the log whose state lies beside the live backend. */
export async function newestReceived({
  paths,
  walOptions,
  home,
}: Omit<ReceivedOptions, "logger">): Promise<WalSnapshot | undefined> {
  if ((await home.received()).length === 0) return undefined;
  if (!(await Wal.exists(walOptions.fs, paths.wal))) return undefined;
  const { snapshots } = await Wal.survey(paths.wal, walOptions);
  return snapshots.findLast(({ index }) => home.hasReceived(index));
}

/**
 * Holds the log against a backend that is behind some of its snapshots. Those that the log leads to are marks of its own: their entries are applied
 * again. One that it does not lead to came from another member, and without its state the log cannot be gone on with: the entries that are there
 * below it, if any, may be others than those that were committed. Throws CorruptionError.
 */
export async function checkLogLeadsOn(
  { fs, paths }: { readonly fs: Fs; readonly paths: ReceivedOptions["paths"] },
  snapshots: readonly WalSnapshot[],
  consistentIndex: number,
): Promise<void> {
  const ahead = snapshots.filter(({ index }) => index > consistentIndex);
  if (ahead.length === 0) return;
  const [missing] = await snapshotsNotInLog(fs, paths.wal, ahead);
  if (missing === undefined) return;
  throw new CorruptionError(
    `the log in ${paths.wal} goes on from a state of index ${missing.index} that another member sent, but ${paths.backend} ends at index ` +
      `${consistentIndex}, and there is no ${paths.backend}.received-${missing.index}; put that directory back, or remove the member from the ` +
      "cluster, move its data directory away, and add it anew",
  );
}
