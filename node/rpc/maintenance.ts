/** The Maintenance service, as far as it is served: Status, and Alarm for asking. */

import { statusCode } from "../grpc/status.ts";
import type { UnaryCall } from "../grpc/unary-call.ts";
import { etcdserverpb } from "../proto/generated/messages.js";
import { numberLong, uint64Long } from "../proto/long.ts";
import type { Member } from "../server/member.ts";
import { serverVersion, storageVersion } from "../server/version.ts";
import { failMalformed, statusOf } from "./errors.ts";
import { headerOf } from "./header.ts";

export class MaintenanceService {
  private readonly member: Member;
  private readonly quotaBytes: number;

  constructor(member: Member, quotaBytes: number) {
    this.member = member;
    this.quotaBytes = quotaBytes;
  }

  status(call: UnaryCall): void {
    const { member } = this;
    const { raft, store } = member;
    const bytes = etcdserverpb.StatusResponse.encode({
      header: headerOf(member, store.currentRevision),
      version: serverVersion,
      dbSize: numberLong(store.logicalBytes),
      dbSizeInUse: numberLong(store.logicalBytes),
      leader: uint64Long(raft.lead),
      raftIndex: numberLong(raft.committed),
      raftTerm: numberLong(raft.term),
      raftAppliedIndex: numberLong(raft.applied),
      errors: member.hasLeader ? [] : [statusOf.NoLeader.text],
      isLearner: false,
      storageVersion,
      dbSizeQuota: numberLong(Number.isFinite(this.quotaBytes) ? this.quotaBytes : -1),
      downgradeInfo: {},
    }).finish();
    call.reply(bytes, 0, bytes.length);
  }

  /** No request that this member serves can raise an alarm, so the list is empty; raising and disarming are not served. */
  alarm(call: UnaryCall, bytes: Uint8Array, start: number, end: number): void {
    let request: etcdserverpb.AlarmRequest;
    try {
      request = etcdserverpb.AlarmRequest.decode(bytes.subarray(start, end));
    } catch {
      failMalformed(call);
      return;
    }
    if (request.action !== etcdserverpb.AlarmRequest.AlarmAction.GET) {
      call.fail(statusCode.unimplemented, "etcd-ts: alarms can only be listed in this version");
      return;
    }
    const header = headerOf(this.member, this.member.store.currentRevision);
    const reply = etcdserverpb.AlarmResponse.encode({ header }).finish();
    call.reply(reply, 0, reply.length);
  }
}
