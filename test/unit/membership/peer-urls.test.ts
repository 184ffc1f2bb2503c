import assert from "node:assert/strict";
import { test } from "node:test";
import { isSameUrls, parsePeerUrls } from "../../../node/membership/peer-urls.ts";

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
