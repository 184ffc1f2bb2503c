/**
 * A real etcd among members of ours: joining, leading, falling behind, restarting. `npm run interchange` goes through all mixes, and through
 * the release before, too.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { needs } from "../support/peers.ts";
import { runInterchange } from "./interchange-run.ts";

test("an etcd 3.7 lives with two of ours, in either role", needs("etcd"), async () => {
  const result = await runInterchange({ kinds: ["etcd-ts", "etcd", "etcd-ts"] });
  assert.deepEqual(result.snapshots, [
    "etcd-ts to etcd that was stopped",
    "etcd to etcd-ts that was stopped",
    "etcd-ts to etcd that is new",
    "etcd to etcd-ts that is new",
  ]);
});
