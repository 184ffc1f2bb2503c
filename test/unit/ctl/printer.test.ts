import assert from "node:assert/strict";
import { suite, test } from "node:test";

import type { Member } from "../../../node/client/cluster-results.ts";
import { FieldsPrinter } from "../../../node/ctl/printer/fields.ts";
import { JsonPrinter } from "../../../node/ctl/printer/json.ts";
import { jsonText } from "../../../node/ctl/printer/json-text.ts";
import type { Printer } from "../../../node/ctl/printer/printer.ts";
import { SimplePrinter } from "../../../node/ctl/printer/simple.ts";
import { TablePrinter, tableText } from "../../../node/ctl/printer/table.ts";
import type { Io } from "../../../node/ctl/process-io.ts";

const header = { clusterId: 2n ** 64n - 1n, memberId: 16n, revision: 5, raftTerm: 2 };
const member: Member = {
  id: 2n ** 63n,
  name: "",
  peerUrls: ["http://a:2380", "http://b:2380"],
  clientUrls: [],
  isLearner: true,
};
const alarms = [
  { memberId: 255n, type: "nospace" },
  { memberId: 0n, type: "corrupt" },
] as const;

function printed(make: (io: Io) => Printer, print: (printer: Printer) => void): string {
  let text = "";
  const collect = (piece: string | Uint8Array): void => {
    text += Buffer.from(piece).toString();
  };
  print(make({ out: collect, err: (piece: string) => collect(`!${piece}`) } as unknown as Io));
  return text;
}

const simple = (io: Io): Printer => new SimplePrinter(io, false);
const json = (io: Io): Printer => new JsonPrinter(io, false);
const jsonHex = (io: Io): Printer => new JsonPrinter(io, true);
const fields = (io: Io): Printer => new FieldsPrinter(io, false);
const fieldsHex = (io: Io): Printer => new FieldsPrinter(io, true);

