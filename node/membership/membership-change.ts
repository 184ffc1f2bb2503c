/**
 * A change of the membership as the log carries it: raftpb.ConfChange, or ConfChangeV2 for several at once, with etcd's JSON of the members in
 * the context.
 *
 * One change is etcd's own bytes (membership.ConfigChangeContext), which a real etcd member applies like ours. Beside etcd's fields there
 * may be two of our own, which etcd passes over: `expectedMemberListHash`, the precondition, and `maxLearners`, the proposer's limit, so that
 * all members decide alike whatever their flags are.
 *
 *     one:      {"id":10276657743932975437,"peerURLs":["http://a:2380"],"isPromote":true, "expectedMemberListHash":"...", "maxLearners":1}
 *     several:  [{"requestId":"7","expectedMemberListHash":"...","maxLearners":1}, {"id":1,"peerURLs":["http://b:2380"]}, ...]
 *
 * Several are never proposed to a cluster with a real etcd member in it: its server ends at the sight of one (DESIGN section 4, decision 3).
 */
import { assert } from "../lib/assert.ts";
import { fromText } from "../lib/bytes.ts";
import { CorruptionError } from "../lib/corruption-error.ts";
import { type MemberId, memberId } from "../lib/units.ts";
import {
  type ConfChangeSingle,
  confChangeTransition,
  confChangeType,
  decodeConfChange,
  decodeConfChangeV2,
  encodeConfChange,
  encodeConfChangeV2,
} from "../proto/conf-change-codec.ts";
import type { Proposal } from "../raft/ready.ts";
import { type Entry, entryType } from "../raft/types.ts";
import { type Member, type MemberJson, memberOf, memberToJson, parseWithIds } from "./member.ts";

/** What happens to one member. */
export type MemberChange =
  /** A new member; `member.isLearner` says whether it votes. */
  | { readonly kind: "add"; readonly member: Member }
  /** A learner gets a vote. */
  | { readonly kind: "promote"; readonly id: MemberId }
  | { readonly kind: "remove"; readonly id: MemberId }
  | { readonly kind: "update"; readonly id: MemberId; readonly peerUrls: readonly string[] };

export interface MembershipChange {
  /** Finds the one who waits for the answer; 0n when nobody does. */
  readonly requestId: bigint;
  /** In the order in which they count. None leaves a joint configuration. */
  readonly changes: readonly MemberChange[];
  /** What the list of members must be when the change is applied (memberListHash); undefined for any. */
  readonly expectedMemberListHash: string | undefined;
  /** The proposer's --max-learners; undefined from a real etcd. */
  readonly maxLearners: number | undefined;
}

export interface DecodedChange extends MembershipChange {
  /** The same as raft takes it. */
  readonly singles: readonly ConfChangeSingle[];
  readonly transition: number;
}

interface OwnFields {
  readonly requestId?: string;
  readonly isPromote?: boolean;
  readonly expectedMemberListHash?: string;
  readonly maxLearners?: number;
}

type ContextJson = MemberJson & OwnFields;

/** Where a change of several goes: by itself through the joint configuration and out of it. */
export function encodeChange(change: MembershipChange): Proposal {
  const { requestId, changes } = change;
  const [only] = changes;
  if (only !== undefined && changes.length === 1) {
    const context = fromText(contextOf(only, change));
    const data = encodeConfChange({ id: requestId, ...singleOf(only), context });
    return { type: entryType.confChange, data };
  }
  assert(changes.length > 1, "a change of nothing");
  const first = `{"requestId":"${requestId}"${ownFields(change)}}`;
  const members = changes.filter(({ kind }) => kind !== "remove").map(memberJson);
  const data = encodeConfChangeV2({
    transition: confChangeTransition.jointImplicit,
    changes: changes.map(singleOf),
    context: fromText(`[${[first, ...members].join(",")}]`),
  });
  return { type: entryType.confChangeV2, data };
}

