import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { KeySpace } from "../../../node/concurrency/key-space.ts";
import { lock } from "../../../node/concurrency/mutex.ts";
import { fromText } from "../../../node/lib/bytes.ts";
import { LockLab, lockedKey } from "./lock-lab.ts";
import { RecordedStream } from "./recorded-call.ts";

const unknown = (text: string): unknown => ({ code: 2, text });

describe("the Lock service", () => {
  test("locks are had one after the other, in the order of their keys", async () => {
    const lab = await LockLab.open(3);
    const calls = [];
    for (const lease of [1n, 2n, 3n]) {
      calls.push(lab.lock("name", lease));
      await lab.pass();
    }
    assert.deepEqual(
      calls.map(({ end }) => end),
      ["finished", "open", "open"],
    );
    for (const [at, call] of calls.entries()) {
      const key = lockedKey(call);
      assert.equal(key, `name/${at + 1}`);
      assert.equal(lab.unlock(key).end, "open");
      await lab.pass();
    }
    assert.deepEqual(await lab.keysBelow("name/"), []);
    assert.equal(lab.member.watches.watcherCount, 0);
  });

  test("a client that goes away leaves the queue, and those behind it keep waiting", async () => {
    const lab = await LockLab.open(3);
    lab.lock("name", 1n);
    await lab.pass();
    const gone = lab.lock("name", 2n);
    await lab.pass();
    const last = lab.lock("name", 3n);
    await lab.pass();
    gone.cancel();
    await lab.pass();
    assert.deepEqual(await lab.keysBelow("name/"), ["name/1", "name/3"]);
    assert.equal(last.end, "open");
    lab.unlock("name/1");
    await lab.pass();
    assert.equal(lockedKey(last), "name/3");
    assert.equal(lab.member.watches.watcherCount, 0);
  });

  test("a client that goes away before its key is written leaves none behind a holder", async () => {
    const lab = await LockLab.open(2);
    lab.lock("name", 1n);
    await lab.pass();
    const gone = lab.lock("name", 2n);
    gone.cancel();
    await lab.pass();
    assert.deepEqual(await lab.keysBelow("name/"), ["name/1"]);
  });

  test("a client that goes away in the moment when its turn comes leaves no lock behind", async () => {
    const lab = await LockLab.open(2);
    lab.lock("name", 1n);
    await lab.pass();
    const stop = new AbortController();
    const keys: KeySpace = {
      txn: (request) => lab.keys.txn(request),
      deleteRange: (request) => lab.keys.deleteRange(request),
      watch: (watched, signal) => lab.keys.watch(watched, signal),
      range: async (request) => {
        await lab.keys.deleteRange({ key: fromText("name/1") });
        stop.abort();
        return lab.keys.range(request);
      },
    };
    const outcome = lock(keys, { name: fromText("name"), lease: 2n, signal: stop.signal });
    const rejected = assert.rejects(outcome, { name: "AbortError" });
    await lab.pass();
    await rejected;
    assert.deepEqual(await lab.keysBelow("name/"), []);
  });

  test("a lease that ended while it waited gets no lock, and the next one does", async () => {
    const lab = await LockLab.open(3);
    lab.lock("name", 1n);
    await lab.pass();
    const expired = lab.lock("name", 2n);
    await lab.pass();
    const next = lab.lock("name", 3n);
    await lab.pass();
    await lab.revoke(2n);
    assert.equal(expired.end, "open", "as on etcd it learns so when its turn comes");
    assert.equal(next.end, "open");
    lab.unlock("name/1");
    await lab.pass();
    assert.deepEqual(expired.end, unknown("mutex: session is expired"));
    assert.equal(lockedKey(next), "name/3");
  });

  test("the end of the holder's lease hands the lock on", async () => {
    const lab = await LockLab.open(2);
    lab.lock("name", 1n);
    await lab.pass();
    const heir = lab.lock("name", 2n);
    await lab.pass();
    await lab.revoke(1n);
    assert.equal(lockedKey(heir), "name/2");
  });

  test("of 200 who wait, one unlock wakes one", async () => {
    const lab = await LockLab.open(201);
    const calls: RecordedStream[] = [];
    for (let lease = 1n; lease <= 201n; lease++) calls.push(lab.lock("name", lease));
    await lab.pass(5000);
    const [first] = calls.splice(0, 1);
    const holder = lockedKey(first as RecordedStream);
    assert.equal(lab.member.watches.watcherCount, 200);
    let key = holder;
    for (let turn = 0; turn < 3; turn++) {
      const before = lab.member.watches.eventsDelivered;
      lab.unlock(key);
      await lab.pass();
      const woken = calls.filter(({ end }) => end !== "open");
      assert.equal(woken.length, turn + 1);
      assert.equal(lab.member.watches.eventsDelivered - before, 1);
      assert.equal(lab.member.watches.watcherCount, 199 - turn);
      key = lockedKey(
        woken.find(
          (call) => lockedKey(call) === `name/${(turn + 2).toString(16)}`,
        ) as RecordedStream,
      );
    }
  });

  test("refusals are etcd's: its texts, and Unknown for what its inner client was refused", async () => {
    const lab = await LockLab.open(1);
    const empty = lab.unlock("");
    const malformed = lab.begin("/v3lockpb.Lock/Lock", Uint8Array.of(0xff));
    await lab.pass();
    assert.deepEqual(empty.end, unknown("etcdserver: key is not provided"));
    assert.equal((malformed.end as { code: number }).code, 13);
    const missing = lab.lock("name", 5n);
    await lab.pass();
    assert.deepEqual(missing.end, unknown("etcdserver: requested lease not found"));
  });

  test("a client that demands a leader where there is none is refused at once, with the code of such calls", async () => {
    const lab = await LockLab.open(0);
    Object.defineProperty(lab.member, "hasLeader", { value: false });
    const call = lab.begin(
      "/v3lockpb.Lock/Lock",
      new Uint8Array(0),
      new RecordedStream({ hasleader: "true" }),
    );
    assert.deepEqual(call.end, { code: 14, text: "etcdserver: no leader" });
  });

  test("those who wait are answered when the member stops", async () => {
    const lab = await LockLab.open(2);
    lab.lock("name", 1n);
    await lab.pass();
    const waiting = lab.lock("name", 2n);
    await lab.pass();
    await lab.lab.world.settled(lab.member.stop());
    waiting.cancel();
    await lab.pass();
    assert.equal(lab.member.watches.watcherCount, 0);
  });
});
