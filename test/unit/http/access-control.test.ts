/** --cors and --host-whitelist, as etcd 3.7.1 answers with them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  AccessControl,
  type AccessOptions,
  type AccessRequest,
  hostnameOf,
} from "../../../node/http/access-control.ts";

class Recorded {
  statusCode = 200;
  readonly headers = new Map<string, string | number>();
  body: string | undefined;

  setHeader(name: string, value: string | number): void {
    this.headers.set(name, value);
  }

  end(body: string): void {
    this.body = body;
  }
}

const plainGet: AccessRequest = { method: "GET", host: "member:2379", origin: "", isSecure: false };

function ask(options: Partial<AccessOptions>, request: Partial<AccessRequest>) {
  const warnings: string[] = [];
  const logger = { warn: (message: string) => warnings.push(message) };
  const access = new AccessControl({ cors: ["*"], hostWhitelist: ["*"], logger, ...options });
  const answer = new Recorded();
  const goesOn = access.admit({ ...plainGet, ...request }, answer);
  return { goesOn, answer, warnings };
}

const allowed = (origin: string): [string, string][] => [
  ["Access-Control-Allow-Methods", "POST, GET, OPTIONS, PUT, DELETE"],
  ["Access-Control-Allow-Origin", origin],
  ["Access-Control-Allow-Headers", "accept, content-type, authorization"],
];

describe("--cors", () => {
  test("with * or empty tells every page that it may read, whatever its origin", () => {
    for (const cors of [["*"], [], ["http://a", "*"]]) {
      for (const origin of ["", "http://page"]) {
        const { goesOn, answer } = ask({ cors }, { origin });
        assert.ok(goesOn);
        assert.deepEqual([...answer.headers], allowed("*"));
      }
    }
  });

  test("with origins says each back to itself, and nothing to others", () => {
    const cors = ["http://a:80", "http://b"];
    const { goesOn, answer } = ask({ cors }, { origin: "http://a:80" });
    assert.ok(goesOn);
    assert.deepEqual([...answer.headers], allowed("http://a:80"));
    for (const origin of ["", "http://a", "http://A:80", "http://b:80", "null"]) {
      const other = ask({ cors }, { origin });
      assert.ok(other.goesOn, origin);
      assert.equal(other.answer.headers.size, 0, origin);
    }
  });

  test("answers OPTIONS for every path, to origins that are not allowed without their headers", () => {
    const method = "OPTIONS";
    const { goesOn, answer } = ask({ cors: ["http://a"] }, { method, origin: "http://a" });
    assert.equal(goesOn, false);
    assert.deepEqual([answer.statusCode, answer.body], [200, ""]);
    assert.equal(answer.headers.get("Access-Control-Allow-Origin"), "http://a");
    const other = ask({ cors: ["http://a"] }, { method, origin: "http://b" });
    assert.deepEqual([other.goesOn, other.answer.body], [false, ""]);
    assert.deepEqual([...other.answer.headers], [["Content-Length", 0]]);
  });
});

describe("--host-whitelist (CVE-2018-5702)", () => {
  const hostWhitelist = ["localhost", "10.0.0.1", "::1"];

  test("lets names through with and without their port", () => {
    for (const host of ["localhost", "localhost:2379", "10.0.0.1:1", "[::1]:2379", "localhost:"]) {
      assert.ok(ask({ hostWhitelist }, { host }).goesOn, host);
    }
  });

  test("refuses every other name with 421 and etcd's words, before CORS is looked at, and logs it", () => {
    for (const host of ["evil.example", "LOCALHOST", "localhost.", "localhost:1:2", "", ":2379"]) {
      const { goesOn, answer, warnings } = ask({ hostWhitelist }, { host, method: "OPTIONS" });
      assert.equal(goesOn, false, host);
      assert.equal(answer.statusCode, 421);
      assert.match(answer.body ?? "", /^\netcd received your request.*\(CVE-2018-5702\)\.\n\n$/s);
      assert.equal(answer.headers.has("Access-Control-Allow-Origin"), false);
      assert.deepEqual(warnings, ["rejecting HTTP request to prevent DNS rebinding attacks"]);
    }
  });

  test("names the host in the words, quoted", () => {
    const { answer } = ask({ hostWhitelist }, { host: 'a"b\n:80' });
    assert.match(answer.body ?? "", /--host-whitelist "a\\"b\\n"$/m);
  });

  test("with * or empty, and over TLS, asks for no name", () => {
    for (const open of [["*"], [], ["localhost", "*"]]) {
      assert.ok(ask({ hostWhitelist: open }, { host: "evil.example" }).goesOn);
    }
    assert.ok(ask({ hostWhitelist }, { host: "evil.example", isSecure: true }).goesOn);
  });
});

test("a host loses its port as in Go's net.SplitHostPort, and stays whole where that fails", () => {
  const hosts: [string, string][] = [
    ["localhost:2379", "localhost"],
    ["localhost", "localhost"],
    ["localhost:", "localhost"],
    [":80", ""],
    ["[::1]:80", "::1"],
    ["[fe80::1%lo0]:80", "fe80::1%lo0"],
    ["[::1]", "[::1]"],
    ["::1", "::1"],
    ["[::1", "[::1"],
    ["[a]b:80", "[a]b:80"],
    ["a[b:80", "a[b:80"],
    ["localhost:::::", "localhost:::::"],
  ];
  for (const [host, name] of hosts) assert.equal(hostnameOf(host), name, host);
});
