/**
 * Applies the log's changes of the membership: asks whether the change still holds, gives raft its new configuration and the membership its
 * members, and says what the rest of the member has to do about it. Deterministic: the same entries make the same cluster on every member
 * (etcdserver/server.go, applyConfChange).
 *
 *     entry ▸ decode ▸ valid? ─ yes ▸ raft ▸ membership ▸ outcome
 *                            └─ no  ▸ raft with a change of nobody ▸ outcome with the error
 */
import { emptyBytes } from "../lib/bytes.ts";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { Logger } from "../lib/ports.ts";
import { type ClusterId, idToHex, type LogIndex, type MemberId } from "../lib/units.ts";
import type { AppliedChange, Cluster } from "../membership/cluster.ts";
import { isJoint } from "../membership/conf-state-json.ts";
import type { Member } from "../membership/member.ts";
import { type DecodedChange, decodeChange } from "../membership/membership-change.ts";
import {
  type ConfChangeV2,
  confChangeTransition,
  confChangeType,
} from "../proto/conf-change-codec.ts";
import { type ConfState, type Entry, entryType } from "../raft/types.ts";

/** The part of raft that a change reaches. */
export interface ConfigurableNode {
  applyConfChange(change: ConfChangeV2): ConfState;
}

export interface ConfChangeApplierOptions {
  readonly id: MemberId;
  readonly clusterId: ClusterId;
  readonly cluster: Cluster;
  readonly node: ConfigurableNode;
  /** --max-learners, for changes that a real etcd has proposed; ours carry their proposer's. */
  readonly maxLearners: number;
  readonly logger: Logger;
}

export interface ConfChangeOutcome extends AppliedChange {
  /** The entry, and that it is one at which a real etcd stops, whatever came of it. */
  readonly index: LogIndex;
  readonly isV2: boolean;
  /** Of the proposer; 0n for nobody's. */
  readonly requestId: bigint;
  /** Why nothing was changed; undefined when it was. */
  readonly error: EtcdErrorKind | undefined;
  readonly confState: ConfState;
  /** The whole list behind the change. */
  readonly members: readonly Member[];
  /** This member has no place in the cluster any more: it must stop. */
  readonly isSelfRemoved: boolean;
}

/** raftpb's names. */
const raftNames: Readonly<Record<number, string>> = {
  [confChangeType.addNode]: "ConfChangeAddNode",
  [confChangeType.removeNode]: "ConfChangeRemoveNode",
  [confChangeType.updateNode]: "ConfChangeUpdateNode",
  [confChangeType.addLearnerNode]: "ConfChangeAddLearnerNode",
};

/** Changes nothing, and is one step for raft: an empty list would leave a joint configuration, two would enter one. */
const nobody: ConfChangeV2 = {
  transition: confChangeTransition.auto,
  changes: [{ type: confChangeType.addNode, nodeId: 0n }],
  context: emptyBytes,
};

export class ConfChangeApplier {
  private readonly options: ConfChangeApplierOptions;

  constructor(options: ConfChangeApplierOptions) {
    this.options = options;
  }

  /** Precondition: called once for each such entry, in order, before raft is told that it is applied. Throws CorruptionError. */
  apply(entry: Entry): ConfChangeOutcome {
    const { id, cluster, node, maxLearners } = this.options;
    const change = decodeChange(entry);
    const error = this.misfit(change) ?? cluster.validate(change, maxLearners);
    const isV2 = entry.type === entryType.confChangeV2;
    const place = { index: entry.index, isV2 };
    if (error !== undefined || this.isIdle(change)) {
      return { ...place, ...this.refuse(change, error) };
    }
    const { singles: changes, transition } = change;
    const confState = node.applyConfChange({ transition, changes, context: emptyBytes });
    const { members: before } = cluster;
    const applied = cluster.applyChange(change.changes, confState);
    this.log(change, applied, before);
    return {
      ...place,
      ...applied,
      requestId: change.requestId,
      error: undefined,
      confState,
      members: cluster.members,
      isSelfRemoved: applied.left.includes(id),
    };
  }

  /**
   * raft lets no other change into the log while a joint configuration is not left. Entries that --force-new-cluster appends are the exception:
   * what cannot be done then is refused like any other change that does not fit.
   */
  private misfit({ singles }: DecodedChange): EtcdErrorKind | undefined {
    const { cluster } = this.options;
    return singles.length > 0 && isJoint(cluster.confState) ? "Unhealthy" : undefined;
  }

  /** A leave without a joint configuration. */
  private isIdle({ singles }: DecodedChange): boolean {
    return singles.length === 0 && !isJoint(this.options.cluster.confState);
  }

  private refuse(
    { requestId, changes }: DecodedChange,
    error: EtcdErrorKind | undefined,
  ): Omit<ConfChangeOutcome, "index" | "isV2"> {
    const { cluster, node, logger } = this.options;
    const { confState } = cluster;
    if (error !== undefined) {
      logger.error("Validation on configuration change failed", {
        error,
        changes: changes.map(({ kind }) => kind),
      });
    }
    // In a joint configuration, or before there is any, raft takes no such step.
    if (!isJoint(confState) && confState.voters.length > 0) node.applyConfChange(nobody);
    const nothing: AppliedChange = { changedPeers: [], left: [] };
    const { members } = cluster;
    return { ...nothing, requestId, error, confState, members, isSelfRemoved: false };
  }

  /** `before`: the members as they were. */
  private log(
    { changes, singles }: DecodedChange,
    { left }: AppliedChange,
    before: readonly Member[],
  ): void {
    const { id, clusterId, cluster, logger } = this.options;
    const local = { "cluster-id": idToHex(clusterId), "local-member-id": idToHex(id) };
    for (const change of changes) {
      if (change.kind === "add") {
        const { id: added, peerUrls, isLearner } = change.member;
        logger.info("added member", {
          ...local,
          "added-peer-id": idToHex(added),
          "added-peer-peer-urls": peerUrls,
          "added-peer-is-learner": isLearner,
        });
      } else if (change.kind === "promote") {
        logger.info("promote member", { ...local, "promoted-member-id": idToHex(change.id) });
      } else if (change.kind === "update") {
        logger.info("updated member", {
          ...local,
          "updated-remote-peer-id": idToHex(change.id),
          "updated-remote-peer-urls": change.peerUrls,
          "updated-remote-peer-is-learner": cluster.member(change.id)?.isLearner ?? false,
        });
      }
    }
    for (const gone of left) {
      const member = before.find((each) => each.id === gone);
      logger.info("removed member", {
        ...local,
        "removed-remote-peer-id": idToHex(gone),
        "removed-remote-peer-urls": member?.peerUrls,
        "removed-remote-peer-is-learner": member?.isLearner,
      });
    }
    for (const { type, nodeId } of singles) {
      logger.info("applied a configuration change through raft", {
        "local-member-id": idToHex(id),
        "raft-conf-change": raftNames[type],
        "raft-conf-change-node-id": idToHex(nodeId),
      });
    }
  }
}
