/**
 * Changes of the members as a client asks for them, and of the leader: checks what must hold before, proposes, and tells the outcome
 * (etcdserver/server.go, AddMember and its like). What must hold when a change is applied is membership/validate-change.ts.
 */
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { Clock, Logger } from "../lib/ports.ts";
import { idToHex, type MemberId } from "../lib/units.ts";
import type { Cluster } from "../membership/cluster.ts";
import type { Member } from "../membership/member.ts";
import { memberListHash } from "../membership/member-list-hash.ts";
import type { MemberChange } from "../membership/membership-change.ts";
import type { Proposal } from "../raft/ready.ts";
import type { RaftStatus } from "../raft/status.ts";
import { ChangeQueue, type ChangeWaiter } from "./change-queue.ts";
import type { ConfChangeOutcome } from "./conf-change-applier.ts";
import { LeaderMove, type LeaderMoveWaiter } from "./leader-move.ts";
import type { PeerTransport } from "./peer-transport.ts";
import { Polls } from "./polls.ts";
import { ReconfigChecks } from "./reconfig-checks.ts";

export type { ChangeWaiter, LeaderMoveWaiter };

/** How long promotion waits for what is committed to be applied (etcd's applyTimeout). */
const applyTimeoutMs = 1000;

/** What a careful caller demands of the present. */
export interface Precondition {
  /** memberListHash of the list that the change was decided from; undefined for any. */
  readonly expectedMemberListHash: string | undefined;
}

/** What a member offers of it. Each waiter is answered once, perhaps within the call. */
export interface Reconfiguration {
  /** The member has an id of its own (runtimeMemberId). */
  add(request: { readonly member: Member } & Precondition, waiter: ChangeWaiter): void;
  remove(request: { readonly id: MemberId } & Precondition, waiter: ChangeWaiter): void;
  update(
    request: { readonly id: MemberId; readonly peerUrls: readonly string[] } & Precondition,
    waiter: ChangeWaiter,
  ): void;
  /** Asks the leader when this member is not it. */
  promote(request: { readonly id: MemberId } & Precondition, waiter: ChangeWaiter): void;
  /** Several changes at once, through a joint configuration: no moment in between has a voter too few. At least two. */
  replace(changes: readonly MemberChange[], precondition: Precondition, waiter: ChangeWaiter): void;
  moveLeader(target: MemberId, waiter: LeaderMoveWaiter): void;
}

/** The part of raft that is asked. */
export interface LeadingNode {
  status(): RaftStatus;
  transferLeader(to: MemberId): void;
}

/** Promotions that were decided here (etcd server.go, PromoteMember). */
export interface PromotionStats {
  learnerPromotions: number;
  readonly failedLearnerPromotions: Map<EtcdErrorKind, number>;
}

export interface ReconfigOptions {
  readonly id: MemberId;
  readonly cluster: Cluster;
  readonly node: LeadingNode;
  readonly transport: Pick<PeerTransport, "activeSinceMs" | "promote">;
  /** Hands an entry to raft; false when it cannot take one now. */
  readonly propose: (proposal: Proposal) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly timeoutMs: number;
  readonly timeoutError: (sinceMs: number) => EtcdErrorKind;
  readonly strictReconfigCheck: boolean;
  readonly maxLearners: number;
  /** All members are known to be ours: a real etcd ends at the sight of a change of several. */
  readonly canEnterJoint: () => boolean;
  /** Counts promotions. */
  readonly stats?: PromotionStats;
}

export class Reconfig implements Reconfiguration {
  private readonly options: ReconfigOptions;
  private readonly checks: ReconfigChecks;
  private readonly queue: ChangeQueue;
  private readonly polls: Polls;
  private readonly leaderMove: LeaderMove;

  constructor(options: ReconfigOptions) {
    this.options = options;
    this.checks = new ReconfigChecks({ ...options, isStrict: options.strictReconfigCheck });
    this.queue = new ChangeQueue(options);
    this.polls = new Polls(options);
    this.leaderMove = new LeaderMove({ ...options, polls: this.polls });
  }

  add(request: { readonly member: Member } & Precondition, waiter: ChangeWaiter): void {
    const { member } = request;
    const check = (): EtcdErrorKind | undefined => this.checks.mayAdd(member.isLearner);
    this.ask([{ kind: "add", member }], request, { check, waiter });
  }

  remove(request: { readonly id: MemberId } & Precondition, waiter: ChangeWaiter): void {
    const { id } = request;
    this.ask([{ kind: "remove", id }], request, { check: () => this.checks.mayRemove(id), waiter });
  }

  update(
    request: { readonly id: MemberId; readonly peerUrls: readonly string[] } & Precondition,
    waiter: ChangeWaiter,
  ): void {
    const { id, peerUrls } = request;
    this.ask([{ kind: "update", id, peerUrls }], request, { check: () => undefined, waiter });
  }

  promote(request: { readonly id: MemberId } & Precondition, waiter: ChangeWaiter): void {
    const { id, expectedMemberListHash } = request;
    const refused = (error: EtcdErrorKind): void => {
      // The wish alone goes to the leader, without its precondition: a careful caller has to ask there.
      if (error !== "NotLeader" || expectedMemberListHash !== undefined) waiter.refused(error);
      else this.promoteAtLeader(id, waiter);
    };
    this.promoteHere(id, { applied: (members) => waiter.applied(members), refused }, request);
  }

