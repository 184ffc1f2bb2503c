/**
 * Brings a member to life: a new data directory for a new cluster, or what an earlier run left on disk. Ends with everything that
 * the ready loop needs, the log read whole and the backend verified.
 */
import type { Backend } from "../backend/backend.ts";
import { CorruptionError } from "../lib/corruption-error.ts";
import type { Fs } from "../lib/ports.ts";
import {
  type ClusterId,
  idToHex,
  type LogIndex,
  logIndex,
  type MemberId,
  type Term,
} from "../lib/units.ts";
import { Cluster } from "../membership/cluster.ts";
import type { Member } from "../membership/member.ts";
import type { ResolveHost } from "../membership/peer-urls.ts";
import { MemoryStorage } from "../raft/memory-storage.ts";
import type { HardState } from "../raft/types.ts";
import type { SnapDir } from "../snap/snap-dir.ts";
import { Wal, type WalContent, type WalOptions, type WalSnapshot } from "../wal/wal.ts";
import { checkExpectedCluster, refuseFounding } from "./expected-cluster.ts";
import {
  type Beginning,
  beginMember,
  createLog,
  foundCluster,
  type KnownLog,
  maxLearnersDefault,
  save,
} from "./first-start.ts";
import { forceNewCluster } from "./force-new-cluster.ts";
import type { NewMember } from "./founding.ts";
import { fetchOthers, tooManyLearners } from "./joining.ts";
import { checkOwner } from "./log-owner.ts";
import { MemberRemovedError } from "./member-removed.ts";
import type { PeerNetwork } from "./peer-transport.ts";
import { checkLogLeadsOn } from "./received-state.ts";

export type { NewMember };

/** Where the parts of a member's data lie. */
export interface DataPaths {
  readonly wal: string;
  readonly snap: string;
  readonly backend: string;
}

export interface BootstrapOptions {
  readonly fs: Fs;
  readonly paths: DataPaths;
  readonly walOptions: WalOptions;
  readonly backend: Backend;
  readonly snaps: SnapDir;
  /** Who this member is if the data directory is new. */
  readonly newMember: NewMember;
  /** The members at the cluster's birth, where `newMember` does not have them yet: finding them may need DNS, so only a first start asks. */
  readonly initialCluster?: (() => Promise<NewMember["initialCluster"]>) | undefined;
  /** Looks up the hosts of peer URLs, where the texts do not fit. */
  readonly resolveHost?: ResolveHost | undefined;
  /** Undefined for a member that can reach no other. */
  readonly network?: Pick<PeerNetwork, "fetchCluster"> | undefined;
  /** --max-learners; etcd's default when not given. */
  readonly maxLearners?: number;
  /** --force-new-cluster: this member, with what it has, becomes the only one. */
  readonly forceNewCluster?: boolean;
  /** --expected-cluster-id: expected-cluster.ts. */
  readonly expectedClusterId?: ClusterId | undefined;
}

/** Another member and where it is found. */
export type KnownPeer = Pick<Member, "id" | "peerUrls">;

export interface Bootstrapped {
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
  readonly wal: Wal;
  readonly cluster: Cluster;
  readonly storage: MemoryStorage;
  readonly snaps: SnapDir;
  /** Index of the mark that the log was read from. */
  readonly snapshotIndex: LogIndex;
  /** The other members that are known before an entry is applied. */
  readonly peers: readonly KnownPeer[];
}

