/**
 * Which worlds are the same: names of members are drawn at random, so worlds that differ only in who bears which name are one. Each is brought into one
 * order, and has a key.
 */
import { hash } from "node:crypto";
import { withoutDeadLeader } from "./etcd.ts";
import { nameOf, type Request, type Slot, type World } from "./world.ts";

const slotKeys = new WeakMap<Slot, string>();
const worldKeys = new WeakMap<World, string>();

export function slotKeyOf(slot: Slot): string {
  const known = slotKeys.get(slot);
  if (known !== undefined) return known;
  const { member, volume, pod, entry } = slot;
  const key = [
    // The leader first, then voters by how much of the log they have.
    entry === undefined ? "z" : entry.isLearner ? "y" : slot.leads ? "a" : "b",
    flags(slot.isSeed, slot.isCut, slot.isEndedByUs),
    slot.node,
    slot.givenUp ?? "",
    entry === undefined ? "" : `${entry.id}${flags(entry.isStarted)}`,
    member === undefined
      ? ""
      : `${member.bootstrap[0] ?? ""}${member.image}i${member.id ?? ""}v${member.volume ?? ""}d${member.downSince ?? ""}a${member.age}`,
    volume === undefined ? "" : `${volume.number}${flags(volume.isGoing, volume.isOwned)}`,
    volume?.data === undefined
      ? ""
      : `${volume.data.id}${volume.data.log}${flags(volume.data.isBad, volume.data.isDead)}`,
    pod === undefined
      ? ""
      : `${pod.process}${pod.template}${pod.state}${flags(pod.isForced, pod.isTold, pod.isGoing, pod.isOrphan)}${pod.loopAge}${pod.handOver === undefined ? "" : `h${pod.handOver}`}`,
  ].join("|");
  slotKeys.set(slot, key);
  return key;
}

/** Short, since the worlds of a walk are many. */
export function keyOf(world: World): string {
  const known = worldKeys.get(world);
  if (known !== undefined) return known;
  const key = hash("sha1", textOf(world), "base64");
  worldKeys.set(world, key);
  return key;
}

/** All that the world is, in one line. */
export function textOf(world: World): string {
  const { spec } = world;
  return [
    `${spec.replicas}${flags(spec.allowEvenReplicas, spec.isPaused)}${spec.image}`,
    flags(
      world.hasClusterId,
      world.hasPeersService,
      world.hasClientService,
      world.isApproved,
      world.canOperatorReach,
      world.isLeadHeld,
      world.isReplacing,
      world.mayFoundAgain,
      world.hadLateWrite,
    ),
    `${world.budget ?? ""},${world.faultsLeft},${world.actsLeft},${world.foundings},${world.pastReplacements.join("")}`,
    world.recovery === undefined ? "" : JSON.stringify(world.recovery),
    world.underWay === undefined ? "" : JSON.stringify(world.underWay),
    world.violation ?? "",
    ...world.slots.map(slotKeyOf),
  ].join("#");
}

/** With slots that nothing is left of dropped, and the others in order. */
export function canonical(given: World): World {
  const world = withoutDeadLeader(given);
  const order = world.slots
    .map((slot, at) => ({ slot, at, key: `${slotKeyOf(slot)}|${marksOf(world, at)}` }))
    .filter(({ slot }) => isAnythingLeft(slot));
  // Evidence of a lost quorum lists members by name: there names keep their order.
  if (world.recovery === undefined) order.sort((left, right) => compare(left.key, right.key));
  const isSame =
    order.length === world.slots.length && order.every(({ at }, index) => at === index);
  if (isSame) return world;
  const places = new Map(order.map(({ at }, index) => [at, index]));
  const gone = world.slots.flatMap((slot) =>
    // Of old ones only that matters whose loss is not made good.
    slot.givenUp !== undefined && (slot.givenUp < 2 || world.isReplacing) && !isAnythingLeft(slot)
      ? [slot.givenUp]
      : [],
  );
  const { underWay, recovery, ...rest } = world;
  const request = underWay === undefined ? undefined : renumbered(underWay.request, places);
  return {
    ...rest,
    slots: order.map(({ slot }) => slot),
    pastReplacements: [...world.pastReplacements, ...gone].sort(),
    ...(recovery === undefined ? {} : { recovery: renamed(recovery, places) }),
    ...(underWay === undefined || request === undefined
      ? {}
      : { underWay: { ...underWay, request } }),
  };
}

/** A claim that was kept when its member went is nobody's business any more: its name never comes again. */
function isAnythingLeft({ member, pod, entry, isSeed }: Slot): boolean {
  return member !== undefined || pod !== undefined || entry !== undefined || isSeed;
}

/** By what refers to the slot from elsewhere. */
function marksOf({ underWay }: World, at: number): string {
  const marks: string[] = [];
  if (underWay !== undefined) {
    for (const [field, value] of Object.entries(underWay.request)) {
      if (isReference(field) && value === at) marks.push(field);
    }
  }
  return marks.join();
}

function isReference(field: string): boolean {
  return field === "slot" || field === "to" || field === "seed" || field === "givenUp";
}

/** Undefined when it is about somebody of whom nothing is left. */
function renumbered(request: Request, places: ReadonlyMap<number, number>): Request | undefined {
  const fields = Object.entries(request).map(([field, value]) =>
    isReference(field) && typeof value === "number"
      ? ([field, places.get(value)] as const)
      : ([field, value as unknown] as const),
  );
  if (fields.some(([field, value]) => isReference(field) && value === undefined)) return undefined;
  return Object.fromEntries(fields) as Request;
}

function renamed<Thing extends object>(thing: Thing, places: ReadonlyMap<number, number>): Thing {
  const text = JSON.stringify(thing).replaceAll(/etcd-m(\d+)/g, (_name, at: string) => {
    const place = places.get(Number(at));
    return place === undefined ? "etcd-gone" : nameOf(place);
  });
  return JSON.parse(text) as Thing;
}

function compare(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function flags(...values: readonly boolean[]): string {
  return values.map((value) => (value ? "+" : "-")).join("");
}
