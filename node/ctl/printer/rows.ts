/** Rows of cells that the simple and the table format share. */
import type { Alarm, MemberList } from "../../client/cluster-results.ts";
import type { WatchEvent } from "../../client/watch-types.ts";
import { sizeText } from "../go-text.ts";
import type { EndpointHashKv, EndpointStatus } from "./printer.ts";

export interface EndpointHealth {
  readonly endpoint: string;
  readonly isHealthy: boolean;
  /** As Go prints durations. */
  readonly took: string;
  /** Empty for none. */
  readonly error: string;
}

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Of a lease, as Go prints an int64 with 16 digits: a sign is one of them. */
export const leaseText = (id: bigint): string =>
  id < 0n ? `-${idText(-id).padStart(15, "0")}` : idText(id).padStart(16, "0");

export const idText = (id: bigint): string => id.toString(16);

export function memberTable({ members }: MemberList): Table {
  return {
    head: ["ID", "STATUS", "NAME", "PEER ADDRS", "CLIENT ADDRS", "IS LEARNER"],
    rows: members.map((member) => [
      idText(member.id),
      member.name === "" ? "unstarted" : "started",
      member.name,
      member.peerUrls.join(","),
      member.clientUrls.join(","),
      String(member.isLearner),
    ]),
  };
}

export function healthTable(list: readonly EndpointHealth[]): Table {
  return {
    head: ["ENDPOINT", "HEALTH", "TOOK", "ERROR"],
    rows: list.map(({ endpoint, isHealthy, took, error }) => [
      endpoint,
      String(isHealthy),
      took,
      error,
    ]),
  };
}

export function statusTable(list: readonly EndpointStatus[]): Table {
  const head = [
    "ENDPOINT",
    "ID",
    "VERSION",
    "STORAGE VERSION",
    "DB SIZE",
    "IN USE",
    "PERCENTAGE NOT IN USE",
    "QUOTA",
    "IS LEADER",
    "IS LEARNER",
    "RAFT TERM",
    "RAFT INDEX",
    "RAFT APPLIED INDEX",
    "ERRORS",
    "DOWNGRADE TARGET VERSION",
    "DOWNGRADE ENABLED",
  ];
  return { head, rows: list.map(statusRow) };
}

function statusRow({ endpoint, status }: EndpointStatus): readonly string[] {
  const { dbSizeBytes, dbSizeInUseBytes } = status;
  const usedPercent = dbSizeBytes === 0 ? 100 : Math.floor((dbSizeInUseBytes * 100) / dbSizeBytes);
  return [
    endpoint,
    idText(status.header.memberId),
    status.version,
    status.storageVersion,
    sizeText(dbSizeBytes),
    sizeText(dbSizeInUseBytes),
    `${100 - usedPercent}%`,
    sizeText(status.dbSizeQuotaBytes),
    String(status.leader === status.header.memberId),
    String(status.isLearner),
    String(status.raftTerm),
    String(status.raftIndex),
    String(status.raftAppliedIndex),
    status.errors.join(", "),
    status.downgrade.targetVersion,
    String(status.downgrade.isEnabled),
  ];
}

export function hashTable(list: readonly EndpointHashKv[]): Table {
  return {
    head: ["ENDPOINT", "HASH", "HASH REVISION"],
    rows: list.map(({ endpoint, hash }) => [
      endpoint,
      String(hash.hash),
      String(hash.hashRevision),
    ]),
  };
}

/** As etcd's messages name it. */
export const eventName = (type: WatchEvent["type"]): string => type.toUpperCase();

/** As etcd's messages name it. */
export const alarmName = (type: Alarm["type"]): string => String(type).toUpperCase();