export async function bootstrap(given: BootstrapOptions): Promise<Bootstrapped> {
  const { fs, paths, backend, maxLearners = maxLearnersDefault } = given;
  let options = given;
  let beginning: Beginning | undefined;
  if (!(await Wal.exists(fs, paths.wal))) {
    if (backend.committed.consistentIndex > 0) {
      throw new CorruptionError(
        `${paths.backend} holds data, but there is no log in ${paths.wal}; put the log back, or move the data directory away and restore the member`,
      );
    }
    if (given.newMember.initialClusterState === "new") {
      refuseFounding(given.expectedClusterId, paths.wal);
    }
    options = await withInitialCluster(given);
    beginning = await beginMember(options);
    checkExpectedCluster(given.expectedClusterId, beginning.clusterId, "the cluster to be joined");
    await createLog(options, beginning);
  }
  const { wal, snapshot, content } = await openNewest(options);
  try {
    checkOwner({ paths, backend, content, snapshot });
    const { nodeId: memberId, clusterId } = content.metadata;
    checkExpectedCluster(options.expectedClusterId, clusterId, `the log in ${paths.wal}`);
    const cluster = new Cluster(backend);
    if (cluster.isRemoved(memberId) && options.forceNewCluster === true) {
      throw new MemberRemovedError();
    }
    if (cluster.members.filter(({ isLearner }) => isLearner).length > maxLearners) {
      throw tooManyLearners();
    }
    const known = await knownLog(options, { wal, snapshot, content, cluster, beginning });
    const hardState = checkedHardState(options, snapshot, known);
    const { confState = cluster.confState, entries } = known;
    const storage = new MemoryStorage({ ...snapshot, confState }, hardState, entries);
    const { snaps } = options;
    const members = cluster.members.length > 0 ? cluster.members : (known.peers ?? []);
    const peers = members.filter(({ id }) => id !== memberId);
    const snapshotIndex = snapshot.index;
    return { memberId, clusterId, wal, cluster, storage, snaps, snapshotIndex, peers };
  } catch (error) {
    await wal.close();
    throw error;
  }
}

async function withInitialCluster(options: BootstrapOptions): Promise<BootstrapOptions> {
  const { newMember, initialCluster } = options;
  if (initialCluster === undefined) return options;
  return { ...options, newMember: { ...newMember, initialCluster: await initialCluster() } };
}

interface OpenedLog {
  readonly wal: Wal;
  readonly snapshot: WalSnapshot;
  readonly content: WalContent;
}

/** The log as it is, or as it has to begin. */
async function knownLog(
  options: BootstrapOptions,
  {
    wal,
    snapshot,
    content,
    cluster,
    beginning,
  }: OpenedLog & {
    readonly cluster: Cluster;
    readonly beginning: Beginning | undefined;
  },
): Promise<KnownLog> {
  const { backend, newMember } = options;
  const { consistentIndex } = backend.committed;
  // Also after a crash between the making of the log and its first entry. A member with a term has been in a cluster already.
  const isEmpty =
    snapshot.index === 0 && content.entries.length === 0 && content.hardState.term === 0;
  if (isEmpty && consistentIndex === 0) {
    const known = beginning === undefined ? await withInitialCluster(options) : options;
    if (newMember.initialClusterState === "new") {
      refuseFounding(options.expectedClusterId, options.paths.wal);
      return foundCluster(known, wal, content);
    }
    if (beginning !== undefined) return { ...content, peers: beginning.peers };
    // A member that joins was stopped before anything reached it: who it is stands in the log, where the others are does not.
    const remote = await fetchOthers(known);
    return { ...content, peers: remote?.members ?? [] };
  }
  if (options.forceNewCluster !== true) return content;
  const { hardState, kept, appended } = forceNewCluster({
    self: content.metadata.nodeId,
    peerUrls: newMember.peerUrls,
    hardState: content.hardState,
    entries: content.entries,
    confState: cluster.confState,
    consistentIndex,
  });
  options.walOptions.logger.info("forcing restart member", {
    "cluster-id": idToHex(content.metadata.clusterId),
    "local-member-id": idToHex(content.metadata.nodeId),
    "wal-commit-index": content.hardState.commit,
    "commit-index": hardState.commit,
    "number-of-discarded-entries": content.entries.length - kept.length,
  });
  await save(wal, hardState, appended);
  return { hardState, entries: [...kept, ...appended] };
}

/** Locks the log, then reads it from the newest mark that the backend has reached. */
async function openNewest(options: BootstrapOptions): Promise<OpenedLog> {
  const { fs, paths, walOptions } = options;
  const locks = await Wal.lock(fs, paths.wal);
  let snapshot: WalSnapshot;
  try {
    const { snapshots } = await Wal.survey(paths.wal, walOptions);
    snapshot = await newestSnapshot(options, snapshots);
  } catch (error) {
    await locks.releaseAll();
    throw error;
  }
  return { ...(await Wal.open(paths.wal, snapshot, walOptions, locks)), snapshot };
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
  await checkLogLeadsOn(options, snapshots, backend.committed.consistentIndex);
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
  content: Pick<WalContent, "entries" | "hardState">,
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
