/**
 * How a member comes into a cluster that runs: it was added by MemberAdd, and learns from any other member who it is. Its log is empty;
 * everything comes from the leader (etcdserver/bootstrap.go, bootstrapExistingClusterNoWAL; membership, ValidateClusterAndAssignIDs).
 */
import { idToHex } from "../lib/units.ts";
import type { Member } from "../membership/member.ts";
import { differenceOf, type ResolveHost } from "../membership/peer-urls.ts";
import { initialClusterUrls, type NewMember } from "./founding.ts";
import type { PeerNetwork, RemoteCluster } from "./peer-transport.ts";

export interface Joined {
  readonly own: Member;
  readonly cluster: RemoteCluster;
}

export interface JoinOptions {
  readonly newMember: NewMember;
  /** Undefined for a member that can reach no other. */
  readonly network?: Pick<PeerNetwork, "fetchCluster"> | undefined;
  /** Without it, names are compared as texts. */
  readonly resolveHost?: ResolveHost | undefined;
  readonly maxLearners: number;
}

/**
 * Throws an Error in etcd's words when nobody answers, or when --initial-cluster is not what the cluster is. Unlike etcd it does not ask for the
 * members' versions. And where the first answer does not fit, it asks every member: one that lags does not know
 * yet of a newcomer, whose vote may be needed for it to catch up.
 */
export async function joinCluster(options: JoinOptions): Promise<Joined> {
  const { maxLearners } = options;
  const first = await fetchOthers(options);
  if (first === undefined) {
    throw new Error(
      "cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs",
    );
  }
  const answer = await join(options, first);
  const joined = answer instanceof Error ? await joinFromAny(options, answer) : answer;
  const learners = joined.cluster.members.filter(({ isLearner }) => isLearner);
  if (learners.length > maxLearners) throw tooManyLearners();
  return joined;
}

/** Asks the others one by one; when no answer fits, the first one's error counts. */
async function joinFromAny(options: JoinOptions, error: Error): Promise<Joined> {
  const { newMember, network } = options;
  for (const [name, urls] of newMember.initialCluster) {
    if (name === newMember.name) continue;
    const cluster = await network?.fetchCluster(urls);
    if (cluster === undefined || cluster.members.length === 0) continue;
    const joined = await join(options, cluster);
    if (!(joined instanceof Error)) return joined;
  }
  throw error;
}

/** The running cluster, asked from all other members of --initial-cluster; undefined when none answers. */
export async function fetchOthers({
  newMember,
  network,
}: Pick<JoinOptions, "newMember" | "network">): Promise<RemoteCluster | undefined> {
  const others = [...newMember.initialCluster].filter(([name]) => name !== newMember.name);
  const cluster = await network?.fetchCluster(others.flatMap(([, urls]) => urls).sort());
  return cluster === undefined || cluster.members.length === 0 ? undefined : cluster;
}

export const tooManyLearners = (): Error =>
  new Error("membership: too many learner members in cluster");

/** Each member there has one here with the same URLs, and the other way round; otherwise the error that says what does not fit. */
async function join(
  { newMember, resolveHost = asText }: JoinOptions,
  cluster: RemoteCluster,
): Promise<Joined | Error> {
  const urlsByName = initialClusterUrls(newMember);
  const refuse = (why: string): Error =>
    new Error(`error validating peerURLs ${clusterText(cluster)}: ${why}`);
  if (cluster.members.length !== urlsByName.size) return refuse("member count is unequal");
  let own: Member | undefined;
  for (const member of cluster.members) {
    const name = await nameOf(urlsByName, member, resolveHost);
    if (name === undefined) {
      const { id, peerUrls } = member;
      return refuse(
        `PeerURLs: no match found for existing member (${idToHex(id)}, [${peerUrls.join(" ")}])`,
      );
    }
    if (name === newMember.name) own = member;
  }
  if (own === undefined) {
    return refuse(`no existing member has the peer URLs of "${newMember.name}"`);
  }
  return { own, cluster };
}

/** The name that --initial-cluster has for the member, found by its URLs. */
async function nameOf(
  urlsByName: NewMember["initialCluster"],
  { peerUrls }: Member,
  resolveHost: ResolveHost,
): Promise<string | undefined> {
  for (const [name, urls] of urlsByName) {
    if ((await differenceOf(urls, peerUrls, resolveHost)) === undefined) return name;
  }
  return undefined;
}

const asText: ResolveHost = (host) => Promise.resolve(host);

/** As etcd prints a cluster. */
function clusterText({ clusterId, members }: RemoteCluster): string {
  const texts = members.map(
    ({ id, peerUrls, isLearner, name, clientUrls }) =>
      `&{ID:${idToHex(id)} RaftAttributes:{PeerURLs:[${peerUrls.join(" ")}] IsLearner:${isLearner}} ` +
      `Attributes:{Name:${name} ClientURLs:[${clientUrls.join(" ")}]}}`,
  );
  return `{ClusterID:${idToHex(clusterId)} Members:[${texts.join(" ")}] RemovedMemberIDs:[]}`;
}
