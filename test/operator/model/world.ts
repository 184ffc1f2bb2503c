/**
 * A small Kubernetes with an etcd of several members in it, as plain data: what the operator's plan is about, without a clock and without a network.
 * Everything about one name is in one slot, so that members that are alike are the same to a walk (canonical.ts); what the operator sees of it is made
 * from the operator's own builders (observe.ts).
 */

/** Of a time that stands in an object: now, longer ago than a grace, longer than every deadline. */
export type Age = 0 | 1 | 2;

export interface SlotMember {
  readonly bootstrap: "NewCluster" | "JoinExisting";
  readonly image: 0 | 1;
  /** Latched: which of the identities that were given to this URL. */
  readonly id?: number;
  /** Latched: which of the volumes of this name. */
  readonly volume?: number;
  readonly downSince?: Age;
  /** Of a member that joins; of others it says nothing. */
  readonly age: Age;
}

/**
 * What the newest acknowledged write is to a log: in it, just missing, or missing along with so much that the operator sees it. An entry is acknowledged
 * by a quorum of voters, and nobody else need have it.
 */
export type LogState = "fresh" | "stale" | "far";

export interface SlotVolume {
  readonly number: number;
  /** Somebody deleted its claim, which waits for the Pod. */
  readonly isGoing: boolean;
  readonly isOwned: boolean;
  /** Undefined: empty. */
  readonly data?: VolumeData;
}

export interface VolumeData {
  readonly id: number;
  readonly log: LogState;
  /** No process runs on it for long. */
  readonly isBad: boolean;
  /** It has lost what it had under the same id, or is of a membership before --force-new-cluster: it must never vote again. */
  readonly isDead: boolean;
}

export interface SlotPod {
  readonly template: 0 | 1;
  readonly state: "new" | "existing";
  readonly isForced: boolean;
  /** It was told which cluster it belongs to. */
  readonly isTold: boolean;
  readonly isGoing: boolean;
  /** Its owner, an EtcdMember of this name, is gone: to one that is made anew it is somebody else's. */
  readonly isOrphan: boolean;
  /** Crashing: started again and again. */
  readonly process: "Pending" | "Starting" | "Up" | "Crashing" | "Failed";
  readonly loopAge: Age;
  /** Since when it has been asked to hand over its lead. Of one Pod at a time. */
  readonly handOver?: Age;
}

/** An entry of etcd's member list. */
export interface SlotEntry {
  readonly id: number;
  readonly isLearner: boolean;
  readonly isStarted: boolean;
}

export interface Slot {
  readonly member?: SlotMember;
  readonly volume?: SlotVolume;
  readonly pod?: SlotPod;
  readonly entry?: SlotEntry;
  readonly leads: boolean;
  /** status.seedMember, until the cluster lives. */
  readonly isSeed: boolean;
  /** A replacement of it is latched. */
  readonly givenUp?: Age;
  /** Neither the others nor the operator reach it. */
  readonly isCut: boolean;
  /** Where its Pod is: lost comes back, gone does not, and takes the volume with it. */
  readonly node: "well" | "lost" | "gone";
  /** The operator has ended its Pod, and it has not come back yet. */
  readonly isEndedByUs: boolean;
}

export interface Spec {
  readonly replicas: number;
  readonly allowEvenReplicas: boolean;
  readonly isPaused: boolean;
  readonly image: 0 | 1;
}

/** A latched quorumRecovery. Members are named by their slots ("etcd-m0"), and renamed with them. */
export type Recovery = Readonly<Record<string, unknown>> & { readonly phase: string };

/** A write of an operator, as it is under way. Members are slots, by index. */
export type Request =
  | {
      readonly kind: "latch-cluster";
      /** "draw": a name that is new. */
      readonly seed?: number | "draw";
      readonly clusterId?: true;
      readonly givenUp?: number;
      readonly isMadeGood?: true;
      readonly recovery?: Recovery | null;
    }
  | { readonly kind: "latch-member"; readonly slot: number; readonly fields: Partial<SlotMember> }
  | { readonly kind: "create-member"; readonly slot?: number; readonly member: SlotMember }
  | { readonly kind: "create-volume"; readonly slot: number }
  | { readonly kind: "create-pod"; readonly slot: number; readonly pod: SlotPod }
  | { readonly kind: "apply-service"; readonly service: "peers" | "client" }
  | { readonly kind: "apply-budget"; readonly minAvailable: number }
  | { readonly kind: "apply-image"; readonly slot: number; readonly image: 0 | 1 }
  | { readonly kind: "apply-owner"; readonly slot: number; readonly isOwned: boolean }
  | { readonly kind: "delete-volume" | "delete-member"; readonly slot: number }
  | { readonly kind: "delete-pod"; readonly slot: number; readonly isEviction: boolean }
  | { readonly kind: "add-learner"; readonly slot: number }
  | { readonly kind: "promote" | "remove"; readonly slot: number; readonly id: number }
  | {
      readonly kind: "move-leader";
      readonly slot: number;
      readonly to: number;
      /** That it is asked for is latched along with it. */
      readonly isFirst: boolean;
    };

