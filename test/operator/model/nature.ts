/** What goes on in a world by itself, sooner or later, when nobody disturbs it. */
import { memberStatus } from "../../../operator/cluster/status.ts";
import {
  elected,
  isVoter,
  leaderOf,
  mayBeElected,
  smallestQuorums,
  takesPart,
  withLog,
  written,
} from "./etcd.ts";
import { now, observe } from "./observe.ts";
import type { Transition } from "./walk.ts";
import {
  type Age,
  nameOf,
  type Slot,
  type SlotMember,
  type SlotPod,
  type SlotVolume,
  slotNamed,
  type World,
  without,
  withoutSlotField,
  withPod,
  withSlot,
  withViolation,
} from "./world.ts";

/** Undefined where it cannot happen to this slot. */
type SlotHappening = (world: World, slot: Slot, at: number) => World | undefined;

const ofSlots: Readonly<Record<string, SlotHappening>> = {
  "pod starts": (world, { pod, volume, node }, at) => {
    const isPossible =
      pod?.process === "Pending" && !pod.isGoing && volume?.isGoing === false && node === "well";
    return isPossible ? withPod(world, at, { process: "Starting" }) : undefined;
  },
  "process looks at its volume": (world, slot, at) =>
    slot.pod?.process === "Starting" && slot.node === "well" && !slot.isCut
      ? started(world, slot, at)
      : undefined,
  "pod ends": (world, { pod, node }, at) =>
    pod?.isGoing === true && node !== "lost" ? withoutSlotField(world, at, "pod") : undefined,
  "claim goes": (world, { pod, volume }, at) =>
    volume?.isGoing === true && pod === undefined
      ? withoutSlotField(world, at, "volume")
      : undefined,
  // Garbage collection: the owner is gone, or the node.
  "orphaned pod is deleted": (world, { pod, node }, at) =>
    pod?.isGoing === false && (pod.isOrphan || (node === "gone" && pod.process !== "Pending"))
      ? withPod(world, at, { isGoing: true })
      : undefined,
  "removed member stops": (world, { entry, pod }, at) =>
    pod?.process === "Up" && entry === undefined
      ? withPod(world, at, { process: "Crashing" })
      : undefined,
  "is elected": (world, _slot, at) =>
    leaderOf(world) === undefined && mayBeElected(world, at) ? elected(world, at) : undefined,
  "is reached again": (world, { isCut }, at) =>
    isCut ? withSlot(world, at, { isCut: false }) : undefined,
  "node is back": (world, { node }, at) =>
    node === "lost" ? withSlot(world, at, { node: "well" }) : undefined,
  "catches up": (world, slot, at) => {
    const isBehind = takesPart(slot) && slot.volume?.data?.log !== "fresh";
    if (!isBehind || leaderOf(world) === undefined) return undefined;
    return {
      ...world,
      slots: world.slots.map((other, index) => (index === at ? withLog(other, "fresh") : other)),
    };
  },
  "is back": (world, slot, at) =>
    slot.isEndedByUs && takesPart(slot) && slot.pod?.isGoing === false
      ? withSlot(world, at, { isEndedByUs: false })
      : undefined,
};

const ofWorlds: Readonly<Record<string, (world: World) => World | undefined>> = {
  "etcd is reachable again": (world) =>
    world.canOperatorReach ? undefined : { ...world, canOperatorReach: true },
  "statuses are written": statusesWritten,
  "cluster is resumed": (world) =>
    world.spec.isPaused ? { ...world, spec: { ...world.spec, isPaused: false } } : undefined,
};

/**
 * The first is what happens first when nothing else does. Time passes when nothing else goes on: that something else takes longer than a grace is a fault
 * (faults.ts).
 */
export function naturalTransitions(world: World): readonly Transition<World>[] {
  const transitions: Transition<World>[] = [];
  for (const [name, happening] of Object.entries(ofSlots)) {
    for (const [at, slot] of world.slots.entries()) {
      const next = happening(world, slot, at);
      if (next !== undefined) transitions.push({ name: `${nameOf(at)} ${name}`, next });
    }
  }
  for (const [name, happening] of Object.entries(ofWorlds)) {
    const next = happening(world);
    if (next !== undefined) transitions.push({ name, next });
  }
  return transitions;
}

/** Writes of clients, acknowledged by as few members as may be. No way to rest is through them. */
export function writeTransitions(world: World): readonly Transition<World>[] {
  return smallestQuorums(world).map((holders) => ({
    name: `a write is acknowledged by ${[...holders].map(nameOf).join(", ")}`,
    next: written(world, holders),
  }));
}

/** The process reads its volume, and its flags only when there is nothing on it. */
function started(world: World, slot: Slot, at: number): World | undefined {
  const { pod, volume, entry } = slot;
  if (pod === undefined || volume === undefined) return undefined;
  const crashes = withPod(world, at, { process: "Crashing", loopAge: 0 });
  const { data } = volume;
  if (data !== undefined) {
    if (pod.isForced) return forced(world, slot, at);
    if (data.isBad || data.isDead || entry?.id !== data.id) return crashes;
    const up = withPod(world, at, { process: "Up" });
    return up === undefined
      ? undefined
      : withSlot(up, at, { entry: { ...entry, isStarted: true } });
  }
  if (pod.state === "new") return pod.isTold ? crashes : founded(world, slot, at);
  // With the id of a member that was there already an empty volume has forgotten what that one voted.
  if (entry === undefined || entry.isStarted) return crashes;
  return leaderOf(world) === undefined ? undefined : joined(world, slot, at);
}

