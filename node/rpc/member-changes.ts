/**
 * The Cluster service's changes: MemberAdd, MemberRemove, MemberUpdate, MemberPromote (server/etcdserver/api/v3rpc/member.go).
 *
 * Beyond etcd: a call may carry the metadata `etcd-ts-member-list-hash`, the hash of the member list that it was decided from
 * (membership/member-list-hash.ts). It is refused, also when another change came first only in the log, once the list is another one.
 */
import type { UnaryCall } from "../grpc/unary-call.ts";
import type { Clock } from "../lib/ports.ts";
import { memberId } from "../lib/units.ts";
import { type Member as ClusterMember, runtimeMemberId } from "../membership/member.ts";
import { parsePeerUrls } from "../membership/peer-urls.ts";
import { etcdserverpb } from "../proto/generated/messages.js";
import { longToBigint, uint64Long } from "../proto/long.ts";
import type { ChangeWaiter, Reconfiguration } from "../server/reconfig.ts";
import type { Admission } from "./admission.ts";
import { failWith } from "./errors.ts";
import { type HeaderSource, headerOf } from "./header.ts";
import { decodedMessage } from "./request-bytes.ts";

/** The name of the precondition in a request's metadata. */
const memberListHashKey = "etcd-ts-member-list-hash";

export interface ReconfigMember extends HeaderSource {
  readonly clock: Clock;
  readonly reconfig: Reconfiguration;
}

type ProtoMember = etcdserverpb.Member.$Properties;

/** A member as the answers of the Cluster service show it. */
export const protoMember = (member: ClusterMember): ProtoMember => ({
  ID: uint64Long(member.id),
  name: member.name,
  peerURLs: [...member.peerUrls],
  clientURLs: [...member.clientUrls],
  isLearner: member.isLearner,
});

interface ResponseType {
  encode(response: {
    readonly header: etcdserverpb.ResponseHeader.$Properties;
    readonly member?: ProtoMember;
    readonly members: ProtoMember[];
  }): { finish(): Uint8Array };
}

const preconditionOf = (
  call: UnaryCall,
): { readonly expectedMemberListHash: string | undefined } => ({
  expectedMemberListHash: call.metadata(memberListHashKey),
});

export class MemberChangesService {
  private readonly member: ReconfigMember;
  private readonly admission: Admission;

  constructor(member: ReconfigMember, admission: Admission) {
    this.member = member;
    this.admission = admission;
  }

  memberAdd(call: UnaryCall, bytes: Uint8Array): void {
    const request = this.admitted(call, etcdserverpb.MemberAddRequest, bytes);
    if (request === undefined) return;
    const peerUrls = parsePeerUrls(request.peerURLs);
    if (peerUrls === undefined) {
      failWith(call, "MemberBadURLs");
      return;
    }
    const { isLearner } = request;
    const { clock, reconfig } = this.member;
    const id = runtimeMemberId(peerUrls, clock.unixMs());
    const member: ClusterMember = { id, peerUrls, isLearner, name: "", clientUrls: [] };
    const more = { member: protoMember(member) };
    const waiter = this.waiter(call, etcdserverpb.MemberAddResponse, more);
    reconfig.add({ member, ...preconditionOf(call) }, waiter);
  }

  memberRemove(call: UnaryCall, bytes: Uint8Array): void {
    const request = this.admitted(call, etcdserverpb.MemberRemoveRequest, bytes);
    if (request === undefined) return;
    const id = memberId(longToBigint(request.ID));
    const waiter = this.waiter(call, etcdserverpb.MemberRemoveResponse);
    this.member.reconfig.remove({ id, ...preconditionOf(call) }, waiter);
  }

  /** etcd takes what no URL is, too, and its other members end at it. */
  memberUpdate(call: UnaryCall, bytes: Uint8Array): void {
    const request = this.admitted(call, etcdserverpb.MemberUpdateRequest, bytes);
    if (request === undefined) return;
    const { peerURLs: peerUrls } = request;
    if (parsePeerUrls(peerUrls) === undefined) {
      failWith(call, "MemberBadURLs");
      return;
    }
    const id = memberId(longToBigint(request.ID));
    const waiter = this.waiter(call, etcdserverpb.MemberUpdateResponse);
    this.member.reconfig.update({ id, peerUrls, ...preconditionOf(call) }, waiter);
  }

  memberPromote(call: UnaryCall, bytes: Uint8Array): void {
    const request = this.admitted(call, etcdserverpb.MemberPromoteRequest, bytes);
    if (request === undefined) return;
    const id = memberId(longToBigint(request.ID));
    const waiter = this.waiter(call, etcdserverpb.MemberPromoteResponse);
    this.member.reconfig.promote({ id, ...preconditionOf(call) }, waiter);
  }

  private admitted<Request>(
    call: UnaryCall,
    type: { decode(bytes: Uint8Array): Request },
    bytes: Uint8Array,
  ): Request | undefined {
    const request = decodedMessage(call, type, bytes);
    if (request === undefined) return undefined;
    const error = this.admission.refuse(call, false);
    if (error === undefined) return request;
    failWith(call, error);
    return undefined;
  }

  /** Answers the call with the list behind the change. */
  private waiter(
    call: UnaryCall,
    type: ResponseType,
    more: { readonly member?: ProtoMember } = {},
  ): ChangeWaiter {
    return {
      applied: (members) => {
        const header = headerOf(this.member, 0);
        const reply = type.encode({ header, ...more, members: members.map(protoMember) }).finish();
        call.reply(reply, 0, reply.length);
      },
      refused: (error) => failWith(call, error),
    };
  }
}