function singleOf(change: MemberChange): ConfChangeSingle {
  switch (change.kind) {
    case "add": {
      const { id, isLearner } = change.member;
      return {
        nodeId: id,
        type: isLearner ? confChangeType.addLearnerNode : confChangeType.addNode,
      };
    }
    case "promote":
      return { nodeId: change.id, type: confChangeType.addNode };
    case "remove":
      return { nodeId: change.id, type: confChangeType.removeNode };
    case "update":
      return { nodeId: change.id, type: confChangeType.updateNode };
  }
}

/** As Go's encoding/json writes it on etcd; the removal of a member has no context there. */
function memberJson(change: MemberChange): string {
  switch (change.kind) {
    case "add":
      return memberToJson(change.member);
    case "promote":
      return `{"id":${change.id},"peerURLs":null,"isPromote":true}`;
    case "remove":
      return `{"id":${change.id}}`;
    case "update":
      return `{"id":${change.id},"peerURLs":${JSON.stringify(change.peerUrls)}}`;
  }
}

function contextOf(one: MemberChange, change: MembershipChange): string {
  const own = ownFields(change);
  if (one.kind === "remove" && own === "") return "";
  return `${memberJson(one).slice(0, -1)}${own}}`;
}

const ownFields = ({ expectedMemberListHash, maxLearners }: MembershipChange): string =>
  (expectedMemberListHash === undefined
    ? ""
    : `,"expectedMemberListHash":${JSON.stringify(expectedMemberListHash)}`) +
  (maxLearners === undefined ? "" : `,"maxLearners":${maxLearners}`);

/** What a conf-change entry asks for. Throws CorruptionError where it is none: the log holds only what a member has proposed. */
export function decodeChange(entry: Entry): DecodedChange {
  try {
    return entry.type === entryType.confChange ? decodeOne(entry.data) : decodeSeveral(entry.data);
  } catch (error) {
    throw new CorruptionError(`the conf change at log index ${entry.index} is malformed`, {
      cause: error,
    });
  }
}

function decodeOne(data: Uint8Array): DecodedChange {
  const { id: requestId, type, nodeId, context } = decodeConfChange(data);
  const json = context.length === 0 ? {} : (parseWithIds(context) as ContextJson);
  const singles = [{ type, nodeId }];
  const contexts = json.id === undefined ? [] : [json];
  return { ...decoded(singles, contexts, json), requestId, transition: confChangeTransition.auto };
}

function decodeSeveral(data: Uint8Array): DecodedChange {
  const { transition, changes: singles, context } = decodeConfChangeV2(data);
  const json = context.length === 0 ? [] : parseWithIds(context);
  assert(Array.isArray(json), "the context of several changes is no list");
  const list: readonly ContextJson[] = json;
  const own = list.find(({ id }) => id === undefined) ?? {};
  const requestId = BigInt(own.requestId ?? "0");
  const contexts = list.filter(({ id }) => id !== undefined);
  return { ...decoded(singles, contexts, own), requestId, transition };
}

function decoded(
  singles: readonly ConfChangeSingle[],
  contexts: readonly ContextJson[],
  own: OwnFields,
): Omit<DecodedChange, "requestId" | "transition"> {
  const { expectedMemberListHash, maxLearners } = own;
  const changes = singles
    .filter(({ nodeId }) => nodeId !== 0n)
    .map((single) => memberChange(single, contexts));
  return { singles, changes, expectedMemberListHash, maxLearners };
}

function memberChange(
  { type, nodeId }: ConfChangeSingle,
  contexts: readonly ContextJson[],
): MemberChange {
  const id = memberId(nodeId);
  if (type === confChangeType.removeNode) return { kind: "remove", id };
  const json = contexts.find((context) => BigInt(context.id ?? "0") === nodeId);
  assert(json !== undefined, "a conf change without its member", nodeId);
  const member = memberOf(json);
  if (type === confChangeType.updateNode) return { kind: "update", id, peerUrls: member.peerUrls };
  const isLearner = type === confChangeType.addLearnerNode;
  assert(isLearner || type === confChangeType.addNode, "a conf change of an unknown type", type);
  if (json.isPromote === true) return { kind: "promote", id };
  return { kind: "add", member: { ...member, isLearner } };
}
