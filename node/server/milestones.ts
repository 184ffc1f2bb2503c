/**
 * The lines that tell of a member's place in its cluster as it changes: raft's role and leader (raft.go, node.go) and the cluster's version (membership/cluster.go), in
 * etcd's words, by which people and tools look for them. It looks once a turn, so what lasted shorter than that is not told.
 */
import type { Logger } from "../lib/ports.ts";
import { type ClusterId, idToHex, type MemberId } from "../lib/units.ts";

export interface MilestoneSource {
  readonly term: number;
  readonly role: "follower" | "preCandidate" | "candidate" | "leader";
  readonly lead: MemberId;
}

export interface MilestoneOptions {
  readonly id: MemberId;
  readonly clusterId: ClusterId;
  readonly logger: Logger;
  readonly node: MilestoneSource;
  /** Undefined before the cluster has decided. */
  readonly version: () => string | undefined;
}

const roleNames = {
  follower: "follower",
  preCandidate: "pre-candidate",
  candidate: "candidate",
  leader: "leader",
} as const;

const raftLog = { logger: "raft" };

export class Milestones {
  private readonly options: MilestoneOptions;
  private term: number;
  private role: MilestoneSource["role"];
  private lead: MemberId;
  private version: string | undefined;

  constructor(options: MilestoneOptions) {
    this.options = options;
    const { node } = options;
    this.term = node.term;
    this.role = node.role;
    this.lead = node.lead;
    this.version = options.version();
    this.roleChanged();
  }

  /** Tells what is new since the last look. */
  look(): void {
    const { node } = this.options;
    if (node.term !== this.term || node.role !== this.role) this.roleChanged();
    if (node.lead !== this.lead) this.leadChanged();
    const version = this.options.version();
    if (version !== this.version && version !== undefined) this.versionChanged(version);
  }

  private roleChanged(): void {
    const { id, node, logger } = this.options;
    this.term = node.term;
    this.role = node.role;
    logger.info(`${idToHex(id)} became ${roleNames[node.role]} at term ${node.term}`, raftLog);
  }

  private leadChanged(): void {
    const { id, node, logger } = this.options;
    const [before, lead] = [this.lead, node.lead];
    this.lead = lead;
    const what =
      lead === 0n
        ? `lost leader ${idToHex(before)}`
        : before === 0n
          ? `elected leader ${idToHex(lead)}`
          : `changed leader from ${idToHex(before)} to ${idToHex(lead)}`;
    logger.info(`raft.node: ${idToHex(id)} ${what} at term ${node.term}`, raftLog);
  }

  private versionChanged(version: string): void {
    const { id, clusterId, logger } = this.options;
    const ids = { "cluster-id": idToHex(clusterId), "local-member-id": idToHex(id) };
    const [before, now] = [this.version, minorOf(version)];
    this.version = version;
    if (before === undefined) {
      logger.info("set initial cluster version", { ...ids, "cluster-version": now });
    } else {
      logger.info("updated cluster version", { ...ids, from: minorOf(before), to: now });
    }
    logger.info("enabled capabilities for version", { "cluster-version": now });
  }
}

/** "3.7.0" is told as "3.7". */
const minorOf = (version: string): string => version.split(".").slice(0, 2).join(".");
