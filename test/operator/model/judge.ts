/** The rules that hold in every world, whatever happened to it. */
import { isDeepStrictEqual } from "node:util";
import type { Observed, PlanContext } from "../../../operator/cluster/observed.ts";
import { clusterStatus, memberStatus } from "../../../operator/cluster/status.ts";
import type { Plan, Step } from "../../../operator/cluster/step.ts";
import { uidOf } from "../../../operator/resources/owners.ts";
import { faultName, stateFlagOf } from "./happenings.ts";
import {
  claimOf,
  contextOf,
  type Facts,
  isTerminating,
  observe,
  podOf,
  type World,
} from "./world.ts";

export type PlanFunction = (observed: Observed, context: PlanContext) => Plan;

/** What is wrong in the world as it is, and with what the operator wants to do in it. */
export function problemsOf(world: World, planned: Plan, plan: PlanFunction): readonly string[] {
  const observed = observe(world);
  const context = contextOf(world);
  const isRepeatable = isDeepStrictEqual(plan(observed, context), planned);
  return [
    ...factProblems(world),
    ...(isRepeatable ? [] : ["the same look led to two plans"]),
    ...(planned.kind === "step" ? stepProblems(world, planned.step) : []),
    ...(planned.kind === "done" ? doneProblems(world) : []),
    ...statusProblems(observed, planned, context),
  ];
}

/** A person who takes the volume away before the cluster is known to live can make it start again; nothing else can, and nobody later. */
function factProblems({ facts, spec, members }: World): readonly string[] {
  const byHand = ["claim is replaced", "claim vanishes", "claim is deleted", "member is deleted"];
  const isExcused = byHand.some((name) => facts.faults.includes(`${name} before the latch`));
  // Where status and members are emptied, nothing is left that knows of the cluster: it is a new one.
  const happened = facts.faults.map(faultName);
  const isForgotten =
    happened.includes("status is emptied") && happened.includes("member is deleted");
  // A Pod "new" that was asked for before the latch, is made after it, and finds an empty volume that a person put there: three faults, which no
  // precondition of the API server holds apart. Only the member could, if it were told which cluster it is to find.
  const isLateOnReplaced =
    happened.includes("claim is replaced") &&
    happened.some((name) => name === "a write is late" || name === "a write arrives twice");
  return [
    ...(isForgotten || isLateOnReplaced ? [] : lifeProblems(facts, isExcused)),
    ...(members.length > spec.replicas && !isForgotten ? ["more members than replicas"] : []),
  ];
}

function lifeProblems(facts: Facts, isExcused: boolean): readonly string[] {
  return [
    ...(facts.isFoundedAfterLatch ? ["a cluster was started after its id was latched"] : []),
    ...(facts.foundings > 1 && !isExcused ? ["a cluster was started twice"] : []),
    ...(facts.seeds.length > 1 ? [`several seeds: ${facts.seeds.join(", ")}`] : []),
  ];
}

function stepProblems(world: World, step: Step): readonly string[] {
  const { latched, spec } = world;
  const held = spec.paused ? [`a step while paused: ${step.reason}`] : [];
  switch (step.kind) {
    case "latch-cluster": {
      const again = Object.keys(step.fields).filter((field) => Object.hasOwn(latched, field));
      return [...held, ...again.map((field) => `${field} is latched a second time`)];
    }
    case "latch-member": {
      const member = world.members.find(({ metadata }) => metadata.name === step.memberName);
      const again = Object.keys(step.fields).filter((field) =>
        Object.hasOwn(member?.status ?? {}, field),
      );
      return [...held, ...again.map((field) => `${field} of a member is latched a second time`)];
    }
    case "create":
      return [...held, ...createProblems(world, step.object)];
    case "apply":
      return held;
    case "delete": {
      const { kind, metadata } = step.object;
      const claim = claimOf(world, metadata.name);
      return [
        ...held,
        ...(kind === "Pod" ? [] : [`a ${kind ?? ""} is deleted`]),
        ...(isTerminating(step.object) ? ["what is terminating is deleted again"] : []),
        ...(claim === undefined ? ["a pod is ended whose claim is gone"] : []),
        ...(claim !== undefined && isTerminating(claim.object)
          ? ["a pod is ended that keeps its claim alive"]
          : []),
      ];
    }
  }
}

