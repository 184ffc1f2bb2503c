/**
 * --strict-reconfig-check: whether the cluster, as this member sees its health, would survive a change of the members. Asked before the change is
 * proposed; the log may bring others before it, so this is care, not a guarantee (etcdserver/server.go, mayAddMember and its like;
 * membership/cluster.go, IsReadyToAddVotingMember and its like).
 */
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { Clock, LogFields, Logger } from "../lib/ports.ts";
import { idToHex, type MemberId } from "../lib/units.ts";
import { isStarted, type Member } from "../membership/member.ts";
import type { MemberChange } from "../membership/membership-change.ts";
import type { RaftStatus } from "../raft/status.ts";
import type { PeerTransport } from "./peer-transport.ts";

/** A connection counts when it has held for so long (etcd's HealthInterval). */
const healthMs = 5000;

/** A learner is ready when it has this part of the leader's log (etcd's readyPercentThreshold). */
const readyPart = 0.9;

export interface CheckedCluster {
  readonly votingMembers: readonly Member[];
  member(id: MemberId): Member | undefined;
}

export interface ReconfigChecksOptions {
  readonly id: MemberId;
  readonly cluster: CheckedCluster;
  readonly transport: Pick<PeerTransport, "activeSinceMs">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** False takes all checks out but the learner's readiness. */
  readonly isStrict: boolean;
}

const quorum = (voters: number): number => Math.floor(voters / 2) + 1;
const startedOf = (members: readonly Member[]): number => members.filter(isStarted).length;

export class ReconfigChecks {
  private readonly options: ReconfigChecksOptions;

  constructor(options: ReconfigChecksOptions) {
    this.options = options;
  }

  mayAdd(isLearner: boolean): EtcdErrorKind | undefined {
    const { cluster, isStrict } = this.options;
    if (!isStrict) return undefined;
    const voters = cluster.votingMembers;
    const started = startedOf(voters);
    // A member alone may take in a second one, whose vote it then needs.
    const isFirst = voters.length === 1 && started === 1;
    if (!isLearner && !isFirst && started < quorum(voters.length + 1)) {
      return this.refuse("MemberNotEnoughStarted", "member add", { started });
    }
    // The new member counts as one that is down.
    if (voters.length > 1 && this.connected(voters) < quorum(voters.length + 1)) {
      return this.refuse("Unhealthy", "member add", { active: this.connected(voters) });
    }
    return undefined;
  }

  mayRemove(id: MemberId): EtcdErrorKind | undefined {
    const { cluster, transport, isStrict } = this.options;
    if (!isStrict || cluster.member(id)?.isLearner === true) return undefined;
    const voters = cluster.votingMembers;
    const rest = voters.filter((member) => member.id !== id);
    const started = startedOf(rest);
    if (started < quorum(rest.length)) {
      return this.refuse("MemberNotEnoughStarted", "member remove", { started });
    }
    // One that is down is no part of the quorum that works now.
    if (id !== this.options.id && transport.activeSinceMs(id) === undefined) return undefined;
    const active = this.connected(voters);
    if (active - 1 < 1 + Math.floor((voters.length - 1) / 2)) {
      return this.refuse("Unhealthy", "member remove", { active });
    }
    return undefined;
  }

  mayPromote(id: MemberId, status: RaftStatus): EtcdErrorKind | undefined {
    const { cluster, isStrict } = this.options;
    const error = this.readiness(id, status);
    if (error !== undefined || !isStrict) return error;
    const voters = cluster.votingMembers;
    const started = startedOf(voters) + 1;
    if (started >= quorum(voters.length + 1)) return undefined;
    return this.refuse("MemberNotEnoughStarted", "member promote", { started });
  }

  /** Only the leader knows how far a learner is: NotLeader from everybody else. */
  private readiness(id: MemberId, status: RaftStatus): EtcdErrorKind | undefined {
    const { logger } = this.options;
    if (status.role !== "leader") return "NotLeader";
    const learner = status.progress.find((progress) => progress.id === id);
    if (learner === undefined) return "MemberNotFound";
    const own = status.progress.find((progress) => progress.id === status.id)?.match ?? 0;
    const part = own === 0 ? 1 : learner.match / own;
    if (part >= readyPart) return undefined;
    logger.error("rejecting promote learner: learner is not ready", {
      "learner-ready-percent": part,
      "ready-percent-threshold": readyPart,
    });
    return "LearnerNotReady";
  }

  /**
   * Several changes at once: both halves of the joint configuration must be able to decide, the new members counted as down, and a learner
   * among them is promoted on the same condition as alone.
   */
  mayReplace(changes: readonly MemberChange[], status: RaftStatus): EtcdErrorKind | undefined {
    const { cluster, isStrict } = this.options;
    for (const change of changes) {
      const error = change.kind === "promote" ? this.readiness(change.id, status) : undefined;
      if (error !== undefined) return error;
    }
    if (!isStrict) return undefined;
    const voters = cluster.votingMembers;
    const removed = changes.filter(({ kind }) => kind === "remove").map((change) => idOf(change));
    const promoted = changes
      .filter(({ kind }) => kind === "promote")
      .map((change) => cluster.member(idOf(change)))
      .filter((member) => member !== undefined);
    const added = changes.filter((one) => one.kind === "add" && !one.member.isLearner).length;
    const staying = [...voters.filter(({ id }) => !removed.includes(id)), ...promoted];
    const needed = quorum(staying.length + added);
    if (startedOf(staying) < needed) {
      return this.refuse("MemberNotEnoughStarted", "member replacement", {
        started: startedOf(staying),
      });
    }
    if (voters.length === 1 && added + promoted.length === 0) return undefined;
    const active = this.connected(voters);
    if (active < quorum(voters.length) || this.connected(staying) < needed) {
      return this.refuse("Unhealthy", "member replacement", { active });
    }
    return undefined;
  }

  /** How many of them this member has talked to without a break for a while, itself among them. */
  private connected(members: readonly Member[]): number {
    const { id: self, transport, clock } = this.options;
    const sinceMs = clock.monotonicMs() - healthMs;
    return members.filter(({ id }) => {
      if (id === self) return true;
      const activeMs = transport.activeSinceMs(id);
      return activeMs !== undefined && activeMs < sinceMs;
    }).length;
  }

  private refuse(error: EtcdErrorKind, request: string, why: LogFields): EtcdErrorKind {
    const { id, logger } = this.options;
    const message =
      error === "Unhealthy"
        ? "rejecting a change of the members; this member has not been connected to a majority for long enough"
        : "rejecting a change of the members; started members would be less than a quorum";
    logger.warn(message, { "local-member-id": idToHex(id), request, ...why });
    return error;
  }
}

const idOf = (change: MemberChange): MemberId =>
  change.kind === "add" ? change.member.id : change.id;
