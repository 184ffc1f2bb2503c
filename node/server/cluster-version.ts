/**
 * The version of the cluster: that of its oldest member. The leader decides it and raises it when the last member was upgraded
 * (etcdserver/version/monitor.go). It never goes down: downgrading is not built.
 */

import { serverVersion } from "../lib/etcd-version.ts";
import type { Logger, Timer, Timers } from "../lib/ports.ts";
import { idToHex, type MemberId } from "../lib/units.ts";
import { internalRequest } from "../proto/internal-raft-codec.ts";
import { encodeClusterVersionSet } from "../proto/membership-codec.ts";
import type { Proposer } from "./propose.ts";

/** Between two looks at the members' versions (etcd's monitorVersionInterval). */
const monitorMs = 4000;

/** What a cluster has until all its members can be asked (etcd's MinClusterVersion). */
const lowest = "3.0.0";

/** The server version of each member; undefined for one that did not answer. */
export type MemberVersions = ReadonlyMap<MemberId, string | undefined>;

export interface VersionedMember {
  readonly id: MemberId;
  readonly isLeader: boolean;
  readonly cluster: { readonly version: string | undefined };
  propose(field: number, message: Uint8Array, start: number, end: number, proposer: Proposer): void;
}

export interface ClusterVersionOptions {
  readonly member: VersionedMember;
  readonly timers: Timers;
  readonly logger: Logger;
  /** Asks all members. Without a network that can, this member speaks for all. */
  readonly versions?: () => Promise<MemberVersions>;
}

interface Version {
  readonly major: number;
  readonly minor: number;
}

function parse(text: string): Version | undefined {
  const match = /^(\d+)\.(\d+)\.\d+/.exec(text);
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]) };
}

const isBelow = (a: Version, b: Version): boolean =>
  a.major < b.major || (a.major === b.major && a.minor < b.minor);

/** The version to set, "major.minor.0"; undefined when it stays. A member whose version is not known keeps it from rising. */
export function decideClusterVersion(
  current: string | undefined,
  versions: MemberVersions,
): string | undefined {
  const minimum = lowestOf(versions);
  if (current === undefined) return minimum === undefined ? lowest : textOf(minimum);
  const now = parse(current);
  if (minimum === undefined || now === undefined) return undefined;
  return now.major === minimum.major && isBelow(now, minimum) ? textOf(minimum) : undefined;
}

const textOf = ({ major, minor }: Version): string => `${major}.${minor}.0`;

function lowestOf(versions: MemberVersions): Version | undefined {
  let minimum: Version | undefined;
  for (const text of versions.values()) {
    const version = text === undefined ? undefined : parse(text);
    if (version === undefined) return undefined;
    if (minimum === undefined || isBelow(version, minimum)) minimum = version;
  }
  return minimum;
}

export class ClusterVersionMonitor {
  private readonly options: ClusterVersionOptions;
  private timer: Timer | undefined;
  private isChecking = false;

  constructor(options: ClusterVersionOptions) {
    this.options = options;
  }

  start(): void {
    this.timer ??= this.options.timers.every(monitorMs, () => this.check());
  }

  stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  /** Looks now: a new leader does when it has applied its first entry. No effect on a follower, or while a look is under way. */
  check(): void {
    const { member, logger } = this.options;
    if (!member.isLeader || this.isChecking) return;
    this.isChecking = true;
    this.decide().then(
      () => {
        this.isChecking = false;
      },
      (error: unknown) => {
        this.isChecking = false;
        logger.error("Failed to monitor cluster version", { error: String(error) });
      },
    );
  }

  private async decide(): Promise<void> {
    const { member, logger, versions } = this.options;
    const known = versions === undefined ? new Map([[member.id, serverVersion]]) : await versions();
    const before = member.cluster.version;
    const version = decideClusterVersion(before, known);
    if (version === undefined || !member.isLeader) return;
    logger.info(
      before === undefined
        ? "setting up initial cluster version using v3 API"
        : "updating cluster version using v3 API",
      { "local-member-id": idToHex(member.id), from: before, "cluster-version": version },
    );
    const message = encodeClusterVersionSet(version);
    await new Promise<void>((resolve) => {
      member.propose(internalRequest.clusterVersionSet, message, 0, message.length, {
        applied: () => {
          logger.info("cluster version is updated", { "cluster-version": version });
          resolve();
        },
        refused: (error) => {
          logger.warn("failed to update cluster version", { error });
          resolve();
        },
      });
    });
  }
}
