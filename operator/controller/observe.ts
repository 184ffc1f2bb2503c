/**
 * Reads everything about one EtcdCluster, live: the API server answers from its store by quorum, so a decision never rests on a cache that lags behind what was just
 * written. Then asks etcd. What cannot matter is not read: nodes of members that are ready, certificates that nobody changes.
 */
import { etcdClusters, etcdMembers } from "../api/v1alpha1/names.ts";
import type { EtcdCluster, EtcdMember } from "../api/v1alpha1/types.ts";
import type {
  EtcdView,
  NodeView,
  Observed,
  ObservedMember,
  TlsProof,
} from "../cluster/observed.ts";
import { nodeOf, podStateOf } from "../cluster/pod-state.ts";
import type { ApiClient } from "../kernel/api-client.ts";
import { isApiError } from "../kernel/api-error.ts";
import type { CallOptions } from "../kernel/exchange.ts";
import type { KubernetesObject, ObjectRef } from "../kernel/resource.ts";
import {
  clientServiceNameOf,
  compactionCronJobNameOf,
  defragCronJobNameOf,
  disruptionBudgetNameOf,
  peersServiceNameOf,
  volumeClaimNameOf,
} from "../resources/names.ts";
import { clientPort, hasTls, hostOf, peerPort } from "../resources/urls.ts";
import { readTlsFacts } from "../tls/secret-facts.ts";
import type { EtcdPort } from "./etcd-port.ts";
import { podHostOf, targetOf } from "./etcd-target.ts";
import { cronJobs, disruptionBudgets, nodes, pods, services, volumeClaims } from "./kinds.ts";
import { maintenanceAccessOf } from "./maintenance-access.ts";
import { findMaintenanceLease, maintenanceHolderOf } from "./maintenance-lease.ts";
import { belongsTo, isControlledBy } from "./ownership.ts";
import { type IsOwn, Reader } from "./reader.ts";
import { secretsOf } from "./secrets-of.ts";
import { storageClassesOf } from "./storage-classes.ts";
import type { TlsPort } from "./tls-port.ts";

