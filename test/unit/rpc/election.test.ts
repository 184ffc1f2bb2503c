import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { campaign, observe } from "../../../node/concurrency/election.ts";
import type { KeySpace } from "../../../node/concurrency/key-space.ts";
import { fromText } from "../../../node/lib/bytes.ts";
import { etcdserverpb } from "../../../node/proto/generated/messages.js";
import { internalRequest } from "../../../node/proto/internal-raft-codec.ts";
import { numberLong } from "../../../node/proto/long.ts";
import { LockLab, observed } from "./lock-lab.ts";
import { RecordedStream } from "./recorded-call.ts";

describe("the Election service", () => {
  test("an observer is told the leader, what it proclaims, and who comes next", async () => {
    const lab = await LockLab.open(2);
    const observer = lab.observe("e");
    await lab.pass();
    assert.deepEqual(observed(observer), []);
    lab.campaign("e", 1n, "one");
    await lab.pass();
    const heir = lab.campaign("e", 2n, "two");
    await lab.pass();
    lab.campaign("e", 1n, "one again");
    await lab.pass();
    assert.deepEqual(observed(observer), ["one", "one again"]);
    assert.equal(heir.end, "open");
    await lab.revoke(1n);
    assert.equal(heir.end, "finished");
    assert.deepEqual(observed(observer), ["one", "one again", "two"]);
    observer.cancel();
    await lab.pass();
    assert.equal(lab.member.watches.watcherCount, 0);
  });

  test("proclamations of one turn are all told, in order", async () => {
    const lab = await LockLab.open(1);
    lab.campaign("e", 1n, "0");
    await lab.pass();
    const observer = lab.observe("e");
    await lab.pass();
    for (const value of ["1", "2", "3"]) lab.put("e/1", value);
    await lab.pass();
    assert.deepEqual(observed(observer), ["0", "1", "2", "3"]);
  });

  test("an observer that does not read is sent nothing more, and misses nothing when it reads again", async () => {
    const lab = await LockLab.open(1);
    lab.campaign("e", 1n, "0");
    await lab.pass();
    const observer = new RecordedStream();
    observer.capacity = 2;
    lab.observe("e", observer);
    for (let value = 1; value <= 20; value++) {
      lab.put("e/1", String(value));
      await lab.pass(50);
    }
    await lab.pass();
    assert.deepEqual(observed(observer), ["0", "1"]);
    assert.equal(lab.member.watches.slowCount, 1);
    observer.drain();
    await lab.pass();
    assert.deepEqual(
      observed(observer),
      Array.from({ length: 21 }, (_, value) => String(value)),
    );
  });

  test("an observer that did not read while its history was compacted is told the present state", async () => {
    const lab = await LockLab.open(1);
    lab.campaign("e", 1n, "0");
    await lab.pass();
    const observer = new RecordedStream();
    observer.capacity = 1;
    lab.observe("e", observer);
    for (let value = 1; value <= 20; value++) {
      lab.put("e/1", String(value));
      await lab.pass(50);
    }
    const revision = numberLong(lab.member.store.currentRevision);
    const compaction = etcdserverpb.CompactionRequest.encode({ revision }).finish();
    await lab.lab.world.propose(lab.member, internalRequest.compaction, compaction);
    observer.drain();
    await lab.pass();
    const told = observed(observer);
    assert.equal(told[0], "0");
    assert.equal(told.at(-1), "20");
    lab.put("e/1", "21");
    await lab.pass();
    assert.equal(observed(observer).at(-1), "21");
  });

  test("an observer that demands a leader is told when there is none for too long", async () => {
    const lab = await LockLab.open(0);
    const observer = lab.observe("e", new RecordedStream({ hasleader: "true" }));
    lab.hasLeader = false;
    await lab.pass(10_000);
    assert.deepEqual(observer.end, { code: 14, text: "etcdserver: no leader" });
    assert.equal(lab.member.watches.watcherCount, 0);
  });

  test("an observer that goes away is nobody to be told that there is no leader", async () => {
    const lab = await LockLab.open(0);
    const observer = lab.observe("e", new RecordedStream({ hasleader: "true" }));
    await lab.pass();
    assert.equal(lab.leaderWatch.count, 1);
    observer.cancel();
    await lab.pass();
    assert.equal(lab.leaderWatch.count, 0);
  });

  test("a candidate that goes away leaves the queue", async () => {
    const lab = await LockLab.open(2);
    lab.campaign("e", 1n, "one");
    await lab.pass();
    const gone = lab.campaign("e", 2n, "two");
    await lab.pass();
    assert.deepEqual(await lab.keysBelow("e/"), ["e/1", "e/2"]);
    gone.cancel();
    await lab.pass();
    assert.deepEqual(await lab.keysBelow("e/"), ["e/1"]);
  });

  test("when a refused read ends the observation, the stream ends without an error, as on etcd", async () => {
    const lab = await LockLab.open(0);
    await lab.lab.world.settled(lab.member.stop());
    const observer = lab.observe("e");
    await lab.pass();
    assert.equal(observer.end, "finished");
  });
});

describe("an election", () => {
  test("is observed from a revision on at which nothing is left out", async () => {
    const lab = await LockLab.open(1);
    const { signal } = new AbortController();
    const leaders = observe(lab.keys, fromText("e"), signal);
    const first = leaders.next();
    await lab.pass();
    // Both are told to the watch of the prefix in one response: the second must come from the watch of the key.
    lab.put("e/1", "first");
    lab.put("e/1", "second");
    await lab.pass();
    const values = [];
    for (const told of [await first, await lab.lab.world.settled(leaders.next())])
      values.push(Buffer.from((told.value as { kv: { value: Uint8Array } }).kv.value).toString());
    assert.deepEqual(values, ["first", "second"]);
    await leaders.return(undefined);
    assert.equal(lab.member.watches.watcherCount, 0);
  });

  test("given up before it began leaves no key", async () => {
    const lab = await LockLab.open(2);
    lab.campaign("e", 1n, "one");
    await lab.pass();
    const candidacy = { name: fromText("e"), lease: 2n, value: fromText("x") };
    const outcome = campaign(lab.keys, { ...candidacy, signal: AbortSignal.abort() });
    const rejected = assert.rejects(outcome, { name: "AbortError" });
    await lab.pass();
    await rejected;
    assert.deepEqual(await lab.keysBelow("e/"), ["e/1"]);
  });

  test("given up in the moment when its turn comes is resigned", async () => {
    const lab = await LockLab.open(2);
    lab.campaign("e", 1n, "one");
    await lab.pass();
    const stop = new AbortController();
    const keys: KeySpace = {
      txn: (request) => lab.keys.txn(request),
      deleteRange: (request) => lab.keys.deleteRange(request),
      watch: (watched, signal) => lab.keys.watch(watched, signal),
      range: async (request) => {
        await lab.keys.deleteRange({ key: fromText("e/1") });
        stop.abort();
        return lab.keys.range(request);
      },
    };
    const candidacy = { name: fromText("e"), lease: 2n, value: fromText("x") };
    const outcome = campaign(keys, { ...candidacy, signal: stop.signal });
    const rejected = assert.rejects(outcome, { name: "AbortError" });
    await lab.pass();
    await rejected;
    assert.deepEqual(await lab.keysBelow("e/"), []);
  });
});
