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
