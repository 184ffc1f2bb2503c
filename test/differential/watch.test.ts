/** 1,500 random operations around watches against a real etcd and our server: no event and no message may differ. `npm run differential` takes any seed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ServerPair } from "../conformance/pair.ts";
import { needs } from "../support/peers.ts";
import { runWatches, watchServerFlags } from "./watch-run.ts";

test(
  "a client cannot tell our watches from etcd's in 1,500 random operations",
  needs("etcd"),
  async () => {
    const pair = await ServerPair.start(watchServerFlags);
    try {
      const { tally, events } = await runWatches(pair, { seed: 1, operations: 1500, restarts: 1 });
      assert(events > 1000, `${events} events are few`);
      // The run reached what it is for.
      for (const what of [
        "watch canceled",
        "watch compacted",
        "response in parts",
        "progress of all",
        "empty range",
        "duplicate id",
      ])
        assert((tally.get(what) ?? 0) > 0, `there was no "${what}"`);
    } finally {
      await pair.stop();
    }
  },
);
