/** From a step of the plan to what arrives at the API server or at etcd, with the preconditions that it carries. */

import { forceNewClusterAnnotation } from "../../../operator/api/v1alpha1/names.ts";
import type { EtcdMember } from "../../../operator/api/v1alpha1/types.ts";
import type { EtcdRequest, LatchedCluster, Step } from "../../../operator/cluster/step.ts";
import type { KubernetesObject } from "../../../operator/kernel/resource.ts";
import { idNumberOf, imageIndexOf, slotAtUrl, templateOf } from "./observe.ts";
import {
  type Recovery,
  type Request,
  type Slot,
  type SlotMember,
  type SlotPod,
  slotNamed,
  type World,
} from "./world.ts";

export function requestOf(step: Step): Request {
  switch (step.kind) {
    case "latch-cluster":
      return latchOf(step.fields, step.reason === "ReplacedMember");
    case "latch-member":
      return {
        kind: "latch-member",
        slot: slotOf(step.memberName),
        fields: {
          ...(step.fields.memberID === undefined ? {} : { id: idNumberOf(step.fields.memberID) }),
          ...(step.fields.volumeClaimUID === undefined
            ? {}
            : { volume: Number(step.fields.volumeClaimUID.split("-")[2]) }),
        },
      };
    case "create":
      return createOf(step.object);
    case "apply":
      return applyOf(step.object);
    case "delete":
      return deleteOf(step.object, step.isEviction === true);
    case "etcd":
      return etcdOf(step.request, step.first !== undefined);
    default:
      throw new Error(`not in this world: ${(step as Step).kind}`);
  }
}

/** Of several losses the world knows only that all are made good: one that is decided on, and whose member still votes, is made good with the others. */
function latchOf(
  { clusterID, seedMember, replacements, quorumRecovery }: LatchedCluster,
  isMadeGood: boolean,
): Request {
  const seed = seedMember === undefined ? undefined : (slotNamed(seedMember) ?? "draw");
  const last = isMadeGood
    ? undefined
    : replacements?.findLast(({ madeGoodAt }) => madeGoodAt === undefined);
  return {
    kind: "latch-cluster",
    ...(seed === undefined ? {} : { seed }),
    ...(clusterID === undefined ? {} : { clusterId: true }),
    ...(last === undefined ? {} : { givenUp: slotOf(last.memberName) }),
    ...(isMadeGood ? { isMadeGood } : {}),
    ...(quorumRecovery === undefined
      ? {}
      : { recovery: quorumRecovery as unknown as Recovery | null }),
  };
}

function createOf(object: KubernetesObject): Request {
  const { name } = object.metadata;
  switch (object.kind) {
    case "EtcdMember": {
      const { bootstrap, image } = (object as EtcdMember).spec;
      const slot = slotNamed(name);
      const member: SlotMember = { bootstrap, image: imageIndexOf(image), age: 0 };
      return { kind: "create-member", ...(slot === undefined ? {} : { slot }), member };
    }
    case "PersistentVolumeClaim":
      return { kind: "create-volume", slot: slotOf(name) };
    case "Pod":
      return { kind: "create-pod", slot: slotOf(name), pod: podOf(object) };
    default:
      throw new Error(`the plan creates no ${object.kind ?? "object without kind"}`);
  }
}

function podOf(object: KubernetesObject): SlotPod {
  const text = JSON.stringify(object["spec"]);
  return {
    template: templateOf(object),
    state: text.includes("--initial-cluster-state=new") ? "new" : "existing",
    isForced: object.metadata.annotations?.[forceNewClusterAnnotation] !== undefined,
    isTold: text.includes("--expected-cluster-id"),
    isGoing: false,
    isOrphan: false,
    process: "Pending",
    loopAge: 0,
  };
}

function applyOf(object: KubernetesObject): Request {
  const { name } = object.metadata;
  switch (object.kind) {
    case "Service":
      return { kind: "apply-service", service: name.endsWith("-peers") ? "peers" : "client" };
    case "PodDisruptionBudget": {
      const { minAvailable } = object["spec"] as { readonly minAvailable: number };
      return { kind: "apply-budget", minAvailable };
    }
    case "EtcdMember": {
      const { image } = object["spec"] as { readonly image: string };
      return { kind: "apply-image", slot: slotOf(name), image: imageIndexOf(image) };
    }
    case "PersistentVolumeClaim": {
      const isOwned = (object.metadata.ownerReferences ?? []).length > 0;
      return { kind: "apply-owner", slot: slotOf(name), isOwned };
    }
    default:
      throw new Error(`the plan applies no ${object.kind ?? "object without kind"}`);
  }
}

function deleteOf({ kind, metadata }: KubernetesObject, isEviction: boolean): Request {
  const slot = slotOf(metadata.name);
  switch (kind) {
    case "Pod":
      return { kind: "delete-pod", slot, isEviction };
    case "PersistentVolumeClaim":
      return { kind: "delete-volume", slot };
    case "EtcdMember":
      return { kind: "delete-member", slot };
    default:
      throw new Error(`the plan deletes no ${kind ?? "object without kind"}`);
  }
}

function etcdOf(request: EtcdRequest, isFirst: boolean): Request {
  switch (request.kind) {
    case "add-learner":
      return { kind: "add-learner", slot: slotAtUrl(request.peerUrl) ?? -1 };
    case "promote":
    case "remove":
      return { kind: request.kind, ...listed(request.memberId) };
    case "move-leader":
      return {
        kind: "move-leader",
        slot: slotOf(request.leaderName),
        to: listed(request.toMemberId).slot,
        isFirst,
      };
    default:
      throw new Error(`not in this world: ${request.kind}`);
  }
}

function listed(id: string): { readonly slot: number; readonly id: number } {
  return { slot: Number(id.split("f")[0]) - 1, id: idNumberOf(id) };
}

function slotOf(name: string): number {
  const slot = slotNamed(name);
  if (slot === undefined) throw new Error(`nobody has the name ${name}`);
  return slot;
}

/**
 * Whether a request that is under way can still do what it was meant to, after the world has gone on: resourceVersions, uids and the member list that it
 * carries are of the world before. Slots of both worlds are at the same places.
 */
export function isStillValid(request: Request, before: World, after: World): boolean {
  switch (request.kind) {
    case "latch-cluster":
      return statusOf(before) === statusOf(after) && before.spec === after.spec;
    case "latch-member":
      return slotsOf(request.slot, before, after, ({ member }) => member);
    case "apply-image":
      return after.slots[request.slot]?.member !== undefined;
    case "apply-owner":
    case "delete-volume":
      return slotsOf(request.slot, before, after, ({ volume }) => volume?.number);
    case "delete-pod":
      return after.slots[request.slot]?.pod !== undefined;
    case "delete-member":
      return after.slots[request.slot]?.member !== undefined;
    case "add-learner":
    case "promote":
    case "remove":
    case "move-leader":
      return listKeyOf(before) === listKeyOf(after);
    default:
      return true;
  }
}

function slotsOf(at: number, before: World, after: World, part: (slot: Slot) => unknown): boolean {
  const [left, right] = [before.slots[at], after.slots[at]];
  return left !== undefined && right !== undefined && part(left) === part(right);
}

function statusOf(world: World): string {
  return JSON.stringify([
    world.hasClusterId,
    world.recovery,
    world.isReplacing,
    world.pastReplacements.length,
    world.slots.map(({ givenUp, isSeed }) => [givenUp !== undefined, isSeed]),
  ]);
}

function listKeyOf({ slots }: World): string {
  return JSON.stringify(slots.map(({ entry }) => entry && [entry.id, entry.isLearner]));
}
