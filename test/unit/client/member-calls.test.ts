import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";

import { Client } from "../../../node/client/client.ts";
import { etcdserverpb as pb } from "../../../node/proto/generated/messages.js";
import { numberLong, uint64Long } from "../../../node/proto/long.ts";
import { type Reply, ScriptedServer, type StreamReply } from "./scripted-server.ts";

const id = 2n ** 64n - 1n;
const learner = { ID: uint64Long(id), peerURLs: ["http://a:2380"], isLearner: true };
const expectedLearner = {
  id,
  name: "",
  peerUrls: ["http://a:2380"],
  clientUrls: [],
  isLearner: true,
};
const header = { clusterId: 0n, memberId: 0n, revision: 7, raftTerm: 0 };
const headerMessage = { revision: numberLong(7) };

async function start(
  t: TestContext,
  replies: Readonly<Record<string, Reply | StreamReply>>,
  endpoints: readonly string[] = [],
): Promise<{ server: ScriptedServer; client: Client }> {
  const server = await ScriptedServer.start(replies);
  const client = new Client({ endpoints: [...endpoints, server.address] });
  t.after(() => {
    client.close();
    server.stop();
  });
  return { server, client };
}

suite("member and leader calls of the client", () => {
  test("memberAdd sends URLs and the learner flag, and gives the new one and all", async (t) => {
    const reply = pb.MemberAddResponse.encode({
      header: headerMessage,
      member: learner,
      members: [learner],
    }).finish();
    const { server, client } = await start(t, { "/etcdserverpb.Cluster/MemberAdd": reply });
    assert.deepEqual(await client.memberAdd(["http://a:2380"], { isLearner: true }), {
      header,
      member: expectedLearner,
      members: [expectedLearner],
    });
    const sent = { peerURLs: ["http://a:2380"], isLearner: true };
    assert.deepEqual(server.seen[0]?.request, pb.MemberAddRequest.encode(sent).finish());
  });

  test("defragment asks one member and gives nothing, as its answer has no header", async (t) => {
    const reply = pb.DefragmentResponse.encode({}).finish();
    const { server, client } = await start(t, { "/etcdserverpb.Maintenance/Defragment": reply });
    assert.equal(await client.defragment(), undefined);
    assert.equal(server.seen.length, 1);
  });

  test("raiseAlarm sends the member and the alarm, and gives it", async (t) => {
    const raised = { memberID: uint64Long(id), alarm: pb.AlarmType.NOSPACE };
    const reply = pb.AlarmResponse.encode({ header: headerMessage, alarms: [raised] }).finish();
    const { server, client } = await start(t, { "/etcdserverpb.Maintenance/Alarm": reply });
    const alarm = { memberId: id, type: "nospace" } as const;
    assert.deepEqual(await client.raiseAlarm(alarm), { header, alarms: [alarm] });
    const action = pb.AlarmRequest.AlarmAction.ACTIVATE;
    const sent = pb.AlarmRequest.encode({ action, ...raised }).finish();
    assert.deepEqual(server.seen[0]?.request, sent);
  });

  test("memberRemove, memberUpdate and memberPromote send the id and give who is there", async (t) => {
    const reply = pb.MemberRemoveResponse.encode({ header: headerMessage, members: [learner] });
    const bytes = reply.finish();
    const { server, client } = await start(t, {
      "/etcdserverpb.Cluster/MemberRemove": bytes,
      "/etcdserverpb.Cluster/MemberUpdate": bytes,
      "/etcdserverpb.Cluster/MemberPromote": bytes,
    });
    const expected = { header, members: [expectedLearner] };
    assert.deepEqual(await client.memberRemove(id), expected);
    assert.deepEqual(await client.memberUpdate(id, ["http://b:1"]), expected);
    assert.deepEqual(await client.memberPromote(id), expected);
    const ID = uint64Long(id);
    assert.deepEqual(
      server.seen.map(({ request }) => request),
      [
        pb.MemberRemoveRequest.encode({ ID }).finish(),
        pb.MemberUpdateRequest.encode({ ID, peerURLs: ["http://b:1"] }).finish(),
        pb.MemberPromoteRequest.encode({ ID }).finish(),
      ],
    );
  });

  test("moveLeader sends the target; disarmAlarm takes back the alarm of one member", async (t) => {
    const { server, client } = await start(t, {
      "/etcdserverpb.Maintenance/MoveLeader": pb.MoveLeaderResponse.encode({
        header: headerMessage,
      }).finish(),
      "/etcdserverpb.Maintenance/Alarm": pb.AlarmResponse.encode({
        header: headerMessage,
        alarms: [{ memberID: uint64Long(id), alarm: pb.AlarmType.CORRUPT }],
      }).finish(),
    });
    assert.deepEqual(await client.moveLeader(id), header);
    const alarm = { memberId: id, type: "corrupt" } as const;
    assert.deepEqual(await client.disarmAlarm(alarm), { header, alarms: [alarm] });
    assert.deepEqual(
      server.seen.map(({ request }) => request),
      [
        pb.MoveLeaderRequest.encode({ targetID: uint64Long(id) }).finish(),
        pb.AlarmRequest.encode({
          action: pb.AlarmRequest.AlarmAction.DEACTIVATE,
          memberID: uint64Long(id),
          alarm: pb.AlarmType.CORRUPT,
        }).finish(),
      ],
    );
  });

  test("connect passes over an endpoint that nobody listens on: a write then finds the other", async (t) => {
    const reply = pb.PutResponse.encode({ header: headerMessage }).finish();
    const { client } = await start(t, { "/etcdserverpb.KV/Put": reply }, ["127.0.0.1:1"]);
    await client.connect({ deadlineMs: 10_000 });
    assert.deepEqual(await client.put("k", "v"), { header, prevKv: undefined });
  });

  test("connect rejects with DeadlineExceeded when no endpoint answers", async (t) => {
    const client = new Client({ endpoints: ["127.0.0.1:1"] });
    t.after(() => client.close());
    await assert.rejects(client.connect({ deadlineMs: 50 }), {
      name: "ClientError",
      code: 4,
      text: "no connection to 127.0.0.1:1 within 50 ms",
    });
  });
});
