/** The Cluster service's list of the members; its changes are in member-changes.ts. */
import type { UnaryCall } from "../grpc/unary-call.ts";
import { etcdserverpb } from "../proto/generated/messages.js";
import type { Member } from "../server/member.ts";
import type { Admission } from "./admission.ts";
import { failWith } from "./errors.ts";
import { headerOf } from "./header.ts";
import { protoMember } from "./member-changes.ts";
import { decodedMessage } from "./request-bytes.ts";

export class ClusterService {
  private readonly member: Member;
  private readonly admission: Admission;

  constructor(member: Member, admission: Admission) {
    this.member = member;
    this.admission = admission;
  }

  memberList(call: UnaryCall, bytes: Uint8Array): void {
    const request = decodedMessage(call, etcdserverpb.MemberListRequest, bytes);
    if (request === undefined) return;
    const error = this.admission.refuse(call, false);
    if (error !== undefined) {
      failWith(call, error);
    } else if (!request.linearizable) {
      this.reply(call);
    } else {
      this.member.linearizableRead({
        readable: () => this.reply(call),
        refused: (refusal) => failWith(call, refusal),
      });
    }
  }

  private reply(call: UnaryCall): void {
    const members = this.member.cluster.members.map(protoMember);
    const reply = etcdserverpb.MemberListResponse.encode({
      header: headerOf(this.member, 0),
      members,
    }).finish();
    call.reply(reply, 0, reply.length);
  }
}
