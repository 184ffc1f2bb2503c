/** The etcd in the world: who votes, who leads, what is acknowledged, and what its server refuses. */
import {
  type LogState,
  type Slot,
  type World,
  without,
  withoutSlotField,
  withSlot,
  withViolation,
} from "./world.ts";

export function quorumOf(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

export function isVoter({ entry }: Slot): boolean {
  return entry !== undefined && !entry.isLearner;
}

/** Its process runs with the identity that is listed, and the others reach it. */
export function takesPart({ pod, entry, volume, isCut, node }: Slot): boolean {
  return (
    pod?.process === "Up" &&
    !isCut &&
    node === "well" &&
    entry !== undefined &&
    volume?.data?.id === entry.id
  );
}

/** And goes on doing so. */
export function isHealthy(slot: Slot): boolean {
  return takesPart(slot) && slot.pod?.isGoing === false;
}

/** Nothing that will happen by itself, or that the operator may do, keeps it from taking part again. */
export function canLive({ entry, volume, node, member, pod }: Slot): boolean {
  return (
    member !== undefined &&
    entry !== undefined &&
    volume?.data?.id === entry.id &&
    !volume.data.isBad &&
    !volume.data.isDead &&
    // It goes with the Pod, and a process that has ended needs another Pod.
    !(volume.isGoing && pod?.process !== "Up") &&
    (member.volume === undefined || member.volume === volume.number) &&
    node !== "gone"
  );
}

export function voterCount({ slots }: World): number {
  return slots.filter(isVoter).length;
}

export function healthyVoters({ slots }: World): number {
  return slots.filter((slot) => isVoter(slot) && isHealthy(slot)).length;
}

/** Whether writes are possible, and stay so when what is ending has ended. */
export function hasHealthyQuorum(world: World): boolean {
  return voterCount(world) > 0 && healthyVoters(world) >= quorumOf(voterCount(world));
}

export function participants({ slots }: World): number {
  return slots.filter((slot) => isVoter(slot) && takesPart(slot)).length;
}

export function leaderOf({ slots }: World): number | undefined {
  const at = slots.findIndex(({ leads }) => leads);
  return at < 0 ? undefined : at;
}

export function isReady(world: World, slot: Slot): boolean {
  if (slot.pod?.process !== "Up" || slot.isCut || slot.node !== "well") return false;
  // One that was removed and does not know it yet.
  if (slot.entry === undefined) return true;
  return takesPart(slot) && leaderOf(world) !== undefined;
}

/** A leader without a quorum, or that is not one of the voters any more, leads no longer. */
export function withoutDeadLeader(world: World): World {
  const at = leaderOf(world);
  if (at === undefined) return world;
  const slot = world.slots[at]!;
  const stays =
    isVoter(slot) && takesPart(slot) && participants(world) >= quorumOf(voterCount(world));
  return stays ? world : withSlot(world, at, { leads: false });
}

const ranks: Readonly<Record<LogState, number>> = { far: 0, stale: 1, fresh: 2 };

function logOf({ volume }: Slot): LogState {
  return volume?.data?.log ?? "far";
}

/** A voter gives its vote to whoever has at least as much of the log. */
export function mayBeElected(world: World, at: number): boolean {
  const slot = world.slots[at];
  if (slot === undefined || !isVoter(slot) || !takesPart(slot)) return false;
  const votes = world.slots.filter(
    (other) => isVoter(other) && takesPart(other) && ranks[logOf(other)] <= ranks[logOf(slot)],
  );
  return votes.length >= quorumOf(voterCount(world));
}

/** The log of a leader becomes that of all: what is not in it is lost. Its term is another one: an old hand-over says nothing in it. */
export function elected(given: World, at: number): World {
  const world = withoutHandOver(given);
  const before = leaderOf(world);
  const cleared = before === undefined ? world : withSlot(world, before, { leads: false });
  const next = withSlot(cleared, at, { leads: true });
  return logOf(world.slots[at]!) === "fresh"
    ? next
    : withViolation(next, "a leader without the newest acknowledged write: it is lost");
}

function withoutHandOver(world: World): World {
  if (world.slots.every(({ pod }) => pod?.handOver === undefined)) return world;
  const slots = world.slots.map(
    (slot): Slot =>
      slot.pod === undefined ? slot : { ...slot, pod: without(slot.pod, "handOver") },
  );
  return { ...world, slots };
}

export function withLog(slot: Slot, log: LogState): Slot {
  const { volume } = slot;
  if (volume?.data === undefined || volume.data.log === log) return slot;
  return { ...slot, volume: { ...volume, data: { ...volume.data, log } } };
}

/** After a write that just the members at these places have. */
export function written(world: World, holders: ReadonlySet<number>): World {
  const slots = world.slots.map((slot, at) => {
    if (holders.has(at)) return withLog(slot, "fresh");
    return logOf(slot) === "fresh" ? withLog(slot, "stale") : slot;
  });
  return { ...world, slots };
}

/** Those that may be all that have a write which is acknowledged now: the leader, and as few others as make a quorum. */
export function smallestQuorums(world: World): readonly ReadonlySet<number>[] {
  const leader = leaderOf(world);
  if (leader === undefined) return [];
  const others = world.slots.flatMap((slot, at) =>
    at !== leader && isVoter(slot) && takesPart(slot) ? [at] : [],
  );
  const needed = quorumOf(voterCount(world)) - 1;
  return subsets(others, needed).map((chosen) => new Set([leader, ...chosen]));
}

function subsets(items: readonly number[], size: number): readonly (readonly number[])[] {
  if (size === 0) return [[]];
  return items.flatMap((item, at) =>
    subsets(items.slice(at + 1), size - 1).map((rest) => [item, ...rest]),
  );
}

/** A change of the members is itself an entry that a quorum of the voters so far has; with fewer nothing changes. Undefined: it cannot be committed. */
function committed(world: World): World | undefined {
  const leader = leaderOf(world);
  if (leader === undefined) return undefined;
  let missing = quorumOf(voterCount(world));
  const slots = [...world.slots];
  const order = slots.map((_slot, at) => at).sort((left, right) => rankOf(right) - rankOf(left));
  function rankOf(at: number): number {
    return (at === leader ? 10 : 0) + ranks[logOf(world.slots[at]!)];
  }
  for (const at of order) {
    const slot = slots[at]!;
    if (missing === 0 || !isVoter(slot) || !takesPart(slot)) continue;
    slots[at] = withLog(slot, "fresh");
    missing -= 1;
  }
  return missing === 0 ? { ...world, slots } : undefined;
}

/** etcd's own guards against changes that cost quorum (--strict-reconfig-check, server/etcdserver/server.go), and its limit of one learner. */
export function withLearner(world: World, at: number): World {
  const slot = world.slots[at];
  const voters = world.slots.filter(isVoter);
  const isRefused =
    world.slots.some(({ entry }) => entry?.isLearner === true) ||
    voters.some((voter) => !takesPart(voter)) ||
    slot === undefined ||
    slot.entry !== undefined;
  if (isRefused) return world;
  const next = committed(world);
  if (next === undefined) return world;
  const id = Math.max(slot.member?.id ?? -1, slot.volume?.data?.id ?? -1) + 1;
  return withSlot(next, at, { entry: { id, isLearner: true, isStarted: false } });
}

export function promoted(world: World, at: number, id: number): World {
  const slot = world.slots[at];
  const { entry } = slot ?? {};
  if (slot === undefined || entry?.id !== id || !entry.isLearner) return world;
  if (!takesPart(slot) || logOf(slot) === "far") return world;
  const next = committed(world);
  return next === undefined ? world : withSlot(next, at, { entry: { ...entry, isLearner: false } });
}

export function withoutEntry(world: World, at: number, id: number): World {
  const slot = world.slots[at];
  if (slot?.entry?.id !== id) return world;
  const voters = voterCount(world);
  const isRefused =
    isVoter(slot) &&
    (voters === 1 || (takesPart(slot) && participants(world) - 1 < quorumOf(voters - 1)));
  const next = isRefused ? undefined : committed(world);
  if (next === undefined) return world;
  return withoutDeadLeader(withoutSlotField(next, at, "entry"));
}

export function withLeaderMoved(world: World, from: number, to: number): World {
  if (leaderOf(world) !== from) return world;
  const target = world.slots[to];
  if (target === undefined || !isVoter(target) || !takesPart(target)) return world;
  // The leader sends what is missing before it hands over.
  const slots = world.slots.map((slot, at) => (at === to ? withLog(slot, "fresh") : slot));
  return elected({ ...world, slots }, to);
}
