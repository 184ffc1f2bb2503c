/**
 * How soon a cluster is looked at again. After a step at once, but a step that is asked for again and again although it was taken does not hold: something else undoes
 * it, or it is a bug, and neither may keep the operator and the API server busy.
 */
import type { WaitReason } from "../cluster/conditions.ts";
import { fraction } from "../kernel/backoff.ts";
import type { Random } from "../kernel/ports.ts";

/** Something has to happen first, and not everything that happens makes an event. */
const waitMs = 10_000;
/** A change is under way of which nothing but etcd tells: a learner catches up, a member comes back. */
const soonMs = 1_000;
const soonGrowth = 1.2;
/** Everything is as wanted, or nobody but a person can help: etcd is asked how it is. */
const idleMs = 60_000;
/** Somebody else was faster. */
export const outdatedMs = 1_000;

/** Waits that end by themselves within seconds, unless something is wrong. */
const soonReasons: ReadonlySet<WaitReason> = new Set<WaitReason>([
  "EtcdUnreachable",
  "LearnerSyncing",
  "MemberNotListed",
  "MemberNotServing",
  "MemberTerminating",
  "MembersNotReady",
  "MembershipChanging",
  "NoLeader",
  "NoSuccessor",
  "PodNotReady",
  "PodPending",
  "PodTerminating",
  "QuorumRecovery",
  "VolumeTerminating",
]);

/** Times in a row that one step is repeated without a wait: conflicts between two views are over by then. */
const freeRepeats = 3;
const slowestMs = 60_000;

interface Last {
  /** The step, or the reason of the wait. */
  readonly what: string;
  readonly repeats: number;
}

export class Pace {
  private readonly random: Random;
  /** By the key of the cluster. */
  private readonly last = new Map<string, Last>();

  constructor(random: Random) {
    this.random = random;
  }

  /** The wait after this step of this cluster. */
  afterStep(key: string, step: string): number {
    const repeats = this.repeatsOf(key, `step ${step}`);
    return repeats < freeRepeats ? 0 : Math.min(1_000 * 2 ** (repeats - freeRepeats), slowestMs);
  }

  /** Soon at first; a wait that goes on and on is looked at more rarely. */
  afterWait(key: string, reason: WaitReason): number {
    const repeats = this.repeatsOf(key, `wait ${reason}`);
    if (!soonReasons.has(reason)) return this.spread(waitMs);
    return this.spread(Math.min(soonMs * soonGrowth ** repeats, waitMs));
  }

  /** The wait where nothing is to be done. */
  afterRest(key: string): number {
    this.last.delete(key);
    return this.spread(idleMs);
  }

  forget(key: string): void {
    this.last.delete(key);
  }

  private repeatsOf(key: string, what: string): number {
    const before = this.last.get(key);
    const repeats = before?.what === what ? before.repeats + 1 : 0;
    this.last.set(key, { what, repeats });
    return repeats;
  }

  /** Up to a tenth longer, so that clusters do not come all at once. */
  private spread(delayMs: number): number {
    return delayMs * (1 + 0.1 * fraction(this.random));
  }
}
