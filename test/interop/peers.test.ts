/** The oracle is what it is said to be: differential tests mean nothing beside another etcd. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

import { needs, peer } from "../support/peers.ts";

const version = (name: string, ...args: readonly string[]): string =>
  execFileSync(peer(name), args, { encoding: "utf8" });

test("the etcd beside us is 3.7.1", needs("etcd"), () => {
  assert.match(version("etcd", "--version"), /^etcd Version: 3\.7\.1$/m);
});

test("the etcdctl beside us is 3.7.1", needs("etcdctl"), () => {
  assert.match(version("etcdctl", "version"), /^etcdctl version: 3\.7\.1$/m);
});

test("the etcdutl beside us is 3.7.1", needs("etcdutl"), () => {
  assert.match(version("etcdutl", "version"), /^etcdutl version: 3\.7\.1$/m);
});