  /** Promotes if this member leads, and is refused with NotLeader if not: also what another member has passed on. */
  promoteHere(
    id: MemberId,
    asking: ChangeWaiter,
    precondition: Precondition = { expectedMemberListHash: undefined },
  ): void {
    const { node, cluster } = this.options;
    const { role, committed } = node.status();
    if (role !== "leader") {
      asking.refused("NotLeader");
      return;
    }
    const waiter = this.countedPromotion(asking);
    const check = (): EtcdErrorKind | undefined => this.checks.mayPromote(id, node.status());
    this.polls.add(
      {
        check: () => {
          if (node.status().applied < committed) return false;
          const isKnown = cluster.member(id) !== undefined;
          if (isKnown) this.ask([{ kind: "promote", id }], precondition, { check, waiter });
          else waiter.refused(this.misses(precondition) ?? "MemberNotFound");
          return true;
        },
        end: (why) => waiter.refused(why === "timeout" ? "TimeoutWaitAppliedIndex" : "Stopped"),
      },
      applyTimeoutMs,
    );
  }

  private countedPromotion(waiter: ChangeWaiter): ChangeWaiter {
    const { stats } = this.options;
    if (stats === undefined) return waiter;
    return {
      applied: (members) => {
        stats.learnerPromotions += 1;
        waiter.applied(members);
      },
      refused: (error) => {
        const { failedLearnerPromotions: failed } = stats;
        if (error !== "NotLeader") failed.set(error, (failed.get(error) ?? 0) + 1);
        waiter.refused(error);
      },
    };
  }

  replace(
    changes: readonly MemberChange[],
    precondition: Precondition,
    waiter: ChangeWaiter,
  ): void {
    const { node, canEnterJoint } = this.options;
    const check = (): EtcdErrorKind | undefined =>
      canEnterJoint() ? this.checks.mayReplace(changes, node.status()) : "JointChangeNotPossible";
    this.ask(changes, precondition, { check, waiter });
  }

  moveLeader(target: MemberId, waiter: LeaderMoveWaiter): void {
    this.leaderMove.start(target, waiter);
  }

  /** Gives the leadership to the voter that is connected longest, if this member has it. Resolves when that is over, with what went wrong. */
  handOver(): Promise<EtcdErrorKind | undefined> {
    return this.leaderMove.handOver();
  }

  /** A change was applied, and raft knows it: the next one may be proposed. */
  applied(outcome: ConfChangeOutcome): void {
    this.queue.applied(outcome);
  }

  tick(): void {
    this.polls.tick();
    this.queue.tick();
  }

  /** The member stops. */
  refuseAll(error: EtcdErrorKind): void {
    this.polls.endAll();
    this.queue.refuseAll(error);
  }

  private ask(
    changes: readonly MemberChange[],
    precondition: Precondition,
    asked: { readonly check: () => EtcdErrorKind | undefined; readonly waiter: ChangeWaiter },
  ): void {
    const { expectedMemberListHash } = precondition;
    const addsLearner = changes.some((one) => one.kind === "add" && one.member.isLearner);
    const maxLearners = addsLearner ? this.options.maxLearners : undefined;
    this.queue.add({
      change: { changes, expectedMemberListHash, maxLearners },
      check: () => this.misses(precondition) ?? asked.check(),
      waiter: asked.waiter,
    });
  }

  /** Told early, as far as this member knows; what counts is the list when the change is applied. */
  private misses({ expectedMemberListHash }: Precondition): EtcdErrorKind | undefined {
    if (expectedMemberListHash === undefined) return undefined;
    const isSame = expectedMemberListHash === memberListHash(this.options.cluster.members);
    return isSame ? undefined : "MemberListChanged";
  }

  /** Until a leader has answered for good; then until this member has applied it, too. */
  private promoteAtLeader(id: MemberId, waiter: ChangeWaiter): void {
    const { node, transport, cluster, logger } = this.options;
    const state = { isAsking: false, isPromoted: false, isOver: false };
    const answered = (error: EtcdErrorKind | undefined): void => {
      state.isAsking = false;
      if (state.isOver) return;
      state.isPromoted = error === undefined;
      const isFinal =
        error === "LearnerNotReady" || error === "MemberNotFound" || error === "MemberNotLearner";
      if (!isFinal) return;
      state.isOver = true;
      waiter.refused(error);
    };
    const ask = (lead: MemberId): void => {
      state.isAsking = true;
      transport.promote(lead, id).then(answered, (error: unknown) => {
        logger.warn("failed to forward a member promotion", {
          "leader-id": idToHex(lead),
          error: String(error),
        });
        state.isAsking = false;
      });
    };
    this.polls.add({
      check: () => {
        const { lead, id: self } = node.status();
        if (state.isPromoted && cluster.member(id)?.isLearner === false) {
          state.isOver = true;
          waiter.applied(cluster.members);
        } else if (!state.isOver && !state.isAsking && !state.isPromoted && lead === self) {
          state.isOver = true;
          this.promoteHere(id, waiter);
        } else if (!state.isOver && !state.isAsking && !state.isPromoted && lead !== 0n) {
          ask(lead);
        }
        return state.isOver;
      },
      end: (why) => {
        if (state.isOver) return;
        state.isOver = true;
        waiter.refused(why === "timeout" ? "Timeout" : "Stopped");
      },
    });
  }
}
