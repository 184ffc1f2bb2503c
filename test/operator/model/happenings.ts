/** What happens in the world without the operator: things that come about by themselves, and faults, of which there is a limited number. */
import type { EtcdClusterSpec } from "../../../operator/api/v1alpha1/types.ts";
import { terminating } from "./requests.ts";
import type { Transition } from "./walk.ts";
import { claimOf, type Data, isTerminating, type World, type WorldPod } from "./world.ts";

/** Undefined where it cannot happen. */
type Happening = (world: World) => World | undefined;

/** What a world does by itself, sooner or later, when nobody disturbs it. */
const natural: Readonly<Record<string, Happening>> = {
  "pod starts": (world) => {
    const pod = world.pods.find(
      ({ object, process }) => process === "Pending" && !isTerminating(object),
    );
    return pod === undefined ? undefined : started(world, pod);
  },
  "pod gets ready": (world) =>
    mapPods(world, (pod) => (pod.process === "Running" ? { ...pod, process: "Ready" } : pod)),
  "pod ends": (world) => {
    if (world.isNodeLost) return undefined;
    const pods = world.pods.filter(({ object }) => !isTerminating(object));
    return pods.length === world.pods.length ? undefined : { ...world, pods };
  },
  "claim goes": (world) => {
    const claims = world.claims.filter(
      ({ object }) =>
        !isTerminating(object) ||
        world.pods.some((pod) => object.metadata.name === `data-${pod.object.metadata.name}`),
    );
    return claims.length === world.claims.length ? undefined : { ...world, claims };
  },
  // Garbage collection: the owner is gone.
  "orphaned pod is deleted": (world) =>
    mapPods(world, (pod) => {
      const owner = pod.object.metadata.ownerReferences?.[0]?.uid;
      const isOrphan = world.members.every(({ metadata }) => metadata.uid !== owner);
      return isOrphan && !isTerminating(pod.object)
        ? { ...pod, object: terminating(pod.object) }
        : pod;
    }),
  "etcd is reachable again": (world) =>
    world.isEtcdReachable ? undefined : { ...world, isEtcdReachable: true },
  "node is back": (world) => (world.isNodeLost ? { ...world, isNodeLost: false } : undefined),
  "cluster is resumed": (world) =>
    world.spec.paused ? edited(world, { ...world.spec, paused: false }) : undefined,
};

/** Also what people do at a bad moment. */
const faults: Readonly<Record<string, Happening>> = {
  "pod vanishes": (world) => (world.pods.length === 0 ? undefined : { ...world, pods: [] }),
  "pod is deleted": (world) =>
    mapPods(world, (pod) =>
      isTerminating(pod.object) ? pod : { ...pod, object: terminating(pod.object) },
    ),
  "pod fails": (world) =>
    mapPods(world, (pod) => (pod.process === "Failed" ? pod : { ...pod, process: "Failed" })),
  "claim is deleted": (world) =>
    world.claims.some(({ object }) => !isTerminating(object))
      ? {
          ...world,
          claims: world.claims.map((claim) => ({ ...claim, object: terminating(claim.object) })),
        }
      : undefined,
  "claim vanishes": (world) => (world.claims.length === 0 ? undefined : { ...world, claims: [] }),
  "claim is replaced": (world) =>
    world.claims.length === 0
      ? undefined
      : {
          ...world,
          uids: world.uids + 1,
          claims: world.claims.map(({ object }) => ({
            object: { ...object, metadata: { ...object.metadata, uid: `uid-${world.uids + 1}` } },
            data: undefined,
          })),
        },
  "volume gets the data of another cluster": (world) =>
    world.claims.some(({ data }) => data !== undefined && data.clusterId !== "other")
      ? {
          ...world,
          claims: world.claims.map((claim) => ({
            ...claim,
            data: { clusterId: "other", memberId: "other" },
          })),
        }
      : undefined,
  "etcd is unreachable": (world) =>
    world.isEtcdReachable ? { ...world, isEtcdReachable: false } : undefined,
  "node is lost": (world) => (world.isNodeLost ? undefined : { ...world, isNodeLost: true }),
  "services are deleted": (world) =>
    world.services.length === 0 ? undefined : { ...world, services: [] },
  "member is deleted": (world) =>
    world.members.length === 0 ? undefined : { ...world, members: [] },
  "a stranger joins": (world) =>
    world.hasStranger || !world.pods.some(({ process }) => process === "Ready")
      ? undefined
      : { ...world, hasStranger: true },
  "status is emptied": (world) =>
    world.latched.seedMember === undefined || world.members.length === 0
      ? undefined
      : { ...world, latched: {}, clusterVersion: world.clusterVersion + 1 },
  "image is changed": (world) =>
    world.spec.image === undefined
      ? edited(world, { ...world.spec, image: { repository: "localhost/other", tag: "2.0" } })
      : undefined,
  "flags are changed": (world) =>
    world.spec.etcd.snapshotCount === undefined
      ? edited(world, { ...world.spec, etcd: { snapshotCount: 5000 } })
      : undefined,
  "policy is changed": (world) => {
    const { storage } = world.spec;
    const onClusterDelete = storage.reclaim.onClusterDelete === "Delete" ? "Retain" : "Delete";
    const reclaim = { ...storage.reclaim, onClusterDelete } as const;
    return edited(world, { ...world.spec, storage: { ...storage, reclaim } });
  },
  "client service is changed": (world) =>
    world.spec.services.client.type === "ClusterIP"
      ? edited(world, { ...world.spec, services: { client: { type: "NodePort" } } })
      : undefined,
  "cluster is paused": (world) =>
    world.spec.paused ? undefined : edited(world, { ...world.spec, paused: true }),
};

