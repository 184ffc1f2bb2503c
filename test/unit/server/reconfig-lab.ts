/** A member's reconfiguration without raft: status, connections and time are set by hand, proposals are kept. */
import type { EtcdErrorKind } from "../../../node/lib/etcd-error.ts";
import type { Clock } from "../../../node/lib/ports.ts";
import { logIndex, type MemberId, term } from "../../../node/lib/units.ts";
import type { Cluster } from "../../../node/membership/cluster.ts";
import { emptyConfState } from "../../../node/membership/conf-state-json.ts";
import type { Member } from "../../../node/membership/member.ts";
import { type DecodedChange, decodeChange } from "../../../node/membership/membership-change.ts";
import type { Proposal } from "../../../node/raft/ready.ts";
import type { RaftStatus, Role } from "../../../node/raft/status.ts";
import type { ConfChangeOutcome } from "../../../node/server/conf-change-applier.ts";
import {
  type ChangeWaiter,
  type LeaderMoveWaiter,
  Reconfig,
  type ReconfigOptions,
} from "../../../node/server/reconfig.ts";
import { clusterOf, id } from "../membership/membership-lab.ts";
import { quiet } from "../wal/wal-lab.ts";

export class ReconfigLab {
  readonly cluster: Cluster;
  readonly reconfig: Reconfig;
  readonly proposed: Proposal[] = [];
  readonly transfers: MemberId[] = [];
  /** Since when each member is connected. */
  readonly activeMs = new Map<MemberId, number>();
  /** What the leader answers to a promotion that is passed on; a string that begins with "!" is a failed connection. */
  readonly promoteAnswers: (EtcdErrorKind | "!" | undefined)[] = [];
  readonly answers: string[] = [];
  nowMs = 100_000;
  role: Role = "leader";
  lead: MemberId = id(1);
  committed = 10;
  applied = 10;
  /** How far the log of each member is, as the leader sees it. */
  readonly match = new Map<MemberId, number>();
  takesProposals = true;

  constructor(members: readonly Member[], changes: Partial<ReconfigOptions> = {}) {
    this.cluster = clusterOf(...members);
    for (const member of members) this.match.set(member.id, 10);
    const clock: Clock = { monotonicMs: () => this.nowMs, unixMs: () => 1_700_000_000_000 };
    this.reconfig = new Reconfig({
      id: id(1),
      cluster: this.cluster,
      node: {
        status: () => this.status(),
        transferLeader: (to) => void this.transfers.push(to),
      },
      transport: {
        activeSinceMs: (peer) => this.activeMs.get(peer),
        promote: () => {
          const answer = this.promoteAnswers.shift();
          return answer === "!" ? Promise.reject(new Error("down")) : Promise.resolve(answer);
        },
      },
      propose: (proposal) => {
        if (this.takesProposals) this.proposed.push(proposal);
        return this.takesProposals;
      },
      clock,
      logger: quiet,
      timeoutMs: 7000,
      timeoutError: () => "Timeout",
      strictReconfigCheck: true,
      maxLearners: 1,
      canEnterJoint: () => true,
      ...changes,
    });
  }

  /** All are connected for long. */
  connect(...members: readonly number[]): void {
    for (const member of members) this.activeMs.set(id(member), this.nowMs - 60_000);
  }

  /** Keeps what the waiter is told. */
  waiter(name = ""): ChangeWaiter & LeaderMoveWaiter {
    return {
      applied: (members: readonly Member[]) =>
        void this.answers.push(`${name}${members.map((member) => member.id).join(",")}`),
      moved: () => void this.answers.push(`${name}moved`),
      refused: (error: EtcdErrorKind) => void this.answers.push(`${name}${error}`),
    };
  }

  /** What was answered since the last time. */
  taken(): readonly string[] {
    return this.answers.splice(0);
  }

  tick(ms = 100): void {
    this.nowMs += ms;
    this.reconfig.tick();
  }

  changeAt(at: number): DecodedChange {
    const { type, data } = this.proposed.at(at) as Proposal;
    return decodeChange({ type, data, index: logIndex(1), term: term(1) });
  }

  /** The entry of a proposal is applied. */
  settle(at: number, error?: EtcdErrorKind): void {
    const { requestId } = this.changeAt(at);
    const outcome: ConfChangeOutcome = {
      index: logIndex(1),
      isV2: false,
      requestId,
      error,
      confState: emptyConfState,
      members: this.cluster.members,
      changedPeers: [],
      left: [],
      isSelfRemoved: false,
    };
    this.reconfig.applied(outcome);
  }

  private status(): RaftStatus {
    const { role, lead, cluster } = this;
    const progress = cluster.members.map((member) => ({
      id: member.id,
      isLearner: member.isLearner,
      state: "replicate" as const,
      match: logIndex(this.match.get(member.id) ?? 0),
      next: logIndex(11),
      isRecentActive: true,
      isPaused: false,
      pendingSnapshot: logIndex(0),
      inflightCount: 0,
    }));
    return {
      id: id(1),
      role,
      lead,
      term: term(2),
      vote: id(0),
      committed: logIndex(this.committed),
      applied: logIndex(this.applied),
      leadTransferee: id(0),
      confState: emptyConfState,
      progress: role === "leader" ? progress : [],
    };
  }
}
