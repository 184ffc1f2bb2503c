import assert from "node:assert/strict";
import dns from "node:dns";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { lookupAddresses, sharedLookup } from "../../../../node/lib/platform/address-lookup.ts";

/** A name server that answers when it is told to. */
class SlowDns {
  readonly asked: string[] = [];
  private readonly answers = new Map<string, (error?: Error) => void>();

  lookup(name: string): Promise<dns.LookupAddress[]> {
    this.asked.push(name);
    return new Promise((resolve, reject) => {
      this.answers.set(name, (error) => {
        if (error === undefined) resolve([{ address: "10.0.0.1", family: 4 }]);
        else reject(error);
      });
    });
  }

  async answer(name: string, error?: Error): Promise<void> {
    this.answers.get(name)?.(error);
    await turn();
  }
}

async function withSlowDns(run: (slow: SlowDns) => Promise<void>): Promise<void> {
  const slow = new SlowDns();
  const { lookup } = dns.promises;
  Object.assign(dns.promises, { lookup: (name: string) => slow.lookup(name) });
  try {
    await run(slow);
  } finally {
    Object.assign(dns.promises, { lookup });
  }
}

test("a name server that does not answer holds two threads of the pool and no more", async () => {
  await withSlowDns(async (slow) => {
    const all = ["a", "b", "c", "d"].map((name) => lookupAddresses(name));
    await turn();
    assert.deepEqual(slow.asked, ["a", "b"]);
    await slow.answer("b", new Error("timed out"));
    assert.deepEqual(slow.asked, ["a", "b", "c"]);
    await slow.answer("a");
    await slow.answer("c");
    await slow.answer("d");
    const outcomes = await Promise.allSettled(all);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled", "fulfilled"],
    );
  });
});

test("those who ask for one name at a time share a look-up, and the next one is a new one", async () => {
  await withSlowDns(async (slow) => {
    const both = [lookupAddresses("m1"), lookupAddresses("m1")];
    await slow.answer("m1");
    assert.deepEqual(await Promise.all(both), [
      [{ address: "10.0.0.1", family: 4 }],
      [{ address: "10.0.0.1", family: 4 }],
    ]);
    assert.deepEqual(slow.asked, ["m1"]);
    const again = lookupAddresses("m1");
    await slow.answer("m1");
    await again;
    assert.deepEqual(slow.asked, ["m1", "m1"]);
  });
});

test("a connection gets all addresses, or the first of its family, or the system's error", async () => {
  const answerOf = (name: string, options: dns.LookupOptions): Promise<readonly unknown[]> =>
    new Promise((resolve) => sharedLookup(name, options, (...answer) => resolve(answer)));
  const ipv4 = { address: "127.0.0.1", family: 4 };
  assert.deepEqual(await answerOf("127.0.0.1", { all: true }), [null, [ipv4]]);
  assert.deepEqual(await answerOf("127.0.0.1", {}), [null, "127.0.0.1", 4]);
  const [error] = await answerOf("127.0.0.1", { family: 6 });
  assert.match(String(error), /ENOTFOUND 127\.0\.0\.1/);
});
