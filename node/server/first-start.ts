/**
 * A member's first start: who it is before there is a log that says so, the empty log that says it from then on, and the first entries of a new
 * cluster.
 */
import { diskError, isSystemError } from "../lib/disk-error.ts";
import { makeDirDurable, parentDir } from "../lib/durable-dir.ts";
import { idToHex } from "../lib/units.ts";
import type { Member } from "../membership/member.ts";
import type { ConfState, Entry, HardState } from "../raft/types.ts";
import { Wal, type WalContent, type WalMetadata } from "../wal/wal.ts";
import type { BootstrapOptions, KnownPeer } from "./bootstrap.ts";
import { foundersOf, foundingConfState, foundingLog } from "./founding.ts";
import { fetchOthers, joinCluster } from "./joining.ts";

/** etcd's default of --max-learners. */
export const maxLearnersDefault = 1;

/** Who this member is, where there is no log that says so. */
export interface Beginning extends WalMetadata {
  readonly peers: readonly KnownPeer[];
}

/** What the member starts from: its log, its configuration if the backend does not have it yet, and whom it knows from elsewhere. */
export interface KnownLog {
  readonly hardState: HardState;
  readonly entries: Entry[];
  readonly confState?: ConfState;
  readonly peers?: readonly KnownPeer[];
}

/** Who a member without a log is: a founder, or one that the running cluster knows. */
export async function beginMember(options: BootstrapOptions): Promise<Beginning> {
  const { newMember, network, resolveHost, maxLearners = maxLearnersDefault } = options;
  if (newMember.initialClusterState === "existing") {
    const { own, cluster } = await joinCluster({
      newMember,
      network,
      resolveHost,
      maxLearners,
    });
    refuseSecondLife(own);
    return { nodeId: own.id, clusterId: cluster.clusterId, peers: cluster.members };
  }
  const { own, clusterId, members } = foundersOf(newMember);
  if (members.length > 1) {
    const remote = await fetchOthers(options);
    const known = remote?.members.find(({ id }) => id === own.id);
    if (known !== undefined) refuseSecondLife(known);
  }
  return { nodeId: own.id, clusterId, peers: members };
}

/**
 * A member without a log that has published itself before: its data is lost, and with it what it voted for and acknowledged, on which others rely. Etcd
 * asks this of founders only, and a member that joins anew under its old id may cost acknowledged writes or end in a panic there (etcd issue 10254).
 */
function refuseSecondLife({ id, clientUrls }: Pick<Member, "id" | "clientUrls">): void {
  if (clientUrls.length === 0) return;
  throw new Error(
    `member ${idToHex(id)} has already been bootstrapped, but its data is not here; put it back, or remove the member from the cluster and add it anew`,
  );
}

/** An empty log of a new member, in a directory that outlives a power cut. */
export async function createLog(
  { fs, paths, walOptions }: BootstrapOptions,
  { nodeId, clusterId }: WalMetadata,
): Promise<void> {
  try {
    await makeDirDurable(fs, parentDir(paths.wal));
  } catch (error) {
    throw isSystemError(error) ? diskError(`cannot create the log ${paths.wal}`, error) : error;
  }
  const wal = await Wal.create(paths.wal, { nodeId, clusterId }, walOptions);
  await wal.close();
}

/** The first entries of a new cluster: its members enter it by conf-change entries of term 1, already committed. */
export async function foundCluster(
  { paths, newMember }: BootstrapOptions,
  wal: Wal,
  { metadata }: WalContent,
): Promise<KnownLog> {
  const founders = foundersOf(newMember);
  const { own, clusterId, members } = founders;
  if (own.id !== metadata.nodeId || clusterId !== metadata.clusterId) {
    throw new Error(
      `the empty log in ${paths.wal} was begun for member ${idToHex(metadata.nodeId)} of cluster ${idToHex(metadata.clusterId)}, but ` +
        `--initial-cluster and --initial-cluster-token make this member ${idToHex(own.id)} of cluster ${idToHex(clusterId)}; ` +
        "use the flags of the first start, or remove the directory, which holds nothing yet",
    );
  }
  const { hardState, entries } = foundingLog(founders);
  await save(wal, hardState, entries);
  return { hardState, entries, confState: foundingConfState(founders), peers: members };
}

export function save(wal: Wal, hardState: HardState, entries: readonly Entry[]): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    wal.save(hardState, entries, (error) => (error === null ? resolve() : reject(error)));
  });
}
