/** Maintenance.MoveLeader: its answer has no header, as on etcd (server/etcdserver/api/v3rpc/maintenance.go). */
import type { UnaryCall } from "../grpc/unary-call.ts";
import { memberId } from "../lib/units.ts";
import { etcdserverpb } from "../proto/generated/messages.js";
import { longToBigint } from "../proto/long.ts";
import type { Reconfiguration } from "../server/reconfig.ts";
import type { Admission } from "./admission.ts";
import { failWith } from "./errors.ts";
import { decodedMessage } from "./request-bytes.ts";

export class MoveLeaderService {
  private readonly member: { readonly reconfig: Reconfiguration };
  private readonly admission: Admission;

  constructor(member: { readonly reconfig: Reconfiguration }, admission: Admission) {
    this.member = member;
    this.admission = admission;
  }

  moveLeader(call: UnaryCall, bytes: Uint8Array): void {
    const request = decodedMessage(call, etcdserverpb.MoveLeaderRequest, bytes);
    if (request === undefined) return;
    const error = this.admission.refuse(call, false);
    if (error !== undefined) {
      failWith(call, error);
      return;
    }
    this.member.reconfig.moveLeader(memberId(longToBigint(request.targetID)), {
      moved: () => {
        const reply = etcdserverpb.MoveLeaderResponse.encode({}).finish();
        call.reply(reply, 0, reply.length);
      },
      refused: (refusal) => failWith(call, refusal),
    });
  }
}
