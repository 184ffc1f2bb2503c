/** A cluster as it is when nothing went wrong, for tests that then change one thing. */
import type { EtcdClusterSpec, EtcdMember } from "../../../operator/api/v1alpha1/types.ts";
import type { Observed, ObservedMember } from "../../../operator/cluster/observed.ts";
import { plan } from "../../../operator/cluster/plan.ts";
import type { KubernetesObject } from "../../../operator/kernel/resource.ts";
import { naturalTransitions } from "./happenings.ts";
import { arrive, requestOf } from "./requests.ts";
import { contextOf, emptyWorld, observe, type World } from "./world.ts";

/** The worlds from the empty one to rest, with what the plan said in each. */
export function wayToRest(from: World): readonly World[] {
  const way = [from];
  for (let world = from; way.length < 50; ) {
    const planned = plan(observe(world), contextOf(world));
    const next =
      planned.kind === "step"
        ? arrive(world, requestOf(world, planned.step))
        : naturalTransitions(world)[0]?.next;
    if (next === undefined) return way;
    way.push(next);
    world = next;
  }
  throw new Error("no rest");
}

function settledWorld(spec: EtcdClusterSpec): World {
  return wayToRest(emptyWorld(spec, 0)).at(-1)!;
}

export function settled(spec: EtcdClusterSpec): Observed {
  return observe(settledWorld(spec));
}

/** The same with its only member changed. */
export function withMember(
  observed: Observed,
  change: (seen: ObservedMember) => Partial<ObservedMember>,
): Observed {
  return { ...observed, members: observed.members.map((seen) => ({ ...seen, ...change(seen) })) };
}

export function withMetadata<Thing extends KubernetesObject>(
  object: Thing,
  metadata: Partial<KubernetesObject["metadata"]>,
): Thing {
  return { ...object, metadata: { ...object.metadata, ...metadata } };
}

/** The EtcdMember without these fields of its status. */
export function forgetting(
  member: EtcdMember,
  ...fields: readonly (keyof NonNullable<EtcdMember["status"]>)[]
): EtcdMember {
  const status = Object.fromEntries(
    Object.entries(member.status ?? {}).filter(([field]) => !fields.some((name) => name === field)),
  );
  return { ...member, status };
}
