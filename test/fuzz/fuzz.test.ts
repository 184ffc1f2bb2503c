/** A short run of every fuzzer, all inputs that were ever found, and the harness itself. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { corpusOf } from "./corpus.ts";
import { fuzz, watchedRun } from "./harness.ts";
import { FuzzRandom } from "./random.ts";
import type { Target } from "./target.ts";
import { targetNamed, targets } from "./targets.ts";

const runs = 5_000;

for (const target of targets) {
  suite(target.name, () => {
    test("breaks no invariant, and its inputs get deep", async () => {
      const report = await fuzz(target, { seed: 1, runs, slowMs: Infinity });
      assert.deepEqual(
        report.crashes.map(({ run, error }) => `run ${String(run)}: ${error}`),
        [],
      );
      assert.equal(report.runs, runs);
      assert.deepEqual(report.missed, [], JSON.stringify(report.shares));
    });

    for (const { path, input } of corpusOf(target.name)) {
      test(`${path} stays harmless`, async () => {
        await watchedRun(target, input, Infinity);
      });
    }
  });
}

suite("harness", () => {
  const planted = (changes: Partial<Target>): Target => ({
    name: "planted",
    stages: ["even"],
    leastShares: {},
    generate: (random) => random.bytes(4),
    run: (input) => ((input[0] as number) % 2 === 0 ? 1 : 0),
    ...changes,
  });
  const options = { seed: 7, runs: 200, slowMs: Infinity };

  test("an error that is thrown is found with the input that throws it", async () => {
    const target = planted({
      run: (input) => {
        if (input[0] === 0x2a) throw new TypeError("planted");
        return 0;
      },
    });
    const [crash] = (await fuzz(target, { ...options, runs: 5_000 })).crashes;
    assert.ok(crash);
    assert.match(crash.error, /TypeError: planted/);
    assert.equal(crash.input[0], 0x2a);
    const again = target.generate(new FuzzRandom(options.seed, crash.run ?? 0));
    assert.deepEqual(Uint8Array.from(again), crash.input);
  });

  test("a promise that is rejected is found", async () => {
    const target = planted({ run: () => Promise.reject(new Error("planted")) });
    assert.equal((await fuzz(target, options)).crashes.length, 10);
  });

  test("an input that takes memory beyond all proportion is found", async () => {
    // Not kept: what is left of it must not spoil the measurements of other tests.
    const target = planted({ run: () => Buffer.alloc(100 * 1024 * 1024).length & 1 });
    const { crashes } = await fuzz(target, { ...options, runs: 1 });
    assert.match(crashes[0]?.error ?? "", /took \d+ bytes/);
  });

  test("a memory that only grows is found", async () => {
    const kept: Buffer[] = [];
    const target = planted({
      run: (input) => {
        kept.push(Buffer.alloc(4_000, input[0]));
        return 0;
      },
    });
    const { crashes } = await fuzz(target, { ...options, runs: 20_000 });
    assert.match(crashes.at(-1)?.error ?? "", /not given back/);
  });

  test("an input that lasts is found", async () => {
    const { crashes } = await fuzz(planted({}), { ...options, slowMs: -1 });
    assert.match(crashes[0]?.error ?? "", /took \d+ ms/);
  });

  test("shares are counted, and a share that is too small is named", async () => {
    const report = await fuzz(planted({ leastShares: { even: 0.9 } }), options);
    const even = report.shares["even"] ?? 0;
    assert.ok(even > 0.3 && even < 0.7, String(even));
    assert.deepEqual(report.missed, ["even"]);
  });

  test("a name without target is refused with the names there are", () => {
    assert.throws(() => targetNamed("nothing"), /http2, hpack/);
  });
});
