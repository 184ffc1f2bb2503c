import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostNames } from "../../../node/lib/platform/host-names.ts";
import { sanProblem } from "../../../node/tls/san-check.ts";

/** Names of 10.0.0.1, and addresses of names; what is not there is not found. */
const dns = (
  names: readonly string[] | undefined,
  addresses: Readonly<Record<string, readonly string[]>> = {},
): HostNames & { readonly asked: string[] } => {
  const asked: string[] = [];
  const answer = async (name: string, found: readonly string[] | undefined) => {
    asked.push(name);
    if (found === undefined) throw new Error(`lookup ${name}: no such host`);
    return found;
  };
  return {
    asked,
    namesOf: (address) => answer(address, names),
    addressesOf: (name) => answer(name, addresses[name]),
  };
};

const problemOf = (
  dnsNames: readonly string[],
  ipAddresses: readonly string[],
  hosts: HostNames,
  address = "10.0.0.1",
): Promise<string | undefined> =>
  sanProblem({ commonName: "member", dnsNames, ipAddresses }, address, hosts);

test("a certificate without addresses and names is taken from everywhere, without a question", async () => {
  const hosts = dns(undefined);
  assert.equal(await problemOf([], [], hosts), undefined);
  assert.deepEqual(hosts.asked, []);
});

test("an address of the certificate is enough", async () => {
  const hosts = dns(undefined);
  assert.equal(await problemOf(["elsewhere"], ["10.0.0.9", "10.0.0.1"], hosts), undefined);
  assert.equal(await problemOf([], ["fd00::1"], hosts, "fd00:0::1"), undefined);
  assert.deepEqual(hosts.asked, []);
});

test("addresses only, and another one dials: refused in Go's words", async () => {
  assert.equal(
    await problemOf([], ["10.0.0.9"], dns(["member.test."])),
    "x509: certificate is valid for 10.0.0.9, not 10.0.0.1",
  );
});

test("a name of the address is enough, exactly or below a wildcard", async () => {
  const nowhere = {};
  assert.equal(await problemOf(["m.test"], ["10.0.0.9"], dns(["m.test."], nowhere)), undefined);
  assert.equal(await problemOf(["*.test"], [], dns(["a.b.test."], nowhere)), undefined);
  assert.match((await problemOf(["*.test"], [], dns(["test."], nowhere))) ?? "", /does not match/);
  assert.match((await problemOf(["m.test"], [], dns(["x.m.test."]))) ?? "", /does not match/);
});

test("an address of a name is enough, though the address has no name", async () => {
  const found = { "m.test": ["10.0.0.7", "10.0.0.1"] };
  assert.equal(await problemOf(["other.test", "m.test"], [], dns(undefined, found)), undefined);
  const six = { "m.test": ["fd00:0:0::1"] };
  assert.equal(await problemOf(["m.test"], [], dns(undefined, six), "fd00::1"), undefined);
});

test("a wildcard is not looked up itself", async () => {
  const hosts = dns([]);
  assert.equal(
    await problemOf(["*.test"], [], hosts),
    'tls: "10.0.0.1" does not match any of DNSNames ["*.test"]',
  );
  assert.deepEqual(hosts.asked, ["10.0.0.1"]);
});

test("the refusal has all names, and the last look-up that failed", async () => {
  const found = { "a.test": ["10.0.0.2"] };
  assert.equal(
    await problemOf(["b.test", "a.test"], [], dns(["x.test."], found)),
    'tls: "10.0.0.1" does not match any of DNSNames ["b.test" "a.test"] (lookup b.test: no such host)',
  );
  assert.equal(
    await problemOf(["a.test"], [], dns(undefined, found)),
    'tls: "10.0.0.1" does not match any of DNSNames ["a.test"] (lookup 10.0.0.1: no such host)',
  );
});
