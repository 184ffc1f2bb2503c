import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { entry, entryNumbers, entryWords } from "../../../node/mvcc/log-entry.ts";
import { LogSegments } from "../../../node/mvcc/log-segments.ts";
import { RevisionLog } from "../../../node/mvcc/revision-log.ts";
import { seededRandom } from "./key-parts.ts";

const chunk = 1 << 15;
const bytesPerEntry = 32;

test("a settled log answers like a map of its entries, whatever was removed in what order", () => {
  const phase = fc.record({
    appended: fc.integer({ min: 0, max: 2 * chunk }),
    settledShare: fc.constantFrom(0, 0.3, 0.7, 1),
    /** One of so many settled entries stays. */
    keepOneOf: fc.constantFrom(1, 2, 3, 50, 5000, 200_000),
    seed: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(phase, { minLength: 1, maxLength: 4 }), (phases) => {
      const log = new RevisionLog();
      const kept = new Map<number, number>();
      let settled = 0;
      for (const { appended, settledShare, keepOneOf, seed } of phases) {
        for (let n = 0; n < appended; n++) {
          const next = log.lastOrdinal + 1;
          log.append(next * 2, next % 3, next % 5 === 0, next | 1, 0, next % 1000);
          kept.set(next, next);
        }
        settled = Math.max(settled, Math.floor(log.lastOrdinal * settledShare));
        const random = seededRandom(seed);
        const removeSome = (): void => {
          for (const ordinal of [...kept.keys()]) {
            if (ordinal >= settled || random.uint32() % keepOneOf === 0) continue;
            log.remove(ordinal);
            kept.delete(ordinal);
          }
        };
        if (seed % 2 === 0) removeSome();
        log.settle(settled);
        if (seed % 2 === 1) removeSome();
      }
      const expected = [...kept.keys()];
      const found: number[] = [];
      for (let at = log.next(0); at !== 0; at = log.next(at)) found.push(at);
      assert.deepEqual(found, expected);
      for (const at of expected) {
        assert.ok(log.has(at));
        assert.deepEqual(
          [log.main(at), log.sub(at), log.isTombstone(at), log.place(at), log.recordLength(at)],
          [at * 2, at % 3, at % 5 === 0, at | 1, at % 1000],
        );
      }
      const random = seededRandom(9);
      for (let n = 0; n < 200; n++) {
        const at = 1 + (random.uint32() % (log.lastOrdinal + 2));
        assert.equal(log.has(at), kept.has(at));
        if (at <= log.lastOrdinal && !kept.has(at)) assert.ok(log.isTombstone(at));
        // No kept entry lies between the bound and the newest one that is old enough.
        const bound = log.ordinalAt(at * 2 + 1);
        assert.ok(bound <= at);
        const next = log.next(bound);
        assert.ok(next === 0 || next > at);
      }
    }),
    { numRuns: 15 },
  );
});

test("a long history of which little is kept takes memory for what is kept", () => {
  const log = new RevisionLog();
  const keepOneOf = 1000;
  const total = 200 * chunk;
  for (let n = 1; n <= total; n++) {
    log.append(n, 0, false, 1, 0, 1);
    if (n > chunk && (n - chunk) % keepOneOf !== 0) log.remove(n - chunk);
    if (n % chunk === 0) log.settle(n - chunk);
  }
  const kept = total / keepOneOf;
  assert.ok(
    log.residentBytes < kept * (bytesPerEntry + 4) * 2 + 6 * chunk * bytesPerEntry,
    `${log.residentBytes} bytes`,
  );
});

test("a place in the cache can be set for a settled entry, and is not for a removed one", () => {
  const log = new RevisionLog();
  for (let n = 1; n <= chunk; n++) log.append(n, 0, false, n, 0, 1);
  for (let n = 1; n < chunk; n++) if (n % 3 !== 0) log.remove(n);
  log.settle(chunk);
  log.setRecord(3, 77, 5);
  log.setRecord(4, 99, 9);
  assert.deepEqual([log.cachePosition(3), log.recordLength(3)], [77, 5]);
  assert.ok(!log.has(4));
});

test("segments of which little is left are put together", () => {
  const segments = new LogSegments();
  for (let number = 0; number < 100; number++) {
    const memory = new ArrayBuffer(chunk * bytesPerEntry);
    const numbers = new Float64Array(memory);
    const words = new Int32Array(memory);
    for (let slot = 0; slot < chunk; slot++) {
      numbers[slot * entryNumbers] = number * chunk + slot;
      words[slot * entryWords + entry.place] = slot % 1024 === 0 ? 1 : 0;
    }
    segments.add(number * chunk, numbers, words, chunk - 32);
  }
  assert.equal(segments.count, 1);
  assert.ok(segments.residentBytes < 100 * 32 * 40);
  for (let number = 0; number < 100; number++) {
    assert.ok(segments.locate(number * chunk + 1024));
    assert.equal(segments.numbers[segments.slot * entryNumbers], number * chunk + 1024);
    assert.ok(!segments.locate(number * chunk + 1023));
  }
  for (let ordinal = 0; ordinal < 100 * chunk; ordinal += 1024) segments.remove(ordinal);
  assert.equal(segments.residentBytes, 0);
});

test("a record whose key was last written more than 2^32 entries ago has its previous one", () => {
  const log = new RevisionLog();
  log.append(1, 0, false, 1, 0);
  // As if so many entries lay in between.
  Reflect.set(log, "last", 2 ** 33 + chunk * 3);
  Reflect.set(log, "recentFirst", 2 ** 33);
  for (let added = 0; added < 4; added++) (Reflect.get(log, "addChunk") as () => void).call(log);
  const far = log.append(2, 0, false, 1, 1);
  const near = log.append(3, 0, false, 1, far);
  assert.deepEqual([log.previous(far), log.previous(near)], [1, far]);
  log.clearPrevious(far);
  assert.equal(log.previous(far), 0);
});
