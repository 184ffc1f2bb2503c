import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";

import { Client } from "../../../node/client/client.ts";
import { ClientError } from "../../../node/client/client-error.ts";
import { etcdserverpb as pb } from "../../../node/proto/generated/messages.js";
import { int64Long, longToBigint, numberLong, uint64Long } from "../../../node/proto/long.ts";
import { type Reply, ScriptedServer, type StreamReply } from "./scripted-server.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const plain = (message: object): unknown =>
  JSON.parse(JSON.stringify(message, (_key, value: unknown) => value));

const headerMessage = {
  clusterId: uint64Long(2n ** 64n - 1n),
  memberId: uint64Long(2n ** 63n),
  revision: numberLong(2 ** 40),
  raftTerm: numberLong(3),
};
const header = { clusterId: 2n ** 64n - 1n, memberId: 2n ** 63n, revision: 2 ** 40, raftTerm: 3 };
const keyValueMessage = {
  key: text("k"),
  value: text("v"),
  createRevision: numberLong(2),
  modRevision: numberLong(5),
  version: numberLong(4),
  lease: int64Long(2n ** 63n - 1n),
};
const keyValue = {
  key: text("k"),
  value: text("v"),
  createRevision: 2,
  modRevision: 5,
  version: 4,
  lease: 2n ** 63n - 1n,
};

async function start(
  t: TestContext,
  replies: Readonly<Record<string, Reply | StreamReply>>,
): Promise<{ server: ScriptedServer; client: Client }> {
  const server = await ScriptedServer.start(replies);
  const client = new Client({ endpoints: [`http://${server.address}`] });
  t.after(() => {
    client.close();
    server.stop();
  });
  return { server, client };
}

