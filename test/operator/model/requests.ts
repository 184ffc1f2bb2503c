/** What the API server makes of an operator's writes, with the preconditions that they carry. */
import type { EtcdMember } from "../../../operator/api/v1alpha1/types.ts";
import type { Step } from "../../../operator/cluster/step.ts";
import type { KubernetesObject } from "../../../operator/kernel/resource.ts";
import { asCreated } from "./objects.ts";
import type { World, WorldRequest } from "./world.ts";

/** The step as it leaves the operator that saw this world. */
export function requestOf(world: World, step: Step): WorldRequest {
  const member =
    step.kind === "latch-member"
      ? world.members.find(({ metadata }) => metadata.name === step.memberName)
      : undefined;
  return {
    step,
    clusterVersion: world.clusterVersion,
    memberVersion: member === undefined ? undefined : versionOf(member),
  };
}

/** The same world when a precondition does not hold. */
export function arrive(world: World, { step, clusterVersion, memberVersion }: WorldRequest): World {
  switch (step.kind) {
    case "latch-cluster":
      if (clusterVersion !== world.clusterVersion) return world;
      return {
        ...world,
        clusterVersion: world.clusterVersion + 1,
        latched: { ...world.latched, ...step.fields },
      };
    case "latch-member":
      return mapMember(world, step.memberName, (member) =>
        versionOf(member) === memberVersion
          ? changed(member, { status: { ...member.status, ...step.fields } })
          : member,
      );
    case "create":
      return create(world, step.object);
    case "apply":
      return apply(world, step.object);
    case "delete":
      return {
        ...world,
        pods: world.pods.map((pod) =>
          pod.object.metadata.uid === step.object.metadata.uid
            ? { ...pod, object: terminating(pod.object) }
            : pod,
        ),
      };
  }
}

export function terminating(object: KubernetesObject): KubernetesObject {
  return {
    ...object,
    metadata: { ...object.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" },
  };
}

function create(world: World, object: KubernetesObject): World {
  const { name } = object.metadata;
  const uids = world.uids + 1;
  const withUid = { ...object, metadata: { ...object.metadata, uid: `uid-${uids}` } };
  const isFree = (taken: readonly KubernetesObject[]): boolean =>
    taken.every(({ metadata }) => metadata.name !== name);
  switch (object.kind) {
    case "EtcdMember": {
      if (!isFree(world.members)) return world;
      const member = asCreated(object as EtcdMember, `uid-${uids}`);
      const seeds = new Set(world.facts.seeds);
      if (member.spec.bootstrap === "NewCluster") seeds.add(name);
      return {
        ...world,
        uids,
        members: [...world.members, member],
        facts: { ...world.facts, seeds: [...seeds] },
      };
    }
    case "PersistentVolumeClaim":
      if (!isFree(world.claims.map((claim) => claim.object))) return world;
      return { ...world, uids, claims: [...world.claims, { object: withUid, data: undefined }] };
    case "Pod": {
      if (!isFree(world.pods.map((pod) => pod.object))) return world;
      const pod = { object: withUid, process: "Pending", data: undefined } as const;
      return { ...world, uids, pods: [...world.pods, pod] };
    }
    default:
      throw new Error(`the plan creates no ${object.kind ?? "object without kind"}`);
  }
}

/** Server-side apply: with a uid only to that very object, and what it names takes the place of what was there. */
function apply(world: World, object: KubernetesObject): World {
  const { name, uid } = object.metadata;
  switch (object.kind) {
    case "Service": {
      const others = world.services.filter(({ metadata }) => metadata.name !== name);
      const services = [...others, object].sort((left, right) =>
        left.metadata.name < right.metadata.name ? -1 : 1,
      );
      return { ...world, services };
    }
    case "EtcdMember":
      return mapMember(world, name, (member) => {
        if (member.metadata.uid !== uid) return member;
        const { image } = object["spec"] as { readonly image: string };
        return changed(member, { spec: { ...member.spec, image } });
      });
    case "PersistentVolumeClaim": {
      const { ownerReferences = [] } = object.metadata;
      return {
        ...world,
        claims: world.claims.map((claim) =>
          claim.object.metadata.uid === uid
            ? {
                ...claim,
                object: {
                  ...claim.object,
                  metadata: { ...claim.object.metadata, ownerReferences },
                },
              }
            : claim,
        ),
      };
    }
    default:
      throw new Error(`the plan applies no ${object.kind ?? "object without kind"}`);
  }
}

function mapMember(world: World, name: string, change: (member: EtcdMember) => EtcdMember): World {
  return {
    ...world,
    members: world.members.map((member) =>
      member.metadata.name === name ? change(member) : member,
    ),
  };
}

function changed(member: EtcdMember, fields: Partial<EtcdMember>): EtcdMember {
  const resourceVersion = String(versionOf(member) + 1);
  return { ...member, ...fields, metadata: { ...member.metadata, resourceVersion } };
}

function versionOf(member: EtcdMember): number {
  return Number(member.metadata.resourceVersion);
}
