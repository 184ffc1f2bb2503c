/** 1,500 random operations around leases against a real etcd and our server: no answer may differ. `npm run differential` takes any seed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ServerPair } from "../conformance/pair.ts";
import { needs } from "../support/peers.ts";
import { leaseServerFlags, runLeases } from "./lease-run.ts";

test(
  "a client cannot tell our leases from etcd's in 1,500 random operations",
  needs("etcd"),
  async () => {
    const pair = await ServerPair.start(leaseServerFlags);
    try {
      const tally = await runLeases(pair, { seed: 1, operations: 1500, restarts: 1 });
      // The run reached what it is for.
      for (const outcome of [
        "LeaseGrant 0",
        "LeaseGrant 9",
        "LeaseGrant 11",
        "LeaseRevoke 0",
        "LeaseRevoke 5",
        "LeaseKeepAlive 0",
        "LeaseKeepAlive 0 unknown",
        "LeaseTimeToLive 0",
        "LeaseTimeToLive 0 unknown",
        "LeaseLeases 0",
        "Put 0",
        "Put 5",
        "Txn 0",
        "Txn 5",
      ])
        assert((tally.get(outcome) ?? 0) > 0, `no answer was "${outcome}"`);
    } finally {
      await pair.stop();
    }
  },
);
