import assert from "node:assert/strict";
import { test } from "node:test";
import {
  differenceOf,
  isSameUrls,
  parsePeerUrls,
  peerUrlProblem,
} from "../../../node/membership/peer-urls.ts";

test("URLs with host and port are taken, sorted, the scheme in lower case", () => {
  assert.deepEqual(parsePeerUrls(["https://b:2380", " HTTP://a.example:2380 "]), [
    "http://a.example:2380",
    "https://b:2380",
  ]);
  for (const url of ["http://[::1]:2380", "http://:2380", "http://a:", "unix://x:1", "unixs:y"]) {
    assert.deepEqual(parsePeerUrls([url]), [url], url);
  }
});

test("what etcd refuses is refused", () => {
  assert.equal(parsePeerUrls([]), undefined);
  for (const url of [
    "",
    "a:2380",
    "127.0.0.1:2380",
    "http://a",
    "http://a:2380/",
    "http://a:2380/path",
    "http://a:b",
    "http://a:1:2",
    "http://::1:2380",
    "ftp://a:2380",
    "http//a:2380",
    "http://a b:2380",
    "http://a\u0007:2380",
  ]) {
    assert.equal(parsePeerUrls([url]), undefined, url);
  }
  assert.equal(parsePeerUrls(["http://a:1", "nonsense"]), undefined);
});

test("two lists are the same in every order, and not when one has more", () => {
  assert.equal(isSameUrls(["http://a:1", "http://b:2"], ["http://B:2", "HTTP://a:1"]), true);
  assert.equal(isSameUrls(["http://a:1"], ["http://a:1", "http://b:2"]), false);
  assert.equal(isSameUrls(["http://a:1"], ["http://a:2"]), false);
});

test("a URL that etcd refuses has its reason, one that it takes has none", () => {
  assert.equal(peerUrlProblem("http://a:1"), undefined);
  assert.equal(peerUrlProblem("http://a:1/"), "URL must not contain a path: http://a:1/");
  for (const url of ["http://a", "http://::1:2380", "http://a:b", "http://a/x", "http://"]) {
    assert.equal(peerUrlProblem(url), `URL address does not have the form "host:port": ${url}`);
  }
  assert.equal(peerUrlProblem("a:1"), "URL scheme must be http, https, unix, or unixs: a:1");
});

/** One address for each name that is known. */
const resolve = async (host: string): Promise<string> => {
  const address = {
    one: "10.0.0.1",
    two: "10.0.0.2",
    six: "fd00::1",
    "10.0.0.1": "10.0.0.1",
    "10.0.0.2": "10.0.0.2",
    "fd00:0::1": "fd00::1",
  }[host];
  if (address === undefined) throw new Error(`lookup ${host}: no such host`);
  return address;
};

test("names and their addresses are the same places, in every order", async () => {
  const different = (some: readonly string[], others: readonly string[]) =>
    differenceOf(some, others, resolve);
  assert.equal(
    await different(["http://one:1", "http://10.0.0.2:2"], ["http://two:2", "http://10.0.0.1:1"]),
    undefined,
  );
  assert.equal(await different(["http://six:1"], ["http://[fd00:0::1]:1"]), undefined);
  assert.equal(
    await different(["http://one:1"], ["https://one:1"]),
    'resolved urls: "http://10.0.0.1:1" != "https://10.0.0.1:1"',
  );
  assert.equal(
    await different(["http://one:1"], ["http://two:1"]),
    'resolved urls: "http://10.0.0.1:1" != "http://10.0.0.2:1"',
  );
  assert.equal(
    await different(["http://one:1"], ["http://one:1", "http://two:1"]),
    'len(["http://one:1"]) != len(["http://one:1" "http://two:1"])',
  );
});

test("names that are the same text are not looked up, nor is localhost", async () => {
  assert.equal(await differenceOf(["http://nobody:1"], ["http://Nobody:1"], resolve), undefined);
  assert.equal(
    await differenceOf(["http://localhost:1"], ["http://10.0.0.1:1"], resolve),
    'resolved urls: "http://localhost:1" != "http://10.0.0.1:1"',
  );
  assert.equal(
    await differenceOf(["http://nobody:1"], ["http://one:1"], resolve),
    'failed to resolve "http://nobody:1" (lookup nobody: no such host)',
  );
});
