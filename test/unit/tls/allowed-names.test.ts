import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { hostnameProblem } from "../../../node/tls/allowed-names.ts";

const names = (dnsNames: string[], ipAddresses: string[] = [], commonName = "cn") => ({
  commonName,
  dnsNames,
  ipAddresses,
});

describe("hostnames are matched as by Go's VerifyHostname", () => {
  const table: readonly [pattern: string, host: string, isValid: boolean][] = [
    ["etcd.example.com", "etcd.example.com", true],
    ["ETCD.example.com", "etcd.EXAMPLE.com", true],
    ["etcd.example.com", "etcd.example.com.", true],
    ["etcd.example.com.", "etcd.example.com", false],
    ["*.example.com", "a.example.com", true],
    ["*.example.com", "a.b.example.com", false],
    ["*.example.com", "example.com", false],
    ["*.example.com", "a.example.com.evil.org", false],
    ["etcd.example.com", "etcd.example.com.evil.org", false],
    ["a*.example.com", "ab.example.com", false],
    ["a.*.com", "a.b.com", false],
    ["*", "localhost", false],
    ["*.com", "a.com", true],
    ["*.example.com", "*.example.com", true],
    ["under_score.com", "under_score.com", true],
    ["-a.com", "-a.com", true],
    ["-a.com", "-A.com", true],
    ["é.com", "é.com", true],
    ["", "", false],
    [".", ".", false],
    ["a..com", "a..com", true],
    ["", "a", false],
  ];
  for (const [pattern, host, isValid] of table) {
    test(`${JSON.stringify(host)} against ${JSON.stringify(pattern)}: ${isValid ? "valid" : "not valid"}`, () => {
      assert.equal(hostnameProblem(names([pattern]), host) === undefined, isValid);
    });
  }
});

test("addresses are matched against addresses only, in any of their forms", () => {
  const cert = names(["10.0.0.1", "::1"], ["127.0.0.1", "fd00::1"]);
  for (const host of ["127.0.0.1", "[127.0.0.1]", "::ffff:127.0.0.1", "fd00:0::1", "[FD00::1]"])
    assert.equal(hostnameProblem(cert, host), undefined, host);
  for (const host of ["10.0.0.1", "::1", "127.0.0.2", "fd00::2"])
    assert.ok(hostnameProblem(cert, host) !== undefined, host);
});

test("the common name never counts", () => {
  assert.equal(
    hostnameProblem(names([], [], "etcd.example.com"), "etcd.example.com"),
    "x509: certificate relies on legacy Common Name field, use SANs instead",
  );
});

test("the reasons are Go's", () => {
  assert.equal(
    hostnameProblem(names(["a.com", "b.com"]), "c.com"),
    "x509: certificate is valid for a.com, b.com, not c.com",
  );
  assert.equal(
    hostnameProblem(names(["a.com"]), "1.2.3.4"),
    "x509: cannot validate certificate for 1.2.3.4 because it doesn't contain any IP SANs",
  );
  assert.equal(
    hostnameProblem(names([], ["1.2.3.5"]), "1.2.3.4"),
    "x509: certificate is valid for 1.2.3.5, not 1.2.3.4",
  );
  assert.equal(
    hostnameProblem(names([], ["1.2.3.5"]), "a.com"),
    "x509: certificate is not valid for any names, but wanted to match a.com",
  );
  const many = Array.from({ length: 100 }, (_, at) => `n${at}.com`);
  assert.equal(
    hostnameProblem(names(many), "a.com"),
    "x509: certificate is valid for 100 names, but none matched a.com",
  );
});