export function naturalTransitions(world: World): readonly Transition<World>[] {
  return transitionsOf(natural, world);
}

export function faultTransitions(world: World): readonly Transition<World>[] {
  if (world.faultsLeft === 0) return [];
  return transitionsOf(faults, world).map(({ name, next }) => ({
    name,
    next: withFault(next, name),
  }));
}

/** Behind the names of faults that happened while the cluster's id was not latched. */
const beforeLatch = " before the latch";

/** Of a fault, whenever it happened. */
export function faultName(fault: string): string {
  return fault.replace(beforeLatch, "");
}

/** Takes one from the faults that are left, and keeps the name for the judges. */
export function withFault(world: World, name: string): World {
  const { facts } = world;
  const when = world.latched.clusterID === undefined ? `${name}${beforeLatch}` : name;
  const names = [...new Set([...facts.faults, when])].sort();
  return { ...world, faultsLeft: world.faultsLeft - 1, facts: { ...facts, faults: names } };
}

function transitionsOf(
  happenings: Readonly<Record<string, Happening>>,
  world: World,
): readonly Transition<World>[] {
  return Object.entries(happenings).flatMap(([name, happening]) => {
    const next = happening(world);
    return next === undefined ? [] : [{ name, next }];
  });
}

/** The process looks at its volume, and only at its flags when there is nothing on it. */
function started(world: World, pod: WorldPod): World | undefined {
  const claim = claimOf(world, pod.object.metadata.name);
  if (claim === undefined || isTerminating(claim.object)) return undefined;
  const mapped = (process: WorldPod["process"], data: Data | undefined): World => ({
    ...world,
    pods: world.pods.map((other) => (other === pod ? { ...pod, process, data } : other)),
  });
  if (claim.data !== undefined) return mapped("Running", claim.data);
  if (stateFlagOf(pod) === "existing") return mapped("Crashing", undefined);
  const data = { clusterId: "c1", memberId: "a1" };
  const { facts } = world;
  return {
    ...mapped("Running", data),
    claims: world.claims.map((other) => (other === claim ? { ...claim, data } : other)),
    facts: {
      ...facts,
      foundings: facts.foundings + 1,
      isFoundedAfterLatch: facts.isFoundedAfterLatch || world.latched.clusterID !== undefined,
    },
  };
}

/** "new" or "existing", from the command line. */
export function stateFlagOf({ object }: Pick<WorldPod, "object">): string | undefined {
  const { containers } = object["spec"] as {
    readonly containers: readonly { readonly args: readonly string[] }[];
  };
  const flag = "--initial-cluster-state=";
  return containers[0]?.args.find((arg) => arg.startsWith(flag))?.slice(flag.length);
}

function edited(world: World, spec: EtcdClusterSpec): World {
  return {
    ...world,
    spec,
    generation: world.generation + 1,
    clusterVersion: world.clusterVersion + 1,
  };
}

function mapPods(world: World, change: (pod: WorldPod) => WorldPod): World | undefined {
  const pods = world.pods.map(change);
  return pods.every((pod, at) => pod === world.pods[at]) ? undefined : { ...world, pods };
}
