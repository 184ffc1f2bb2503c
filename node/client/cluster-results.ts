/** What the Maintenance and Cluster calls of the client give, and how it is read from the generated messages. */
import type { etcdserverpb } from "../proto/generated/messages.js";
import { longToBigint, longToNumber } from "../proto/long.ts";
import { header } from "./kv-results.ts";
import type { Header } from "./kv-types.ts";

export interface Status {
  readonly header: Header;
  readonly version: string;
  readonly dbSizeBytes: number;
  readonly dbSizeInUseBytes: number;
  readonly dbSizeQuotaBytes: number;
  /** 0n for no leader. */
  readonly leader: bigint;
  readonly raftIndex: number;
  readonly raftTerm: number;
  readonly raftAppliedIndex: number;
  readonly errors: readonly string[];
  readonly isLearner: boolean;
  readonly storageVersion: string;
  readonly downgrade: { readonly isEnabled: boolean; readonly targetVersion: string };
}

export function statusResult(message: etcdserverpb.StatusResponse.$Properties): Status {
  return {
    header: header(message.header),
    version: message.version ?? "",
    dbSizeBytes: longToNumber(message.dbSize),
    dbSizeInUseBytes: longToNumber(message.dbSizeInUse),
    dbSizeQuotaBytes: longToNumber(message.dbSizeQuota),
    leader: longToBigint(message.leader),
    raftIndex: longToNumber(message.raftIndex),
    raftTerm: longToNumber(message.raftTerm),
    raftAppliedIndex: longToNumber(message.raftAppliedIndex),
    errors: message.errors ?? [],
    isLearner: message.isLearner ?? false,
    storageVersion: message.storageVersion ?? "",
    downgrade: {
      isEnabled: message.downgradeInfo?.enabled ?? false,
      targetVersion: message.downgradeInfo?.targetVersion ?? "",
    },
  };
}

export interface Member {
  readonly id: bigint;
  /** Empty until the member has published itself. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

export interface MemberList {
  readonly header: Header;
  readonly members: readonly Member[];
}

export function memberListResult(message: etcdserverpb.MemberListResponse.$Properties): MemberList {
  return { header: header(message.header), members: (message.members ?? []).map(member) };
}

export interface MemberAdd extends MemberList {
  /** The new one. */
  readonly member: Member;
}

export function memberAddResult(message: etcdserverpb.MemberAddResponse.$Properties): MemberAdd {
  return { ...memberListResult(message), member: member(message.member ?? {}) };
}

function member(message: etcdserverpb.Member.$Properties): Member {
  return {
    id: longToBigint(message.ID),
    name: message.name ?? "",
    peerUrls: message.peerURLs ?? [],
    clientUrls: message.clientURLs ?? [],
    isLearner: message.isLearner ?? false,
  };
}

export interface Alarm {
  readonly memberId: bigint;
  /** A number when the server knows an alarm that we do not. */
  readonly type: "none" | "nospace" | "corrupt" | number;
}

export interface Alarms {
  readonly header: Header;
  readonly alarms: readonly Alarm[];
}

const alarmNames = ["none", "nospace", "corrupt"] as const;

const numberOf = (type: Alarm["type"]): number =>
  typeof type === "number" ? type : alarmNames.indexOf(type);

/** As it is sent; the wire takes numbers that the enum does not name. */
export const alarmType: (type: Alarm["type"]) => etcdserverpb.AlarmType = numberOf;

export function alarmsResult(message: etcdserverpb.AlarmResponse.$Properties): Alarms {
  return { header: header(message.header), alarms: (message.alarms ?? []).map(alarm) };
}

function alarm(message: etcdserverpb.AlarmMember.$Properties): Alarm {
  const type: number = message.alarm ?? 0;
  return { memberId: longToBigint(message.memberID), type: alarmNames[type] ?? type };
}

export interface Hash {
  readonly header: Header;
  readonly hash: number;
}

export function hashResult(message: etcdserverpb.HashResponse.$Properties): Hash {
  return { header: header(message.header), hash: message.hash ?? 0 };
}

export interface HashKv {
  readonly header: Header;
  readonly hash: number;
  /** Revision of the last compaction; the hash covers what came after it. */
  readonly compactRevision: number;
  readonly hashRevision: number;
}

export function hashKvResult(message: etcdserverpb.HashKVResponse.$Properties): HashKv {
  return {
    header: header(message.header),
    hash: message.hash ?? 0,
    compactRevision: longToNumber(message.compactRevision),
    hashRevision: longToNumber(message.hashRevision),
  };
}
