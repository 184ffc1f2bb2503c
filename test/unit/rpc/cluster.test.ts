import assert from "node:assert/strict";
import { test } from "node:test";
import { etcdserverpb } from "../../../node/proto/generated/messages.js";
import { longToBigint, longToNumber } from "../../../node/proto/long.ts";
import { ClusterService } from "../../../node/rpc/cluster.ts";
import { RecordedCall } from "./recorded-call.ts";
import { RpcLab } from "./rpc-lab.ts";

test("MemberList names the members, with a revision of 0", async () => {
  const { member, world, admission } = await RpcLab.open();
  const service = new ClusterService(member, admission);
  for (const linearizable of [true, false]) {
    const call = new RecordedCall();
    const message = etcdserverpb.MemberListRequest.encode({ linearizable }).finish();
    service.memberList(call, message);
    await world.pass(50);
    const answer = etcdserverpb.MemberListResponse.decode(call.replies[0] as Uint8Array);
    assert.equal(longToNumber(answer.header?.revision), 0);
    assert.equal(longToBigint(answer.header?.clusterId), member.clusterId);
    assert.deepEqual(
      answer.members.map((one) => [longToBigint(one.ID), one.name, one.peerURLs, one.clientURLs]),
      [[member.id, "m1", ["http://localhost:2380"], ["http://localhost:2379"]]],
    );
  }
  const torn = new RecordedCall();
  service.memberList(torn, Uint8Array.of(0x08));
  assert.equal(torn.failures[0]?.code, 13);
});
