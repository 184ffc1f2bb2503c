/** What goes wrong, and what people do at a bad moment: of both there is a limited number in one way through the world. */

import { slotKeyOf } from "./canonical.ts";
import { elected, leaderOf, mayBeElected, withoutEntry } from "./etcd.ts";
import { mayEvict } from "./evictions.ts";
import { timePassed, withVolumeLost } from "./nature.ts";
import type { Transition } from "./walk.ts";
import { nameOf, type Slot, type World, withoutSlotField, withPod, withSlot } from "./world.ts";

type SlotHappening = (world: World, slot: Slot, at: number) => World | undefined;

const accidents: Readonly<Record<string, SlotHappening>> = {
  "loses its pod": (world, { pod, node }, at) =>
    pod === undefined || node !== "well" ? undefined : withoutSlotField(world, at, "pod"),
  "has its pod deleted": (world, { pod }, at) =>
    pod?.isGoing === false ? withPod(world, at, { isGoing: true }) : undefined,
  "has its pod fail": (world, { pod }, at) =>
    pod === undefined || pod.process === "Failed"
      ? undefined
      : withPod(world, at, { process: "Failed" }),
  "loses its volume": (world, { volume }, at) =>
    volume === undefined ? undefined : withVolumeLost(world, at, undefined),
  "has an empty volume put in place": (world, { volume }, at) =>
    volume === undefined
      ? undefined
      : withVolumeLost(world, at, {
          number: volume.number + 1,
          isGoing: false,
          isOwned: volume.isOwned,
        }),
  "crashes again and again": (world, { pod, volume }, at) => {
    if (pod?.process !== "Up" || volume?.data === undefined || volume.data.isBad) return undefined;
    const next = withSlot(world, at, {
      volume: { ...volume, data: { ...volume.data, isBad: true } },
    });
    return withPod(next, at, { process: "Crashing", loopAge: 0 });
  },
  "is cut off": (world, { pod, isCut }, at) =>
    pod === undefined || isCut ? undefined : withSlot(world, at, { isCut: true }),
  "has its node lost": (world, { pod, node }, at) =>
    pod === undefined || node !== "well" ? undefined : withSlot(world, at, { node: "lost" }),
  "has its node go for good": (world, { pod, node }, at) =>
    pod === undefined || node === "gone" ? undefined : withSlot(world, at, { node: "gone" }),
  "takes the lead": (world, _slot, at) =>
    leaderOf(world) !== undefined && leaderOf(world) !== at && mayBeElected(world, at)
      ? elected(world, at)
      : undefined,
};

const acts: Readonly<Record<string, SlotHappening>> = {
  "has its claim deleted": (world, { volume }, at) =>
    volume?.isGoing === false
      ? {
          ...withSlot(world, at, { volume: { ...volume, isGoing: true } }),
          mayFoundAgain: world.mayFoundAgain || !world.hasClusterId,
        }
      : undefined,
  "has its EtcdMember deleted": (world, { member }, at) =>
    member === undefined
      ? undefined
      : {
          ...withoutSlotField(world, at, "member"),
          mayFoundAgain: world.mayFoundAgain || !world.hasClusterId,
        },
  "is removed by hand": (world, { entry }, at) => {
    if (entry === undefined) return undefined;
    const next = withoutEntry(world, at, entry.id);
    return next === world ? undefined : next;
  },
  "is evicted": (world, _slot, at) =>
    mayEvict(world, at) ? withPod(world, at, { isGoing: true }) : undefined,
};

/** What a person may ask for: the sizes that spec.replicas is set to, and whether a new image is. */
export interface Wishes {
  readonly scales: readonly number[];
  readonly isImageChanged: boolean;
  /** Ends of the names of accidents and acts that happen, where not all do: then a walk gets further. Writes come late or twice all the same. */
  readonly only?: readonly string[];
}

function chosen(
  transitions: readonly Transition<World>[],
  { only }: Wishes,
): readonly Transition<World>[] {
  if (only === undefined) return transitions;
  return transitions.filter(({ name }) => only.some((end) => name.endsWith(end)));
}

export function faultTransitions(world: World, wishes: Wishes): readonly Transition<World>[] {
  if (world.faultsLeft === 0) return [];
  const cost = { faultsLeft: world.faultsLeft - 1 };
  const cut: readonly Transition<World>[] = world.canOperatorReach
    ? [{ name: "the operator cannot reach etcd", next: { ...world, canOperatorReach: false } }]
    : [];
  const held: readonly Transition<World>[] = world.isLeadHeld
    ? []
    : [{ name: "the lead cannot be moved", next: { ...world, isLeadHeld: true } }];
  const aged = timePassed(world);
  const slow: readonly Transition<World>[] =
    aged === undefined ? [] : [{ name: "everything takes its time", next: aged }];
  const all = [...ofSlots(accidents, world), ...cut, ...held, ...slow];
  return chosen(all, wishes).map(({ name, next }) => ({ name, next: { ...next, ...cost } }));
}

export function personTransitions(world: World, wishes: Wishes): readonly Transition<World>[] {
  if (world.actsLeft === 0) return [];
  const { spec } = world;
  const edits: { readonly name: string; readonly spec: Partial<World["spec"]> }[] = [
    ...wishes.scales
      .filter((replicas) => replicas !== spec.replicas)
      .map((replicas) => ({ name: `spec.replicas is set to ${replicas}`, spec: { replicas } })),
    ...(wishes.isImageChanged && spec.image === 0
      ? [{ name: "spec.image is changed", spec: { image: 1 as const } }]
      : []),
    ...(spec.isPaused ? [] : [{ name: "spec.paused is set", spec: { isPaused: true } }]),
  ];
  const approval: readonly Transition<World>[] =
    world.recovery?.phase === "WaitingForApproval" &&
    world.recovery["survivor"] !== undefined &&
    !world.isApproved
      ? [{ name: "the recovery is approved", next: { ...world, isApproved: true } }]
      : [];
  const all = [
    ...edits.map(({ name, spec: changes }) => ({
      name,
      next: { ...world, spec: { ...spec, ...changes } },
    })),
    ...approval,
    ...ofSlots(acts, world),
  ];
  const cost = { actsLeft: world.actsLeft - 1 };
  return chosen(all, wishes).map(({ name, next }) => ({ name, next: { ...next, ...cost } }));
}

/** To one of those that are alike: to which makes no difference. */
function ofSlots(
  happenings: Readonly<Record<string, SlotHappening>>,
  world: World,
): readonly Transition<World>[] {
  const transitions: Transition<World>[] = [];
  for (const [at, slot] of world.slots.entries()) {
    const before = world.slots[at - 1];
    const isAlike =
      world.underWay === undefined &&
      world.recovery === undefined &&
      before !== undefined &&
      slotKeyOf(before) === slotKeyOf(slot);
    if (isAlike) continue;
    for (const [name, happening] of Object.entries(happenings)) {
      const next = happening(world, slot, at);
      if (next !== undefined) transitions.push({ name: `${nameOf(at)} ${name}`, next });
    }
  }
  return transitions;
}