export interface Look {
  readonly client: ApiClient;
  readonly etcd: EtcdPort;
  readonly tls?: TlsPort | undefined;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

export interface Sight {
  readonly observed: Observed;
  /** The cluster's maintenance Lease as it was read. */
  readonly lease: KubernetesObject | undefined;
}

/** For one request; a read is tried twice. */
const callTimeoutMs = 5_000;

/** Undefined when there is no such EtcdCluster. Throws ApiError when something could not be read: nothing is decided on half a view. */
export async function observe(
  look: Look,
  ref: ObjectRef,
  signal: AbortSignal,
): Promise<Sight | undefined> {
  const call = { signal, timeoutMs: callTimeoutMs, readTries: 2 };
  // Before all others, and then the members: what hangs on them is at least as new.
  const cluster = (await look.client.find(etcdClusters, ref, call)) as EtcdCluster | undefined;
  if (cluster === undefined) return undefined;
  const reader = new Reader(look.client, cluster, call);
  const members = await reader.members();
  const [bodies, around, lease] = await Promise.all([
    bodiesOf(reader, cluster, members),
    surroundingsOf(reader, cluster, members),
    findMaintenanceLease(look.client, cluster, call),
    checkSeed(reader, cluster, members),
  ]);
  const [nodeViews, classes, etcd, proofs] = await Promise.all([
    nodesOf(look.client, bodies, call),
    storageClassesOf(look.client, cluster, bodies, call),
    look.etcd.ask(targetOf({ cluster, members: bodies, secrets: around.secrets }), signal),
    proofsOf(look.tls, { cluster, members: bodies, secrets: around.secrets }, signal),
  ]);
  const observed: Observed = {
    cluster,
    members: bodies,
    ...around,
    tls: readTlsFacts(around.secrets),
    proofs,
    maintenanceHolder: maintenanceHolderOf(lease, look.nowMs),
    nodes: nodeViews,
    storageClasses: classes,
    foreign: [...reader.foreign].sort(),
    etcd,
  };
  return { observed, lease };
}

/** The same objects, and what etcd says now. Only what comes to nothing may be concluded from it: the objects may be others by now. */
export async function observeAgain(
  look: Pick<Look, "etcd">,
  before: Observed,
  signal: AbortSignal,
): Promise<Observed> {
  const etcd: EtcdView = await look.etcd.ask(targetOf(before), signal);
  return { ...before, etcd };
}

async function bodiesOf(
  reader: Reader,
  cluster: EtcdCluster,
  members: readonly EtcdMember[],
): Promise<readonly ObservedMember[]> {
  const [podsByName, claims] = await Promise.all([
    reader.named(
      pods,
      new Map(
        members.map((member) => [
          member.metadata.name,
          (pod: KubernetesObject) => isControlledBy(pod, member),
        ]),
      ),
    ),
    reader.named(
      volumeClaims,
      new Map(
        members.map((member) => [
          volumeClaimNameOf(member.metadata.name),
          (claim: KubernetesObject) => belongsTo(claim, cluster, member),
        ]),
      ),
    ),
  ]);
  return members.map((member) => ({
    member,
    pod: podsByName.get(member.metadata.name),
    volumeClaim: claims.get(volumeClaimNameOf(member.metadata.name)),
  }));
}

async function surroundingsOf(
  reader: Reader,
  cluster: EtcdCluster,
  members: readonly EtcdMember[],
): Promise<
  Pick<
    Observed,
    | "peersService"
    | "clientService"
    | "disruptionBudget"
    | "secrets"
    | "cronJobs"
    | "maintenanceAccess"
  >
> {
  const { name } = cluster.metadata;
  const { maintenance } = cluster.spec;
  const ours = (...names: readonly string[]): ReadonlyMap<string, IsOwn> =>
    new Map(names.map((each) => [each, (object) => isControlledBy(object, cluster)]));
  const budgetName = disruptionBudgetNameOf(name);
  const [found, budgets, secrets, jobs] = await Promise.all([
    reader.named(services, ours(peersServiceNameOf(name), clientServiceNameOf(name))),
    reader.named(disruptionBudgets, ours(budgetName)),
    secretsOf(reader, cluster, members),
    reader.all(
      cronJobs,
      ours(
        ...(maintenance?.compaction === undefined ? [] : [compactionCronJobNameOf(name)]),
        ...(maintenance?.defrag === undefined ? [] : [defragCronJobNameOf(name)]),
      ),
    ),
  ]);
  return {
    peersService: found.get(peersServiceNameOf(name)),
    clientService: found.get(clientServiceNameOf(name)),
    disruptionBudget: budgets.get(budgetName),
    secrets,
    cronJobs: jobs,
    maintenanceAccess: await maintenanceAccessOf(reader, cluster, jobs.size > 0),
  };
}

/** A latched seed that is not among the members may be there all the same, in other hands: creating it would fail for ever. */
async function checkSeed(
  reader: Reader,
  cluster: EtcdCluster,
  members: readonly EtcdMember[],
): Promise<void> {
  const { seedMember, clusterID } = cluster.status ?? {};
  if (seedMember === undefined || clusterID !== undefined) return;
  if (members.some(({ metadata }) => metadata.name === seedMember)) return;
  const found = (await reader.given(etcdMembers, [seedMember])).get(seedMember);
  // Made between the two reads: it is ours, and the next look lists it.
  if (found === undefined || isControlledBy(found, cluster)) return;
  reader.foreign.push(`EtcdMember ${seedMember}`);
}

/** Of members that are not ready. */
async function nodesOf(
  client: ApiClient,
  members: readonly ObservedMember[],
  call: CallOptions,
): Promise<ReadonlyMap<string, NodeView>> {
  const names = members.flatMap(({ pod }) => {
    const state = podStateOf(pod);
    const name = nodeOf(pod);
    return name === undefined || (state.kind === "running" && state.isReady) ? [] : [name];
  });
  const views = await Promise.all(
    [...new Set(names)].map(async (name) => {
      const view = await nodeViewOf(client, name, call);
      return view === undefined ? [] : [[name, view] as const];
    }),
  );
  return new Map(views.flat());
}

/** An operator for some namespaces may not be let to see nodes: then nothing is known against one. */
async function nodeViewOf(
  client: ApiClient,
  name: string,
  call: CallOptions,
): Promise<NodeView | undefined> {
  try {
    const node = await client.find(nodes, { name }, call);
    if (node === undefined) return undefined;
    const { taints = [] } = (node["spec"] ?? {}) as { taints?: readonly { key: string }[] };
    const { conditions = [] } = (node["status"] ?? {}) as {
      conditions?: readonly { type: string; status: string }[];
    };
    return {
      isReady: conditions.some(({ type, status }) => type === "Ready" && status === "True"),
      isOutOfService: taints.some(({ key }) => key === "node.kubernetes.io/out-of-service"),
    };
  } catch (error) {
    if (!isApiError(error, "Forbidden")) throw error;
    return { isReady: true, isOutOfService: false };
  }
}

/** Only while the CA changes: otherwise nothing waits for them. */
async function proofsOf(
  tls: TlsPort | undefined,
  { cluster, members, secrets }: Pick<Observed, "cluster" | "members" | "secrets">,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, TlsProof>> {
  const phase = cluster.status?.certificates?.phase ?? "Stable";
  if (tls === undefined || !hasTls(cluster) || phase === "Stable") return new Map();
  const proofs = await Promise.all(
    members.map(async ({ member, pod }) => {
      const host = podHostOf(pod)?.replace(/^\[(.*)\]$/, "$1");
      if (host === undefined) return [];
      const memberName = member.metadata.name;
      const serverName = hostOf(member);
      const proof = await tls.prove(
        { cluster, memberName, host, clientPort, peerPort, serverName, secrets },
        signal,
      );
      return [[memberName, proof] as const];
    }),
  );
  return new Map(proofs.flat());
}