function joined(world: World, { pod, volume, entry }: Slot, at: number): World {
  const data = { id: entry!.id, log: "far", isBad: false, isDead: false } as const;
  return withSlot(world, at, {
    pod: { ...pod!, process: "Up" },
    volume: { ...volume!, data },
    entry: { ...entry!, isStarted: true },
  });
}

function founded(world: World, { pod, volume }: Slot, at: number): World {
  const data = { id: 0, log: "fresh", isBad: false, isDead: false } as const;
  const next = withSlot(world, at, {
    pod: { ...pod!, process: "Up" },
    volume: { ...volume!, data },
    entry: { id: 0, isLearner: false, isStarted: true },
  });
  const told: World = { ...next, foundings: world.foundings === 0 ? 1 : 2 };
  if (world.mayFoundAgain) return told;
  if (world.hasClusterId)
    return withViolation(told, "a cluster is started after its id was latched");
  return world.foundings > 0 ? withViolation(told, "a cluster is started twice") : told;
}

/** --force-new-cluster: whoever is left goes on alone. What the others have is of a cluster that is no more. */
function forced(world: World, forcedSlot: Slot, at: number): World {
  const isOtherRunning = world.slots.some(({ pod }, index) => index !== at && pod !== undefined);
  const slots = world.slots.map((slot, index): Slot => {
    const rest = without(slot, "entry");
    const { volume } = slot;
    if (index !== at) {
      const dead =
        volume?.data === undefined ? volume : { ...volume, data: { ...volume.data, isDead: true } };
      return { ...rest, ...(dead === undefined ? {} : { volume: dead }), leads: false };
    }
    const { data } = volume!;
    return {
      ...rest,
      pod: { ...slot.pod!, process: "Up" },
      entry: { id: data!.id, isLearner: false, isStarted: true },
      volume: { ...volume!, data: { ...data!, log: "fresh" } },
    };
  });
  const next = { ...world, slots };
  if (isOtherRunning)
    return withViolation(next, "a new cluster is forced while another pod is there");
  return world.isApproved && forcedSlot.volume?.data?.isDead === false
    ? next
    : withViolation(next, "a new cluster is forced that nobody approved");
}

/** Of the statuses that an operator writes only one field is read again: since when a member is down. */
function statusesWritten(world: World): World | undefined {
  const observed = observe(world);
  let next = world;
  for (const seen of observed.members) {
    const at = slotNamed(seen.member.metadata.name)!;
    const { member } = world.slots[at]!;
    const { downSince } = memberStatus(observed, seen, now);
    if ((downSince === undefined) === (member?.downSince === undefined)) continue;
    const rest = without(member!, "downSince");
    const written: SlotMember = downSince === undefined ? rest : { ...rest, downSince: 0 };
    next = withSlot(next, at, { member: written });
  }
  return next === world ? undefined : next;
}

/** For all times that stand anywhere, and from which something may follow. */
export function timePassed(world: World): World | undefined {
  const older = (age: Age): Age => (age === 0 ? 1 : 2);
  const slots = world.slots.map((slot): Slot => {
    const { member, pod, givenUp } = slot;
    return {
      ...slot,
      ...(member === undefined ? {} : { member: olderMember(member, isVoter(slot), older) }),
      ...(pod === undefined ? {} : { pod: olderPod(pod, older) }),
      ...(givenUp === undefined ? {} : { givenUp: older(givenUp) }),
    };
  });
  const pastReplacements = world.pastReplacements
    .map(older)
    .filter((age) => age < 2 || world.isReplacing);
  return agesOf(world).some((age) => age !== undefined && age < 2)
    ? { ...world, slots, pastReplacements }
    : undefined;
}

function agesOf({ slots, pastReplacements }: World): readonly (Age | undefined)[] {
  const ofSlot = ({ member, pod, givenUp }: Slot): readonly (Age | undefined)[] => [
    member?.age,
    member?.downSince,
    pod?.process === "Crashing" ? pod.loopAge : undefined,
    pod?.handOver,
    givenUp,
  ];
  return [...pastReplacements, ...slots.flatMap(ofSlot)];
}

function olderMember(member: SlotMember, votes: boolean, older: (age: Age) => Age): SlotMember {
  const { downSince, age } = member;
  return {
    ...member,
    age: votes ? 2 : older(age),
    ...(downSince === undefined ? {} : { downSince: older(downSince) }),
  };
}

function olderPod(pod: SlotPod, older: (age: Age) => Age): SlotPod {
  const { process, loopAge, handOver } = pod;
  if (process !== "Crashing" && handOver === undefined) return pod;
  return {
    ...pod,
    loopAge: process === "Crashing" ? older(loopAge) : loopAge,
    ...(handOver === undefined ? {} : { handOver: older(handOver) }),
  };
}

/** What is left of a volume's content when it is taken away under a process: the process fails. */
export function withVolumeLost(world: World, at: number, left: SlotVolume | undefined): World {
  const failed = withPod(world, at, { process: "Failed" }) ?? world;
  const next =
    left === undefined
      ? withoutSlotField(failed, at, "volume")
      : withSlot(failed, at, { volume: left });
  return world.hasClusterId ? next : { ...next, mayFoundAgain: true };
}
