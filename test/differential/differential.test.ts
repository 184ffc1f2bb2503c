/** 20,000 random operations against a real etcd and our server: no answer may differ. `npm run differential` takes any seed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ServerPair } from "../conformance/pair.ts";
import { needs } from "../support/peers.ts";
import { run } from "./run.ts";

test(
  "a client cannot tell our server from etcd in 20,000 random operations",
  needs("etcd"),
  async () => {
    const pair = await ServerPair.start();
    try {
      const result = await run(pair, {
        seed: 1,
        operations: 20_000,
        restarts: 3,
        finalRevisions: 20,
      });
      assert.equal(result.hashes, 20);
      // The run reached what it is for.
      for (const outcome of [
        "Put 0",
        "Put 5",
        "DeleteRange 0",
        "Range 11",
        "Txn 3",
        "Compact 0",
        "RangeStream 0",
        "RangeStream 12",
      ]) {
        assert((result.tally.get(outcome) ?? 0) > 0, `no answer was "${outcome}"`);
      }
    } finally {
      await pair.stop();
    }
  },
);