function createProblems(world: World, object: WorldObject): readonly string[] {
  switch (object.kind) {
    case "Pod":
      return podProblems(world, object);
    case "EtcdMember":
      return world.latched.clusterID === undefined
        ? []
        : ["a member is to start a cluster that lives already"];
    default: {
      const lost = world.members.find(
        ({ metadata, status }) =>
          object.metadata.name === `data-${metadata.name}` && status?.volumeClaimUID !== undefined,
      );
      return lost === undefined ? [] : ["a volume that was lost is made anew, without its data"];
    }
  }
}

/** What a person who wrote the spec would look at, written without the operator's builders. */
function doneProblems(world: World): readonly string[] {
  const { spec, services, latched, hasStranger } = world;
  const memberName = world.members[0]?.metadata.name ?? "";
  const pod = podOf(world, memberName);
  const podText = JSON.stringify(pod?.object ?? "");
  const { snapshotCount } = spec.etcd;
  const { repository, tag } = spec.image ?? {};
  const client = services.find(({ metadata }) => metadata.name === "etcd-client")?.["spec"];
  const isOwned = claimOf(world, memberName)?.object.metadata.ownerReferences?.length === 1;
  const wishes: readonly (readonly [string, boolean])[] = [
    ["a pod that is ready", pod?.process === "Ready"],
    ["the cluster that was latched", pod?.data?.clusterId === latched.clusterID],
    ["nobody else in etcd", !hasStranger],
    ["two Services", services.length === 2],
    ["the type of the Service", JSON.stringify(client ?? "").includes(spec.services.client.type)],
    ["the policy of volumes", isOwned === (spec.storage.reclaim.onClusterDelete === "Delete")],
    [
      "the flags",
      snapshotCount === undefined || podText.includes(`"--snapshot-count=${snapshotCount}"`),
    ],
    [
      "the image",
      repository === undefined || podText.includes(`"image":"${repository}:${tag ?? ""}"`),
    ],
  ];
  return wishes.flatMap(([wish, isFulfilled]) => (isFulfilled ? [] : [`done without ${wish}`]));
}

/** A Pod starts with the very volume that was latched, and "new" only until cluster and member are known. */
function podProblems(world: World, object: WorldObject): readonly string[] {
  const member = world.members.find(({ metadata }) => metadata.name === object.metadata.name);
  const claim = claimOf(world, object.metadata.name);
  const uid = member?.status?.volumeClaimUID;
  const isNew = stateFlagOf({ object }) === "new";
  return [
    ...(uid === undefined ? ["a pod is made before its volume is latched"] : []),
    ...(claim === undefined || uidOf(claim.object) !== uid
      ? ["a pod is made without the volume that was latched"]
      : []),
    ...(claim !== undefined && isTerminating(claim.object)
      ? ["a pod is made on a claim that goes"]
      : []),
    ...(isNew && world.latched.clusterID !== undefined
      ? ["initial cluster state new after the cluster id was latched"]
      : []),
    ...(isNew && member?.status?.memberID !== undefined
      ? ["initial cluster state new after the member id was latched"]
      : []),
  ];
}

type WorldObject = Parameters<typeof stateFlagOf>[0]["object"];

/** A status is told once, and Ready only of what is. */
function statusProblems(
  observed: Observed,
  planned: Plan,
  context: PlanContext,
): readonly string[] {
  const { cluster, members } = observed;
  const status = clusterStatus(observed, planned, context, "2026-01-01T00:00:00Z");
  const told = { ...observed, cluster: { ...cluster, status } };
  const again = clusterStatus(told, planned, context, "2026-01-01T00:00:30Z");
  const ready = status.conditions?.find(({ type }) => type === "Ready")?.status;
  const isServing =
    observed.etcd.kind === "known" && status.readyReplicas === cluster.spec.replicas;
  const memberTold = members.every((seen) => {
    const first = memberStatus(observed, seen, "2026-01-01T00:00:00Z");
    const same = { ...seen, member: { ...seen.member, status: first } };
    return isDeepStrictEqual(memberStatus(observed, same, "2026-01-01T00:00:30Z"), first);
  });
  return [
    ...(isDeepStrictEqual(again, status) ? [] : ["the status of a cluster is not told once"]),
    ...(memberTold ? [] : ["the status of a member is not told once"]),
    ...(planned.kind === "step" && ready === "True" ? ["Ready with a step left to do"] : []),
    ...(planned.kind === "done" && ready !== "True" ? ["done, but not Ready"] : []),
    ...(ready === "True" && !isServing ? ["Ready without serving"] : []),
  ];
}