suite("printers of etcdctl-ts", () => {
  test("a member that was added, with a short id padded", () => {
    const result = { header: { ...header, revision: 0 }, members: [member], member };
    assert.equal(
      printed(simple, (printer) => printer.memberAdd({ ...result, member: { ...member, id: 5n } })),
      "Member                5 added as learner to cluster ffffffffffffffff\n",
    );
    const urls = '"peerURLs":["http://a:2380","http://b:2380"],"isLearner":true';
    assert.equal(
      printed(json, (printer) => printer.memberAdd(result)),
      `{"header":{"cluster_id":18446744073709551615,"member_id":16,"raft_term":2},"member":{"ID":9223372036854775808,${urls}},"members":[{"ID":9223372036854775808,${urls}}]}\n`,
    );
    assert.equal(
      printed(jsonHex, (printer) => printer.memberAdd(result)),
      `{"header":{"cluster_id":"ffffffffffffffff","member_id":"10","raft_term":2},"member":{"ID":"8000000000000000",${urls}},"members":[{"ID":"8000000000000000",${urls}}]}\n`,
    );
    assert.throws(
      () => printed(fields, (printer) => printer.memberAdd(result)),
      /fields not supported/,
    );
  });

  test("members in tables and lines: one without a name has not started", () => {
    const result = {
      header,
      members: [member, { ...member, id: 1n, name: "日本", isLearner: false }],
    };
    assert.equal(
      printed(
        (io) => new TablePrinter(io),
        (printer) => printer.memberList(result),
      ),
      [
        "┌──────────────────┬───────────┬──────┬─────────────────────────────┬──────────────┬────────────┐",
        "│        ID        │  STATUS   │ NAME │         PEER ADDRS          │ CLIENT ADDRS │ IS LEARNER │",
        "├──────────────────┼───────────┼──────┼─────────────────────────────┼──────────────┼────────────┤",
        "│ 8000000000000000 │ unstarted │      │ http://a:2380,http://b:2380 │              │       true │",
        "│                1 │   started │ 日本 │ http://a:2380,http://b:2380 │              │      false │",
        "└──────────────────┴───────────┴──────┴─────────────────────────────┴──────────────┴────────────┘",
        "",
      ].join("\n"),
    );
    assert.equal(
      printed(simple, (printer) => printer.memberList(result)).split("\n")[0],
      "8000000000000000, unstarted, , http://a:2380,http://b:2380, , true",
    );
  });

  test("alarms", () => {
    const result = { header, alarms };
    assert.equal(
      printed(simple, (printer) => printer.alarms(result)),
      "memberID:255 alarm:NOSPACE\nalarm:CORRUPT\n",
    );
    assert.equal(
      printed(json, (printer) => printer.alarms(result)),
      '{"header":{"cluster_id":18446744073709551615,"member_id":16,"revision":5,"raft_term":2},"alarms":[{"memberID":255,"alarm":1},{"alarm":2}]}\n',
    );
    assert.equal(
      printed(fieldsHex, (printer) => printer.alarms(result)),
      '"ClusterID" : ffffffffffffffff\n"MemberID" : 10\n"Revision" : 5\n"RaftTerm" : 2\n"MemberID" : ff\n"AlarmType" : NOSPACE\n\n"MemberID" : 0\n"AlarmType" : CORRUPT\n\n',
    );
  });

  test("a watch's events, and how it ended", () => {
    const kv = {
      key: Buffer.from("k"),
      value: Buffer.from("v\n"),
      createRevision: 3,
      modRevision: 5,
      version: 2,
      lease: 255n,
    };
    const none = { createRevision: 0, version: 0, lease: 0n, value: new Uint8Array(0) };
    const events = [
      { type: "put", kv, prevKv: undefined },
      { type: "delete", kv: { ...kv, ...none }, prevKv: kv },
    ] as const;
    const answer = { header, events, isCanceled: false, compactRevision: 0 };
    assert.equal(
      printed(simple, (printer) => printer.watch(answer)),
      "PUT\nk\nv\n\nDELETE\nk\nv\n\nk\n\n",
    );
    const fieldsOfKv = (prefix: string): string =>
      `"${prefix}Key" : "k"\n"${prefix}CreateRevision" : 3\n"${prefix}ModRevision" : 5\n"${prefix}Version" : 2\n"${prefix}Value" : "v\\n"\n"${prefix}Lease" : 00000000000000ff\n`;
    assert.equal(
      printed(fieldsHex, (printer) => printer.watch({ ...answer, events: events.slice(0, 1) })),
      `"ClusterID" : ffffffffffffffff\n"MemberID" : 10\n"Revision" : 5\n"RaftTerm" : 2\n"Type" : PUT\n${fieldsOfKv("")}`,
    );
    const all =
      '"key":"aw==","create_revision":3,"mod_revision":5,"version":2,"value":"dgo=","lease":255';
    assert.equal(
      printed(json, (printer) => printer.watch(answer)),
      `{"Header":{"cluster_id":18446744073709551615,"member_id":16,"revision":5,"raft_term":2},"Events":[{"kv":{${all}}},{"type":1,"kv":{"key":"aw==","mod_revision":5},"prev_kv":{${all}}}],"CompactRevision":0,"Canceled":false,"Created":false,"CancelReason":""}\n`,
    );
    const noHeader = { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };
    const end = { header: noHeader, events: [], isCanceled: true, compactRevision: 4 };
    assert.equal(
      printed(json, (printer) => printer.watch(end)),
      '{"Header":{},"Events":null,"CompactRevision":4,"Canceled":true,"Created":false,"CancelReason":""}\n',
    );
    assert.equal(
      printed(simple, (printer) => printer.watch(end)),
      "",
    );
  });

  test("leases: ids have 16 places, of which a sign is one, and keys are bytes", () => {
    const times = { header, id: -1n, ttlSeconds: 7, grantedTtlSeconds: 9 };
    const keys = [Buffer.from("a"), Buffer.from([0xff])];
    const pieces: Buffer[] = [];
    const out = (piece: string | Uint8Array): void => void pieces.push(Buffer.from(piece));
    new SimplePrinter({ out, err: out }, false).leaseTimes({ ...times, keys }, true);
    assert.deepEqual(
      Buffer.concat(pieces),
      Buffer.from(
        "lease -000000000000001 granted with TTL(9s), remaining(7s), attached keys([a \xff])\n",
        "latin1",
      ),
    );
    const gone = { ...times, ttlSeconds: -1, grantedTtlSeconds: 0, keys: [] };
    assert.equal(
      printed(simple, (printer) => printer.leaseTimes(gone, true)),
      "lease -000000000000001 already expired\n",
    );
    const start = '{"cluster_id":18446744073709551615,"member_id":16,"revision":5,"raft_term":2';
    assert.equal(
      printed(json, (printer) => printer.leaseTimes(gone, true)),
      `${start},"id":-1,"ttl":-1,"granted-ttl":0,"keys":null}\n`,
    );
    assert.equal(
      printed(json, (printer) => printer.leases({ header, ids: [] })),
      `${start},"leases":[]}\n`,
    );
    assert.equal(
      printed(json, (printer) => printer.leaseGrant({ header, id: 2n ** 62n, ttlSeconds: 3 })),
      `${start},"ID":4611686018427387904,"TTL":3,"Error":""}\n`,
    );
    assert.throws(
      () =>
        printed(
          (io) => new TablePrinter(io),
          (printer) => printer.leases({ header, ids: [] }),
        ),
      /table not supported/,
    );
  });

  test("an endpoint that is not healthy is told on standard error, a moved leader on standard output", () => {
    const list = [{ endpoint: "a:1", isHealthy: false, took: "1ms", error: "down" }];
    assert.equal(
      printed(simple, (printer) => printer.endpointHealth(list)),
      "!a:1 is unhealthy: failed to commit proposal: down\n",
    );
    assert.equal(
      printed(simple, (printer) => printer.moveLeader(255n, 1n, header)),
      "Leadership transferred from ff to 1\n",
    );
  });

  test("a table without rows has no rule below its head, and a cell of two lines makes two", () => {
    assert.equal(
      tableText({ head: ["A", "BC"], rows: [] }),
      "┌───┬────┐\n│ A │ BC │\n└───┴────┘\n",
    );
    assert.equal(
      tableText({ head: ["A"], rows: [["one\ntwo 2"]] }),
      "┌───────┐\n│   A   │\n├───────┤\n│   one │\n│ two 2 │\n└───────┘\n",
    );
  });

  test("JSON is Go's: no <, > and &, bytes as base64, integers of any size, no undefined", () => {
    assert.equal(
      jsonText({
        a: "<&>\u2028é",
        b: new Uint8Array([255, 0]),
        c: 2n ** 64n,
        d: undefined,
        e: [null, true],
      }),
      '{"a":"\\u003c\\u0026\\u003e\\u2028é","b":"/wA=","c":18446744073709551616,"e":[null,true]}',
    );
  });
});
