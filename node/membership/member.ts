/** One member of the cluster: its ids as etcd computes them, and its JSON form as etcd stores it. */
import { createHash } from "node:crypto";
import { assert } from "../lib/assert.ts";
import { toText } from "../lib/bytes.ts";
import { type ClusterId, clusterId, type MemberId, memberId } from "../lib/units.ts";

export interface Member {
  readonly id: MemberId;
  readonly peerUrls: readonly string[];
  readonly isLearner: boolean;
  /** Empty until the member has started and published itself; a founder of the cluster has its name from the first entry on. */
  readonly name: string;
  readonly clientUrls: readonly string[];
}

function firstEightBytes(data: string | Uint8Array): bigint {
  return createHash("sha1").update(data).digest().readBigUInt64BE(0);
}

/** The id of a member that is there from the cluster's birth (etcd membership/member.go, computeMemberID). */
export function bootstrapMemberId(peerUrls: readonly string[], clusterToken: string): MemberId {
  return memberId(firstEightBytes([...peerUrls].sort().join("") + clusterToken));
}

/** The id of a member that is added to a running cluster: of no token, but of the moment, so that addresses can be used again. */
export function runtimeMemberId(peerUrls: readonly string[], unixMs: number): MemberId {
  return bootstrapMemberId(peerUrls, String(Math.floor(unixMs / 1000)));
}

/** The id of a cluster, from the ids of its first members (etcd membership/cluster.go, genID). */
export function bootstrapClusterId(members: readonly MemberId[]): ClusterId {
  const bytes = Buffer.alloc(8 * members.length);
  const ascending = [...members].sort((a, b) => (a < b ? -1 : 1));
  for (const [at, id] of ascending.entries()) bytes.writeBigUInt64BE(id, 8 * at);
  return clusterId(firstEightBytes(bytes));
}

/** It has told its name, so it has been alive (etcd's IsStarted). */
export const isStarted = (member: Member): boolean => member.name !== "";

/** The JSON of etcd's Member, as the context of a conf change and as the value in the `members` bucket. */
export function memberToJson(member: Member): string {
  const rest = {
    peerURLs: member.peerUrls,
    ...(member.isLearner ? { isLearner: true } : {}),
    ...(member.name === "" ? {} : { name: member.name }),
    ...(member.clientUrls.length === 0 ? {} : { clientURLs: member.clientUrls }),
  };
  // The id uses all 64 bits: a JSON number that JavaScript's own printer cannot make.
  return `{"id":${member.id},${JSON.stringify(rest).slice(1)}`;
}

export interface MemberJson {
  readonly id?: string;
  readonly peerURLs?: readonly string[] | null;
  readonly isLearner?: boolean;
  readonly name?: string;
  readonly clientURLs?: readonly string[] | null;
}

/** Keeps the digits of `id`, which a JavaScript number would round. */
function keepIdDigits(
  key: string,
  value: unknown,
  context?: { readonly source?: string },
): unknown {
  return key === "id" && context?.source !== undefined ? context.source : value;
}

/** JSON in which every `id` is kept as its digits. Throws a SyntaxError. */
export const parseWithIds = (bytes: Uint8Array): unknown => JSON.parse(toText(bytes), keepIdDigits);

/** Throws a SyntaxError or an AssertionError where the bytes are not etcd's JSON of a member. */
export const memberFromJson = (bytes: Uint8Array): Member =>
  memberOf(parseWithIds(bytes) as MemberJson);

/** The member that the parsed JSON stands for. Throws an AssertionError when it has no id. */
export function memberOf(json: MemberJson): Member {
  assert(json.id !== undefined, "member without an id");
  return {
    id: memberId(BigInt(json.id)),
    peerUrls: json.peerURLs ?? [],
    isLearner: json.isLearner ?? false,
    name: json.name ?? "",
    clientUrls: json.clientURLs ?? [],
  };
}
