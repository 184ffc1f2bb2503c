/** The Cluster service, as far as it is served: MemberList. */
import type { UnaryCall } from "../grpc/unary-call.ts";
import { etcdserverpb } from "../proto/generated/messages.js";
import { uint64Long } from "../proto/long.ts";
import type { Member } from "../server/member.ts";
import { failMalformed, failWith } from "./errors.ts";
import { headerOf } from "./header.ts";

export class ClusterService {
  private readonly member: Member;

  constructor(member: Member) {
    this.member = member;
  }

  memberList(call: UnaryCall, bytes: Uint8Array, start: number, end: number): void {
    let request: etcdserverpb.MemberListRequest;
    try {
      request = etcdserverpb.MemberListRequest.decode(bytes.subarray(start, end));
    } catch {
      failMalformed(call);
      return;
    }
    if (!request.linearizable) {
      this.reply(call);
      return;
    }
    this.member.linearizableRead({
      readable: () => this.reply(call),
      refused: (error) => failWith(call, error),
    });
  }

  private reply(call: UnaryCall): void {
    const members = this.member.cluster.members.map(
      ({ id, name, peerUrls, clientUrls, isLearner }) => ({
        ID: uint64Long(id),
        name,
        peerURLs: [...peerUrls],
        clientURLs: [...clientUrls],
        isLearner,
      }),
    );
    const reply = etcdserverpb.MemberListResponse.encode({
      header: headerOf(this.member, 0),
      members,
    }).finish();
    call.reply(reply, 0, reply.length);
  }
}