/** Told when it arrives. */
export interface UnderWay {
  readonly request: Request;
  readonly reason: string;
}

export interface World {
  readonly spec: Spec;
  /** In canonical order, which is that of their names: etcd-m0, etcd-m1, ... */
  readonly slots: readonly Slot[];
  readonly hasClusterId: boolean;
  readonly hasPeersService: boolean;
  readonly hasClientService: boolean;
  /** minAvailable of the PodDisruptionBudget. */
  readonly budget?: number;
  readonly recovery?: Recovery;
  /** A person set the annotation to the nonce. */
  readonly isApproved: boolean;
  /** Of latched replacements whose members have no slot any more. */
  readonly pastReplacements: readonly Age[];
  /** A replacement is latched, and not that it is made good. */
  readonly isReplacing: boolean;
  readonly canOperatorReach: boolean;
  /** Whoever leads does not hand over. */
  readonly isLeadHeld: boolean;
  /** A write that is still under way, or will arrive a second time. Voided when its preconditions are: see requests.ts. */
  readonly underWay?: UnderWay;
  readonly faultsLeft: number;
  readonly actsLeft: number;
  readonly foundings: 0 | 1 | 2;
  /** A person took the first volume before the cluster was known to live: then it may start again. */
  readonly mayFoundAgain: boolean;
  /** A write came late or twice: of a Pod's end no precondition tells that others have ended since. */
  readonly hadLateWrite: boolean;
  /** What went wrong on the way here. */
  readonly violation?: string;
}

export const emptySlot: Slot = {
  leads: false,
  isSeed: false,
  isCut: false,
  node: "well",
  isEndedByUs: false,
};

export interface Limits {
  readonly faults: number;
  readonly acts: number;
}

export function emptyWorld(spec: Spec, { faults, acts }: Limits): World {
  return {
    spec,
    slots: [],
    hasClusterId: false,
    hasPeersService: false,
    hasClientService: false,
    isApproved: false,
    pastReplacements: [],
    isReplacing: false,
    canOperatorReach: true,
    isLeadHeld: false,
    faultsLeft: faults,
    actsLeft: acts,
    foundings: 0,
    mayFoundAgain: false,
    hadLateWrite: false,
  };
}

export function withSlot(world: World, at: number, changes: Partial<Slot>): World {
  const slots = world.slots.map((slot, index) => (index === at ? { ...slot, ...changes } : slot));
  return { ...world, slots };
}

/** Undefined where there is no Pod. */
export function withPod(world: World, at: number, changes: Partial<SlotPod>): World | undefined {
  const pod = world.slots[at]?.pod;
  return pod === undefined ? undefined : withSlot(world, at, { pod: { ...pod, ...changes } });
}

/** A copy that has no such field. */
export function without<Thing extends object, Key extends keyof Thing>(
  thing: Thing,
  field: Key,
): Omit<Thing, Key> {
  const fields = Object.entries(thing).filter(([name]) => name !== field);
  return Object.fromEntries(fields) as Omit<Thing, Key>;
}

export function withoutSlotField(
  world: World,
  at: number,
  field: "member" | "volume" | "pod" | "entry" | "givenUp",
): World {
  const slots = world.slots.map((slot, index) => {
    if (index !== at) return slot;
    const rest = without(slot, field);
    return field === "member" && slot.pod !== undefined
      ? { ...rest, pod: { ...slot.pod, isOrphan: true } }
      : rest;
  });
  return { ...world, slots };
}

/** The first one stays. */
export function withViolation(world: World, violation: string): World {
  return { violation, ...world };
}

export const nameOf = (slot: number): string => `etcd-m${slot}`;

/** Undefined for names that no slot has. */
export function slotNamed(name: string): number | undefined {
  const digits = /^(?:data-)?etcd-m(\d+)$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
