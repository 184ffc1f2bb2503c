/**
 * Brings a member to life: a new data directory for a new cluster, or what an earlier run left on disk. Ends with everything that
 * the ready loop needs, the log read whole and the backend verified.
 */
import type { Backend } from "../backend/backend.ts";
import { fromText, toText } from "../lib/bytes.ts";
import { CorruptionError } from "../lib/corruption-error.ts";
import { diskError, isSystemError } from "../lib/disk-error.ts";
import { makeDirDurable, parentDir } from "../lib/durable-dir.ts";
import type { Fs } from "../lib/ports.ts";
import {
  type ClusterId,
  idToHex,
  type LogIndex,
  logIndex,
  type MemberId,
  type Term,
  term,
} from "../lib/units.ts";
import { Cluster } from "../membership/cluster.ts";
import {
  bootstrapClusterId,
  bootstrapMemberId,
  type Member,
  memberToJson,
} from "../membership/member.ts";
import { confChangeType, encodeConfChange } from "../proto/membership-codec.ts";
import { MemoryStorage } from "../raft/memory-storage.ts";
import { type Entry, entryType, type HardState } from "../raft/types.ts";
import type { SnapDir } from "../snap/snap-dir.ts";
import {
  Wal,
  type WalContent,
  type WalMetadata,
  type WalOptions,
  type WalSnapshot,
} from "../wal/wal.ts";

/** Where the parts of a member's data lie. */
export interface DataPaths {
  readonly wal: string;
  readonly snap: string;
  readonly backend: string;
}

export interface NewMember {
  readonly peerUrls: readonly string[];
  readonly clusterToken: string;
}

export interface BootstrapOptions {
  readonly fs: Fs;
  readonly paths: DataPaths;
  readonly walOptions: WalOptions;
  readonly backend: Backend;
  readonly snaps: SnapDir;
  /** Who this member is if the data directory is new. */
  readonly newMember: NewMember;
}

export interface Bootstrapped {
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
  readonly wal: Wal;
  readonly cluster: Cluster;
  readonly storage: MemoryStorage;
  readonly snaps: SnapDir;
  /** Index of the mark that the log was read from. */
  readonly snapshotIndex: LogIndex;
}

export async function bootstrap(options: BootstrapOptions): Promise<Bootstrapped> {
  const { fs, paths, backend } = options;
  if (!(await Wal.exists(fs, paths.wal))) {
    if (backend.committed.consistentIndex > 0) {
      throw new CorruptionError(
        `${paths.backend} holds data, but there is no log in ${paths.wal}; put the log back, or move the data directory away and restore the member`,
      );
    }
    await createLog(options);
  }
  const { wal, snapshot, content } = await openNewest(options);
  try {
    const isEmpty = snapshot.index === 0 && content.entries.length === 0;
    // Also after a crash between the making of the log and its first entry.
    const known =
      isEmpty && backend.committed.consistentIndex === 0
        ? await foundCluster(options, wal, content)
        : content;
    const hardState = checkedHardState(options, snapshot, known);
    const cluster = new Cluster(backend);
    const { confState } = cluster;
    const storage = new MemoryStorage({ ...snapshot, confState }, hardState, known.entries);
    const { nodeId: memberId, clusterId } = known.metadata;
    const { snaps } = options;
    return { memberId, clusterId, wal, cluster, storage, snaps, snapshotIndex: snapshot.index };
  } catch (error) {
    await wal.close();
    throw error;
  }
}

/** Locks the log, then reads it from the newest mark that the backend has reached. */
async function openNewest(
  options: BootstrapOptions,
): Promise<{ readonly wal: Wal; readonly snapshot: WalSnapshot; readonly content: WalContent }> {
  const { fs, paths, walOptions } = options;
  const locks = await Wal.lock(fs, paths.wal);
  let snapshot: WalSnapshot;
  try {
    const { metadata, snapshots } = await Wal.survey(paths.wal, walOptions);
    checkOwner(options, metadata);
    snapshot = await newestSnapshot(options, snapshots);
  } catch (error) {
    await locks.releaseAll();
    throw error;
  }
  return { ...(await Wal.open(paths.wal, snapshot, walOptions, locks)), snapshot };
}

/** An empty log of a new member, in a directory that outlives a power cut. */
async function createLog({ fs, paths, walOptions, newMember }: BootstrapOptions): Promise<void> {
  const nodeId = bootstrapMemberId(newMember.peerUrls, newMember.clusterToken);
  try {
    await makeDirDurable(fs, parentDir(paths.wal));
  } catch (error) {
    throw isSystemError(error) ? diskError(`cannot create the log ${paths.wal}`, error) : error;
  }
  const wal = await Wal.create(
    paths.wal,
    { nodeId, clusterId: bootstrapClusterId([nodeId]) },
    walOptions,
  );
  await wal.close();
}

