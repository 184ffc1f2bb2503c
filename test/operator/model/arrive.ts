/** What a request of the operator does when it arrives. Nothing, when what it is about is another thing by now. */
import {
  hasHealthyQuorum,
  isHealthy,
  isVoter,
  participants,
  promoted,
  quorumOf,
  takesPart,
  voterCount,
  withLeaderMoved,
  withLearner,
  withoutDeadLeader,
  withoutEntry,
} from "./etcd.ts";
import { mayEvict, tooManyEvictions } from "./evictions.ts";
import {
  emptySlot,
  type Request,
  type Slot,
  type World,
  without,
  withoutSlotField,
  withPod,
  withSlot,
  withViolation,
} from "./world.ts";

/** With a violation where it costs what an operator may not cost. */
export function arrived(world: World, request: Request): World {
  return withoutDeadLeader(judged(world, done(world, request), request));
}

function done(world: World, request: Request): World {
  switch (request.kind) {
    case "latch-cluster":
      return latched(world, request);
    case "latch-member": {
      const { member } = world.slots[request.slot] ?? {};
      if (member === undefined) return world;
      return withSlot(world, request.slot, { member: { ...member, ...request.fields } });
    }
    case "create-member":
      return withMember(world, request);
    case "create-volume":
      return world.slots[request.slot]?.volume === undefined
        ? withSlot(world, request.slot, { volume: { number: 0, isGoing: false, isOwned: false } })
        : world;
    case "create-pod":
      return world.slots[request.slot]?.pod === undefined
        ? withSlot(world, request.slot, { pod: request.pod })
        : world;
    case "apply-service":
      return request.service === "peers"
        ? { ...world, hasPeersService: true }
        : { ...world, hasClientService: true };
    case "apply-budget":
      return { ...world, budget: request.minAvailable };
    case "apply-image": {
      const { member } = world.slots[request.slot] ?? {};
      if (member === undefined) return world;
      return withSlot(world, request.slot, { member: { ...member, image: request.image } });
    }
    case "apply-owner": {
      const { volume } = world.slots[request.slot] ?? {};
      if (volume === undefined) return world;
      return withSlot(world, request.slot, { volume: { ...volume, isOwned: request.isOwned } });
    }
    case "delete-pod":
      return request.isEviction && !mayEvict(world, request.slot)
        ? world
        : podDeleted(world, request.slot);
    case "delete-volume": {
      const { volume } = world.slots[request.slot] ?? {};
      if (volume === undefined) return world;
      return withSlot(world, request.slot, { volume: { ...volume, isGoing: true } });
    }
    case "delete-member":
      return withoutSlotField(world, request.slot, "member");
    case "add-learner":
      return withLearner(world, request.slot);
    case "promote":
      return promoted(world, request.slot, request.id);
    case "remove":
      return withoutEntry(world, request.slot, request.id);
    case "move-leader":
      return leaderMoved(world, request);
  }
}

/** Where the lead is held, asking takes its time. */
function leaderMoved(
  world: World,
  { slot, to, isFirst }: Extract<Request, { kind: "move-leader" }>,
): World {
  const { pod } = world.slots[slot] ?? {};
  if (pod === undefined) return world;
  const asked = isFirst ? withHandOver(world, slot, 0) : world;
  if (!world.isLeadHeld) return withLeaderMoved(asked, slot, to);
  return isFirst || pod.handOver === undefined ? asked : withHandOver(asked, slot, 1);
}

function withHandOver(world: World, at: number, age: 0 | 1): World {
  const slots = world.slots.map((slot, index): Slot => {
    const { pod } = slot;
    if (pod === undefined) return slot;
    return { ...slot, pod: index === at ? { ...pod, handOver: age } : without(pod, "handOver") };
  });
  return { ...world, slots };
}

function latched(world: World, request: Extract<Request, { kind: "latch-cluster" }>): World {
  const { seed, clusterId, givenUp, isMadeGood, recovery } = request;
  let next = world;
  if (seed === "draw") next = { ...next, slots: [...next.slots, { ...emptySlot, isSeed: true }] };
  else if (seed !== undefined) next = withSlot(next, seed, { isSeed: true });
  if (clusterId === true) {
    const slots = next.slots.map((slot) => (slot.isSeed ? { ...slot, isSeed: false } : slot));
    next = { ...next, slots, hasClusterId: true };
  }
  if (givenUp !== undefined) {
    const before = next.slots[givenUp]?.givenUp;
    const past = before === undefined ? [] : [before];
    next = { ...next, pastReplacements: [...next.pastReplacements, ...past].sort() };
    next = withSlot(next, givenUp, { givenUp: 0 });
  }
  if (givenUp !== undefined || isMadeGood === true) {
    const isReplacing = givenUp !== undefined;
    const pastReplacements = next.pastReplacements.filter((age) => age < 2 || isReplacing);
    next = { ...next, isReplacing, pastReplacements };
  }
  if (recovery === undefined) return next;
  const rest = without(next, "recovery");
  if (recovery === null) return { ...rest, isApproved: false };
  // What was approved is one evidence, and no other.
  const isSame = recovery["nonce"] === next.recovery?.["nonce"];
  return { ...rest, recovery, isApproved: isSame && next.isApproved };
}

function withMember(world: World, request: Extract<Request, { kind: "create-member" }>): World {
  const { slot, member } = request;
  if (slot === undefined) return { ...world, slots: [...world.slots, { ...emptySlot, member }] };
  return world.slots[slot]?.member === undefined ? withSlot(world, slot, { member }) : world;
}

function podDeleted(world: World, at: number): World {
  const slot = world.slots[at];
  if (slot?.pod === undefined || slot.pod.isGoing) return world;
  const next = withPod(world, at, { isGoing: true }) ?? world;
  return isVoter(slot) && takesPart(slot) ? withSlot(next, at, { isEndedByUs: true }) : next;
}

/** A single voter and one of two are rolled all the same: there is no other way. A cluster that is to sleep, or that is recovered, has no quorum to keep. */
function judged(before: World, after: World, request: Request): World {
  const isToStop = before.spec.replicas === 0 || before.recovery?.phase === "Stopping";
  if (request.kind === "delete-pod") {
    if (before.hadLateWrite || isToStop) return after;
    const slot = before.slots[request.slot];
    if (slot === undefined || !isVoter(slot) || !isHealthy(slot)) return after;
    const other = before.slots.some(
      (seen, at) => at !== request.slot && seen.isEndedByUs && isVoter(seen) && !isHealthy(seen),
    );
    if (other) return withViolation(after, "two members' pods are ended by us at once");
    if (voterCount(before) <= 2) return after;
  }
  // Of Pods that began to end since it was sent no server knows.
  const isLost = before.hadLateWrite
    ? participants(after) < quorumOf(voterCount(after))
    : !hasHealthyQuorum(after);
  if (hasHealthyQuorum(before) && isLost) {
    return withViolation(after, `quorum is lost by a step of ours: ${request.kind}`);
  }
  const evictions = tooManyEvictions(after);
  return evictions !== undefined && tooManyEvictions(before) === undefined
    ? withViolation(after, `${evictions}, by a step of ours: ${request.kind}`)
    : after;
}