suite("client", () => {
  test("put sends key, value and options, and gives header and previous value", async (t) => {
    const reply = pb.PutResponse.encode({
      header: headerMessage,
      prevKv: keyValueMessage,
    }).finish();
    const { server, client } = await start(t, { "/etcdserverpb.KV/Put": reply });
    const result = await client.put("k", text("v"), { lease: -(2n ** 63n), prevKv: true });
    assert.deepEqual(result, { header, prevKv: keyValue });
    const expected = pb.PutRequest.encode({
      key: text("k"),
      value: text("v"),
      lease: int64Long(-(2n ** 63n)),
      prevKv: true,
    }).finish();
    assert.deepEqual(server.seen[0]?.request, expected);
  });

  test("get gives the one key-value, or undefined", async (t) => {
    const found = await start(t, {
      "/etcdserverpb.KV/Range": pb.RangeResponse.encode({
        kvs: [keyValueMessage],
        count: numberLong(1),
      }).finish(),
    });
    assert.deepEqual(await found.client.get("k"), keyValue);
    const missing = await start(t, { "/etcdserverpb.KV/Range": new Uint8Array(0) });
    assert.equal(
      await missing.client.get("k", { revision: 2n ** 63n - 1n, serializable: true }),
      undefined,
    );
    const request = pb.RangeRequest.decode(missing.server.seen[0]?.request ?? new Uint8Array(0));
    assert.equal(longToBigint(request.revision), 2n ** 63n - 1n);
    assert.equal(request.serializable, true);
  });

  test("range sends all options, and a prefix as a range", async (t) => {
    const reply = pb.RangeResponse.encode({
      header: headerMessage,
      more: true,
      count: numberLong(9),
    }).finish();
    const { server, client } = await start(t, { "/etcdserverpb.KV/Range": reply });
    const result = await client.range(new Uint8Array([0x61, 0xff]), {
      isPrefix: true,
      limit: 7,
      sortOrder: "descend",
      sortTarget: "mod",
      keysOnly: true,
      countOnly: true,
      minModRevision: 1,
      maxModRevision: 2,
      minCreateRevision: 3,
      maxCreateRevision: 4,
    });
    assert.deepEqual(result, { header, kvs: [], more: true, count: 9 });
    const expected = pb.RangeRequest.encode({
      key: new Uint8Array([0x61, 0xff]),
      rangeEnd: text("b"),
      limit: numberLong(7),
      sortOrder: pb.RangeRequest.SortOrder.DESCEND,
      sortTarget: pb.RangeRequest.SortTarget.MOD,
      keysOnly: true,
      countOnly: true,
      minModRevision: numberLong(1),
      maxModRevision: numberLong(2),
      minCreateRevision: numberLong(3),
      maxCreateRevision: numberLong(4),
    }).finish();
    assert.deepEqual(server.seen[0]?.request, expected);
    await client.range("", { isPrefix: true });
    const all = pb.RangeRequest.encode({
      key: new Uint8Array(1),
      rangeEnd: new Uint8Array(1),
    }).finish();
    assert.deepEqual(server.seen[1]?.request, all);
  });

  test("delete gives the count and the deleted key-values", async (t) => {
    const reply = pb.DeleteRangeResponse.encode({
      header: headerMessage,
      deleted: numberLong(1),
      prevKvs: [keyValueMessage],
    }).finish();
    const { server, client } = await start(t, { "/etcdserverpb.KV/DeleteRange": reply });
    const result = await client.delete("a", { rangeEnd: "\0", prevKv: true });
    assert.deepEqual(result, { header, deleted: 1, prevKvs: [keyValue] });
    const expected = pb.DeleteRangeRequest.encode({
      key: text("a"),
      rangeEnd: new Uint8Array(1),
      prevKv: true,
    }).finish();
    assert.deepEqual(server.seen[0]?.request, expected);
  });

  test("txn sends compares and nested operations, and gives their results by type", async (t) => {
    const reply = pb.TxnResponse.encode({
      header: headerMessage,
      succeeded: true,
      responses: [
        { responsePut: {} },
        { responseRange: { kvs: [keyValueMessage] } },
        { responseDeleteRange: { deleted: numberLong(2) } },
        { responseTxn: { succeeded: true } },
      ],
    }).finish();
    const { server, client } = await start(t, { "/etcdserverpb.KV/Txn": reply });
    const result = await client.txn({
      compare: [
        { key: "a", result: "equal", target: { modRevision: 0 } },
        { key: "a", result: "greater", target: { version: 1 } },
        { key: "a", result: "less", target: { createRevision: 2n ** 62n } },
        { key: "a", rangeEnd: "b", result: "notEqual", target: { lease: 2n ** 63n - 1n } },
        { key: "a", result: "equal", target: { value: "x" } },
      ],
      success: [
        { type: "put", key: "a", value: "1" },
        { type: "txn", success: [{ type: "delete", key: "b" }] },
      ],
      failure: [{ type: "range", key: "a" }],
    });
    assert.equal(result.succeeded, true);
    assert.deepEqual(
      result.responses.map((one) => one.type),
      ["put", "range", "delete", "txn"],
    );
    const [, rangeResponse, deleteResponse] = result.responses;
    assert.ok(rangeResponse?.type === "range" && deleteResponse?.type === "delete");
    assert.deepEqual([rangeResponse.kvs, deleteResponse.deleted], [[keyValue], 2]);

    const { Compare } = pb;
    const key = text("a");
    const expected = pb.TxnRequest.encode({
      compare: [
        { key, target: Compare.CompareTarget.MOD, modRevision: numberLong(0) },
        {
          key,
          result: Compare.CompareResult.GREATER,
          target: Compare.CompareTarget.VERSION,
          version: numberLong(1),
        },
        {
          key,
          result: Compare.CompareResult.LESS,
          target: Compare.CompareTarget.CREATE,
          createRevision: int64Long(2n ** 62n),
        },
        {
          key,
          rangeEnd: text("b"),
          result: Compare.CompareResult.NOT_EQUAL,
          target: Compare.CompareTarget.LEASE,
          lease: int64Long(2n ** 63n - 1n),
        },
        { key, target: Compare.CompareTarget.VALUE, value: text("x") },
      ],
      success: [
        { requestPut: { key, value: text("1") } },
        { requestTxn: { success: [{ requestDeleteRange: { key: text("b") } }] } },
      ],
      failure: [{ requestRange: { key } }],
    }).finish();
    assert.deepEqual(plain(server.seen[0]?.request as object), plain(expected));
  });

  test("status gives every field", async (t) => {
    const reply = pb.StatusResponse.encode({
      header: headerMessage,
      version: "3.7.1",
      dbSize: numberLong(2 ** 41),
      leader: uint64Long(2n ** 63n + 1n),
      raftIndex: numberLong(10),
      raftTerm: numberLong(3),
      raftAppliedIndex: numberLong(9),
      errors: ["etcdserver: no leader"],
      dbSizeInUse: numberLong(2 ** 33),
      isLearner: true,
      storageVersion: "3.7.0",
      dbSizeQuota: numberLong(2 ** 31),
      downgradeInfo: { enabled: true, targetVersion: "3.6.0" },
    }).finish();
    const { client } = await start(t, { "/etcdserverpb.Maintenance/Status": reply });
    assert.deepEqual(await client.status(), {
      header,
      version: "3.7.1",
      dbSizeBytes: 2 ** 41,
      dbSizeInUseBytes: 2 ** 33,
      dbSizeQuotaBytes: 2 ** 31,
      leader: 2n ** 63n + 1n,
      raftIndex: 10,
      raftTerm: 3,
      raftAppliedIndex: 9,
      errors: ["etcdserver: no leader"],
      isLearner: true,
      storageVersion: "3.7.0",
      downgrade: { isEnabled: true, targetVersion: "3.6.0" },
    });
  });

  test("member list, alarms and hash come as plain objects", async (t) => {
    const { client } = await start(t, {
      "/etcdserverpb.Cluster/MemberList": pb.MemberListResponse.encode({
        members: [
          {
            ID: uint64Long(2n ** 64n - 2n),
            name: "a",
            peerURLs: ["http://p"],
            clientURLs: ["http://c"],
          },
        ],
      }).finish(),
      "/etcdserverpb.Maintenance/Alarm": pb.AlarmResponse.encode({
        alarms: [{ memberID: uint64Long(7n), alarm: pb.AlarmType.NOSPACE }],
      }).finish(),
      "/etcdserverpb.Maintenance/HashKV": pb.HashKVResponse.encode({
        hash: 2 ** 32 - 1,
        compactRevision: numberLong(4),
        hashRevision: numberLong(6),
      }).finish(),
    });
    const member = {
      id: 2n ** 64n - 2n,
      name: "a",
      peerUrls: ["http://p"],
      clientUrls: ["http://c"],
      isLearner: false,
    };
    assert.deepEqual((await client.memberList()).members, [member]);
    assert.deepEqual((await client.alarms()).alarms, [{ memberId: 7n, type: "nospace" }]);
    const { hash, compactRevision, hashRevision } = await client.hashKv({ revision: 6 });
    assert.deepEqual([hash, compactRevision, hashRevision], [2 ** 32 - 1, 4, 6]);
  });
});