/** The first entries of a new cluster: its members enter it by conf-change entries of term 1, already committed. */
async function foundCluster(
  { paths, newMember }: BootstrapOptions,
  wal: Wal,
  content: WalContent,
): Promise<WalContent> {
  const id = bootstrapMemberId(newMember.peerUrls, newMember.clusterToken);
  if (id !== content.metadata.nodeId) {
    throw new Error(
      `the empty log in ${paths.wal} was begun for member ${idToHex(content.metadata.nodeId)}, but --initial-advertise-peer-urls and ` +
        `--initial-cluster-token make this member ${idToHex(id)}; use the flags of the first start, or remove the directory, which holds nothing yet`,
    );
  }
  // The name is published later, through the log, when the member is ready to serve.
  const member: Member = {
    id,
    peerUrls: newMember.peerUrls,
    isLearner: false,
    name: "",
    clientUrls: [],
  };
  const change = {
    id: 0n,
    type: confChangeType.addNode,
    nodeId: id,
    context: fromText(memberToJson(member)),
  };
  const entries: Entry[] = [
    {
      term: term(1),
      index: logIndex(1),
      type: entryType.confChange,
      data: encodeConfChange(change),
    },
  ];
  const hardState: HardState = { term: term(1), vote: 0n as MemberId, commit: logIndex(1) };
  await new Promise<void>((resolve, reject) => {
    wal.save(hardState, entries, (error) => (error === null ? resolve() : reject(error)));
  });
  return { metadata: content.metadata, hardState, entries };
}

/** A backend that knows other members only belongs to another log: the two directories were mixed up. */
function checkOwner({ paths, backend }: BootstrapOptions, metadata: WalMetadata): void {
  const known = [...backend.entries("members"), ...backend.entries("members_removed")].map(
    ({ key }) => toText(key),
  );
  const id = idToHex(metadata.nodeId);
  if (known.length === 0 || known.includes(id)) return;
  throw new Error(
    `${paths.wal} is the log of member ${id} of cluster ${idToHex(metadata.clusterId)}, but ${paths.backend} belongs to another ` +
      `cluster, with the members ${known.join(", ")}; --data-dir and --wal-dir do not go together: nothing was changed`,
  );
}

/**
 * The newest mark in the log that the backend has reached; a newer one means that the backend lost what it had committed. Its `.snap`
 * file is only checked: the backend holds all that is in it.
 */
async function newestSnapshot(
  options: BootstrapOptions,
  snapshots: readonly WalSnapshot[],
): Promise<WalSnapshot> {
  const { paths, walOptions, backend, snaps } = options;
  const start: WalSnapshot = { index: 0 as LogIndex, term: 0 as Term };
  const reached = snapshots.filter(({ index }) => index <= backend.committed.consistentIndex);
  if (reached.length < snapshots.length && reached.length === 0) {
    throw new CorruptionError(
      `${paths.backend} ends at log index ${backend.committed.consistentIndex}, before the log's first mark in ${paths.wal}; ` +
        "the backend lost data: restore the member from a snapshot, or remove it and add it anew",
    );
  }
  const newest = reached.at(-1) ?? start;
  const file = await snaps.loadNewest(reached);
  if (newest.index > (file?.index ?? 0)) {
    walOptions.logger.warn("no whole snap file for the newest snapshot of the log", {
      "snapshot-index": newest.index,
      "found-index": file?.index ?? 0,
      dir: snaps.path,
    });
  }
  return newest;
}

function checkedHardState(
  options: BootstrapOptions,
  snapshot: WalSnapshot,
  content: WalContent,
): HardState {
  const { paths, backend } = options;
  const { consistentIndex } = backend.committed;
  const lastIndex = content.entries.at(-1)?.index ?? snapshot.index;
  if (lastIndex < consistentIndex) {
    throw new CorruptionError(
      `the log in ${paths.wal} ends at index ${lastIndex}, but ${paths.backend} has applied up to ${consistentIndex}; ` +
        "the log lost acknowledged writes: restore the member from a snapshot, or remove it and add it anew",
    );
  }
  // What is applied was committed; the commit index in the log may lag behind, as it is written without a sync.
  const commit = logIndex(Math.max(content.hardState.commit, consistentIndex));
  return { ...content.hardState, commit };
}
