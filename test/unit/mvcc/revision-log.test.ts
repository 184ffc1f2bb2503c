import assert from "node:assert/strict";
import { test } from "node:test";
import { neverCached, RevisionLog } from "../../../node/mvcc/revision-log.ts";

test("an entry gives back what was appended, over many chunks", () => {
  const log = new RevisionLog();
  for (let n = 1; n <= 100_000; n++) {
    assert.equal(log.append(2 ** 40 + n, n % 7, n % 5 === 0, -n, n > 9 ? n - 9 : 0), n);
    if (n % 2 === 0) log.setRecord(n, 2 ** 45 + n, n);
  }
  assert.equal(log.lastOrdinal, 100_000);
  for (let n = 1; n <= 100_000; n++) {
    assert.deepEqual(
      [
        log.main(n),
        log.sub(n),
        log.isTombstone(n),
        log.place(n),
        log.previous(n),
        log.cachePosition(n),
        log.recordLength(n),
      ],
      [
        2 ** 40 + n,
        n % 7,
        n % 5 === 0,
        -n,
        n > 9 ? n - 9 : 0,
        n % 2 === 0 ? 2 ** 45 + n : neverCached,
        n % 2 === 0 ? n : 0,
      ],
    );
  }
});

test("liveAt finds the newest put at or before a revision, and nothing where a tombstone or no record is", () => {
  const log = new RevisionLog();
  const put5 = log.append(5, 0, false, 1, 0);
  const put7 = log.append(7, 0, false, 1, put5);
  const dead9 = log.append(9, 0, true, 1, put7);
  const put9 = log.append(9, 1, false, 1, dead9);
  const dead12 = log.append(12, 0, true, 1, put9);
  const found = [4, 5, 6, 7, 8, 9, 11, 12, 13].map((at) => log.liveAt(dead12, log.ordinalAt(at)));
  assert.deepEqual(found, [0, put5, put5, put7, put7, put9, put9, 0, 0]);
});