suite("client errors", () => {
  test("an error carries the server's code and text", async (t) => {
    const { client } = await start(t, {
      "/etcdserverpb.KV/Put": { code: 3, details: "etcdserver: key is not provided" },
    });
    await assert.rejects(client.put("", ""), (error) => {
      assert.ok(error instanceof ClientError);
      assert.deepEqual([error.code, error.text], [3, "etcdserver: key is not provided"]);
      assert.equal(error.message, "INVALID_ARGUMENT: etcdserver: key is not provided");
      return true;
    });
  });

  test("a call ends at its own deadline", async (t) => {
    const { client } = await start(t, { "/etcdserverpb.KV/Range": "silence" });
    await assert.rejects(client.get("k", { deadlineMs: 20 }), { name: "ClientError", code: 4 });
  });

  test("metadata is sent along", async (t) => {
    const { server, client } = await start(t, { "/etcdserverpb.KV/Range": new Uint8Array(0) });
    await client.get("k", { metadata: { hasleader: "true" } });
    assert.equal(server.seen[0]?.metadata["hasleader"], "true");
  });

  test("a read goes on to the next endpoint when one is unavailable; a write does not, but the one after it does", async (t) => {
    const gone = { code: 14, details: "etcdserver: server stopped" };
    const replies = {
      "/etcdserverpb.KV/Range": new Uint8Array(0),
      "/etcdserverpb.KV/Put": new Uint8Array(0),
    };
    const bad = await ScriptedServer.start({
      "/etcdserverpb.KV/Range": gone,
      "/etcdserverpb.KV/Put": gone,
    });
    const good = await ScriptedServer.start(replies);
    const clients = [0, 1].map(() => new Client({ endpoints: [bad.address, good.address] }));
    t.after(() => {
      for (const client of clients) client.close();
      bad.stop();
      good.stop();
    });
    const [reader, writer] = clients as [Client, Client];
    await reader.get("k");
    await assert.rejects(writer.put("k", "v"), { code: 14, text: "etcdserver: server stopped" });
    await writer.put("k", "v");
    await assert.rejects(reader.get("k", { endpoint: bad.address }), { code: 14 });
    assert.deepEqual(
      good.seen.map((call) => call.path),
      ["/etcdserverpb.KV/Range", "/etcdserverpb.KV/Put"],
    );
  });

  test("a client without endpoints, or with one that is none, cannot be made", async (t) => {
    assert.throws(() => new Client({ endpoints: [] }), TypeError);
    assert.throws(() => new Client({ endpoints: ["ftp://a/b"] }), TypeError);
    const { client } = await start(t, {});
    await assert.rejects(client.get("k", { endpoint: "127.0.0.1:1" }), TypeError);
  });

  test("compact sends the revision and whether to wait, and gives the header", async (t) => {
    const reply = pb.CompactionResponse.encode({ header: headerMessage }).finish();
    const { server, client } = await start(t, { "/etcdserverpb.KV/Compact": reply });
    assert.deepEqual(await client.compact(2 ** 40), header);
    assert.deepEqual(await client.compact(7, { physical: true }), header);
    const request = (revision: number, physical: boolean): Uint8Array =>
      new Uint8Array(
        pb.CompactionRequest.encode({ revision: numberLong(revision), physical }).finish(),
      );
    assert.deepEqual(
      server.seen.map((call) => new Uint8Array(call.request)),
      [request(2 ** 40, false), request(7, true)],
    );
  });

  test("hash gives the hash of the backend", async (t) => {
    const reply = pb.HashResponse.encode({ header: headerMessage, hash: 2 ** 32 - 1 }).finish();
    const { client } = await start(t, { "/etcdserverpb.Maintenance/Hash": reply });
    assert.deepEqual(await client.hash(), { header, hash: 2 ** 32 - 1 });
  });

  const chunk = (rangeResponse: pb.RangeResponse.$Properties): Uint8Array =>
    pb.RangeStreamResponse.encode({ rangeResponse }).finish();
  const streamPath = "/etcdserverpb.KV/RangeStream";

  test("a range stream gives its chunks as they come; the last one has the rest of the answer", async (t) => {
    const messages = [
      chunk({ kvs: [keyValueMessage] }),
      chunk({ kvs: [], header: headerMessage, more: true, count: numberLong(9) }),
    ];
    const { server, client } = await start(t, { [streamPath]: { messages, end: "ok" } });
    const chunks = [];
    for await (const one of client.rangeStream("k", { isPrefix: true, limit: 1 })) chunks.push(one);
    assert.deepEqual(chunks, [
      { kvs: [keyValue], end: undefined },
      { kvs: [], end: { header, more: true, count: 9 } },
    ]);
    const request = pb.RangeRequest.decode(server.seen[0]?.request ?? new Uint8Array(0));
    assert.deepEqual(new Uint8Array(request.rangeEnd), text("l"));
  });

  test("a range stream that fails throws the server's code and text, behind the chunks before", async (t) => {
    const failure = { code: 11, details: "etcdserver: mvcc: required revision has been compacted" };
    const messages = [chunk({ kvs: [keyValueMessage] })];
    const { client } = await start(t, { [streamPath]: { messages, end: failure } });
    const stream = client.rangeStream("k");
    assert.deepEqual((await stream.next()).value, { kvs: [keyValue], end: undefined });
    await assert.rejects(stream.next(), (error) => {
      assert.ok(error instanceof ClientError);
      assert.deepEqual([error.code, error.text], [failure.code, failure.details]);
      return true;
    });
  });

  test("who stops reading a range stream cancels it, and a deadline ends it", async (t) => {
    const messages = [chunk({ kvs: [keyValueMessage] })];
    const { server, client } = await start(t, { [streamPath]: { messages, end: "silence" } });
    for await (const one of client.rangeStream("k")) {
      assert.equal(one.kvs.length, 1);
      break;
    }
    while (server.cancelled.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const late = client.rangeStream("k", { deadlineMs: 100 });
    await late.next();
    await assert.rejects(late.next(), { code: 4 });
  });
});
