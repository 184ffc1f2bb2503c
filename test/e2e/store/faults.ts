/** What is done to the store and the API server under load, one after the other. Each ends when all is well again. */
import assert from "node:assert/strict";
import { Admin } from "../../cluster/admin.ts";
import type { ClusterMember } from "../../cluster/cluster-member.ts";
import { defaultKind } from "../../cluster/process-cluster.ts";
import { until } from "../../cluster/until.ts";
import { namespaces } from "./kinds.ts";
import type { StoreCluster } from "./store-cluster.ts";
import type { Writer } from "./writer.ts";

export interface Fault {
  readonly title: string;
  readonly run: (store: StoreCluster) => Promise<void>;
}

/** A machine with many other things to do. */
const patienceMs = 90_000;
/** Each writer acknowledges so many before, amid and behind each fault. */
const writesBetween = 20;

async function followerOf({ cluster }: StoreCluster): Promise<ClusterMember> {
  const { leader } = await cluster.untilLeader();
  const [follower] = cluster.others(leader);
  assert(follower !== undefined);
  return follower;
}

/** Kills it; the writers go on without it before it comes back. */
async function killAndRestart(store: StoreCluster, member: ClusterMember): Promise<void> {
  const before = await store.cluster.untilLeader();
  await member.stop("SIGKILL");
  const among = store.cluster.others(member);
  const after = before.leader === member ? before : undefined;
  await store.cluster.untilLeader({ among, ...(after && { after }), timeoutMs: patienceMs });
  await served(store);
  member.start();
  await member.ready(patienceMs);
}

/** A write and a consistent read through the API server, which both need the store. */
async function served({ client }: StoreCluster): Promise<void> {
  const change = { metadata: { labels: { seen: String(Date.now()) } } };
  const place = { name: "default" };
  const write = () => client.patch(namespaces, place, change, { type: "merge" });
  await until("the API server to write", write, patienceMs);
}

async function moveLeader({ cluster }: StoreCluster): Promise<void> {
  const before = await cluster.untilLeader();
  const [target] = cluster.others(before.leader);
  assert(target !== undefined);
  await new Admin(before.leader.address).moveLeader(target.id);
  const { leader } = await cluster.untilLeader({ after: before, timeoutMs: patienceMs });
  assert.equal(leader.name, target.name);
}

/** Another name, another directory, other addresses; the API server knows nothing of it until it is started anew. */
async function replaceMember(store: StoreCluster): Promise<void> {
  const { cluster } = store;
  const gone = await followerOf(store);
  const { leader } = await cluster.untilLeader();
  await cluster.removeMember(gone, leader);
  const added = await cluster.addMember(
    { kind: defaultKind() },
    { through: leader, isLearner: true },
  );
  await cluster.promoteMember(added, leader);
  await cluster.untilLeader({ among: cluster.members, timeoutMs: patienceMs });
}

export const faults: readonly Fault[] = [
  {
    title: "a follower is killed and started again",
    run: async (store: StoreCluster): Promise<void> =>
      killAndRestart(store, await followerOf(store)),
  },
  { title: "the leader is moved", run: moveLeader },
  {
    title: "the leader is killed and started again",
    run: async (store: StoreCluster): Promise<void> => {
      const { leader } = await store.cluster.untilLeader();
      await killAndRestart(store, leader);
    },
  },
  { title: "a member is replaced", run: replaceMember },
  {
    title: "the API server is killed and started again",
    run: async ({ server, urls }: StoreCluster): Promise<void> => {
      await server.kill();
      await server.startAgain(urls);
    },
  },
];

/** The fault between writes that are acknowledged; gives what it took. */
export async function runFault(
  store: StoreCluster,
  fault: Fault,
  writers: readonly Writer[],
): Promise<string> {
  await progress(writers);
  const startMs = performance.now();
  await fault.run(store);
  const tookMs = performance.now() - startMs;
  await progress(writers);
  return `${fault.title}: ${(tookMs / 1000).toFixed(1)} s`;
}

async function progress(writers: readonly Writer[]): Promise<void> {
  const goals = writers.map((writer) => writer.acknowledged + writesBetween);
  const isReached = (): true | undefined => {
    const isDone = writers.every(
      (writer, at) => writer.hasFailed || writer.acknowledged >= (goals[at] ?? 0),
    );
    return isDone ? true : undefined;
  };
  await until("writes to be acknowledged", isReached, patienceMs);
  // A failed one rejects with its reason.
  for (const writer of writers.filter(({ hasFailed }) => hasFailed)) await writer.stop();
}
