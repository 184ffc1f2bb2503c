/** What every backend must do with removals and with scans of what is committed. Run over each implementation by backend.test.ts. */
import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Backend } from "../../node/backend/backend.ts";
import { fromText } from "../../node/lib/bytes.ts";
import { type Revision, revision } from "../../node/lib/units.ts";
import {
  append,
  at,
  type BackendHome,
  commit,
  type SeenRecord,
  scanAll,
  seenRecord,
  type WithHome,
  withHomeOf,
} from "./backend.ts";

export async function scanTo(backend: Backend, upTo: number): Promise<SeenRecord[]> {
  const seen: SeenRecord[] = [];
  await backend.scanCommitted(revision(upTo), (...record) => seen.push(seenRecord(...record)));
  return seen;
}

const mains = (records: readonly SeenRecord[]): number[] => records.map(({ main }) => main);
const remove = (backend: Backend, main: number, sub = 0): void =>
  backend.remove(revision(main), sub);

/** Records 2 to `last`, `perBatch` in a batch; the last batch is committed too. */
async function fill(backend: Backend, last: number, perBatch: number): Promise<void> {
  for (let main = 2; main <= last; main++) {
    append(backend, main, 0, `value ${main}`);
    if ((main - 1) % perBatch === 0 || main === last) await commit(backend, at(main, main));
  }
}

export function removalContract(name: string, makeHome: () => Promise<BackendHome>): void {
  describe(`backend contract, removal: ${name}`, () => {
    const withHome = withHomeOf(makeHome);
    removeTests(withHome);
    crashTests(withHome);
    scanTests(withHome);
  });
}

function removeTests(withHome: WithHome): void {
  withHome(
    "a removed record is gone once its batch is committed, the others stay",
    async (home) => {
      const backend = await home.open();
      await fill(backend, 10, 3);
      for (const main of [3, 4, 5, 9]) remove(backend, main);
      assert.equal(backend.pendingOps, 4);
      await commit(backend, at(11, 10));
      assert.throws(() => backend.read(revision(4), 0), { name: "CorruptionError" });
      assert.deepEqual(mains(await scanTo(backend, 99)), [2, 6, 7, 8, 10]);
      append(backend, 11, 0, "after");
      await commit(backend, at(12, 11));
      await backend.close();
      const again = await home.open();
      assert.deepEqual(mains(await scanAll(again)), [2, 6, 7, 8, 10, 11]);
      await again.close();
    },
  );

  withHome("everything may be removed, and revisions go on growing from there", async (home) => {
    const backend = await home.open();
    await fill(backend, 6, 2);
    for (let main = 2; main <= 6; main++) remove(backend, main);
    await commit(backend, at(7, 6));
    await commit(backend, at(8, 6));
    await backend.close();
    const again = await home.open();
    assert.deepEqual(await scanAll(again), []);
    assert.throws(() => append(again, 6, 0, "again"), { name: "AssertionError" });
    append(again, 7, 0, "next");
    await commit(again, at(9, 7));
    await again.close();
    const third = await home.open();
    assert.deepEqual(mains(await scanAll(third)), [7]);
    await third.close();
  });

  withHome("one sub revision of several may be removed, also of the newest batch", async (home) => {
    const backend = await home.open();
    for (const sub of [0, 1, 2]) append(backend, 2, sub, `${sub}`);
    for (const sub of [0, 1]) append(backend, 3, sub, `${sub}`);
    await commit(backend, at(1, 3));
    remove(backend, 2, 1);
    remove(backend, 3, 1);
    append(backend, 4, 0, "in the same batch");
    await commit(backend, at(2, 4));
    await backend.close();
    const again = await home.open();
    assert.deepEqual(
      (await scanAll(again)).map(({ main, sub }) => [main, sub]),
      [
        [2, 0],
        [2, 2],
        [3, 0],
        [4, 0],
      ],
    );
    await again.close();
  });

  withHome("a removal that was not committed has not happened", async (home) => {
    const backend = await home.open();
    await fill(backend, 6, 2);
    remove(backend, 3);
    await backend.close();
    const again = await home.open();
    assert.deepEqual(mains(await scanAll(again)), [2, 3, 4, 5, 6]);
    remove(again, 3);
    await commit(again, at(7, 6));
    assert.deepEqual(mains(await scanTo(again, 99)), [2, 4, 5, 6]);
    await again.close();
  });

  withHome("removing a record that is not committed is a bug", async (home) => {
    const backend = await home.open();
    append(backend, 2, 0, "open");
    assert.throws(() => remove(backend, 2), { name: "AssertionError" });
    const done = commit(backend, at(1, 2));
    assert.throws(() => remove(backend, 2), { name: "AssertionError" });
    await done;
    remove(backend, 2);
    await backend.close();
    assert.throws(() => remove(backend, 2), { name: "AssertionError" });
  });

  withHome(
    "many batches, removed with reopens between, leave what was not removed",
    async (home) => {
      let backend = await home.open();
      await fill(backend, 400, 4);
      let index = 400;
      for (let upTo = 50; upTo <= 400; upTo += 50) {
        for (let main = upTo - 48; main <= upTo; main++) if (main % 10 !== 0) remove(backend, main);
        await commit(backend, at(++index, 400));
        await backend.close();
        backend = await home.open();
        // The second time without a scan, as a start that has the index from elsewhere.
        if (upTo % 100 === 0) await scanAll(backend);
      }
      await backend.close();
      backend = await home.open();
      const kept = mains(await scanAll(backend));
      assert.deepEqual(
        kept,
        Array.from({ length: 399 }, (_, n) => n + 2).filter(
          (main) => main % 10 === 0 || main % 50 === 1,
        ),
      );
      await backend.close();
    },
  );

  withHome(
    "the identity is another one after each commit, and the same after a reopen",
    async (home) => {
      const backend = await home.open();
      const seen = new Set([backend.identity]);
      for (let index = 1; index <= 5; index++) {
        append(backend, index + 1, 0, "x");
        await commit(backend, at(index, index + 1));
        seen.add(backend.identity);
      }
      remove(backend, 3);
      await commit(backend, at(6, 6));
      seen.add(backend.identity);
      assert.equal(seen.size, 7);
      const last = backend.identity;
      await backend.close();
      const again = await home.open();
      assert.equal(again.identity, last);
      await again.close();
    },
  );
}

/** Steps of a compaction of 60 records; a crash may come after any of them. */
const compactionSteps = 36;

async function compactionStep(backend: Backend, step: number): Promise<void> {
  const slice = Math.floor(step / 2);
  if (step % 2 === 0) {
    for (let main = 2 + slice * 3; main < 5 + slice * 3; main++) {
      if (main % 4 !== 0) remove(backend, main);
    }
    append(backend, 100 + slice, 0, "written meanwhile");
    backend.put("meta", fromText("slice"), fromText(`${slice}`));
  } else {
    await commit(backend, at(100 + step, 100 + slice));
  }
}

function crashTests(withHome: WithHome): void {
  withHome(
    "a crash at any point of a compaction leaves the last commit, and it can go on",
    async (home) => {
      for (let crashAt = 0; crashAt <= compactionSteps; crashAt++) {
        await home.wipe();
        let backend = await home.open();
        await fill(backend, 60, 7);
        let sealed = mains(await scanTo(backend, 1000));
        for (let step = 0; step < crashAt; step++) {
          await compactionStep(backend, step);
          if (step % 2 === 1) sealed = mains(await scanTo(backend, 1000));
        }
        await home.crash(backend);
        backend = await home.open();
        assert.deepEqual(mains(await scanAll(backend)), sealed, `crash after step ${crashAt}`);
        for (let step = crashAt - (crashAt % 2); step < compactionSteps; step++)
          await compactionStep(backend, step);
        await backend.close();
        backend = await home.open();
        const expected = [];
        for (let main = 2; main < 118; main++) {
          if (main % 4 === 0 ? main <= 60 : main >= 56 && main <= 60) expected.push(main);
          else if (main >= 100) expected.push(main);
        }
        assert.deepEqual(mains(await scanAll(backend)), expected);
        await backend.close();
      }
    },
  );
}

function scanTests(withHome: WithHome): void {
  withHome(
    "a committed scan ends with the revision asked for, all of its sub revisions",
    async (home) => {
      const backend = await home.open();
      for (const sub of [0, 1, 2 ** 32 - 1]) append(backend, 5, sub, `${sub}`);
      append(backend, 6, 0, "x");
      append(backend, Number.MAX_SAFE_INTEGER, 0, "far");
      await commit(backend, at(1, Number.MAX_SAFE_INTEGER));
      assert.deepEqual(mains(await scanTo(backend, 4)), []);
      assert.deepEqual(mains(await scanTo(backend, 5)), [5, 5, 5]);
      assert.deepEqual(mains(await scanTo(backend, 6)), [5, 5, 5, 6]);
      const all = await scanTo(backend, Number.MAX_SAFE_INTEGER);
      assert.equal(all.length, 5);
      assert.equal(all[2]?.text, String(2 ** 32 - 1));
      await backend.close();
    },
  );

  withHome(
    "a scan sees what was committed when it began, whatever is committed meanwhile",
    async (home) => {
      const backend = await home.open();
      await fill(backend, 3001, 1000);
      append(backend, 3002, 0, "open");
      const seen: number[] = [];
      let commits = 0;
      const scan = backend.scanCommitted(revision(9999), (main) => seen.push(main));
      for (let main = 2; main <= 3001; main += 500) {
        remove(backend, main);
        append(backend, 4000 + main, 0, "later");
        await commit(backend, at(4000 + main, 4000 + main));
        commits++;
      }
      await scan;
      assert.equal(commits, 6);
      assert.deepEqual(
        seen,
        Array.from({ length: 3000 }, (_, n) => n + 2),
      );
      assert.equal((await scanTo(backend, 9999)).length, 3001);
      await backend.close();
    },
  );

  withHome(
    "a batch in flight is not yet committed for a scan that begins meanwhile",
    async (home) => {
      const backend = await home.open();
      await fill(backend, 20, 20);
      const before = mains(await scanTo(backend, 99));
      for (let round = 0; round < 10; round++) {
        remove(backend, 2 + round);
        append(backend, 21 + round, 0, "in flight");
        const done = commit(backend, at(21 + round, 21 + round));
        // Long enough for the write to have happened at times, without its end being known here.
        const busyUntil = performance.now() + 3;
        while (performance.now() < busyUntil);
        const scan = scanTo(backend, 99);
        await done;
        assert.deepEqual(mains(await scan), before);
        before.push(21 + round);
        before.shift();
      }
      await backend.close();
    },
  );

  withHome("several scans run at a time, also in turns of one another", async (home) => {
    const backend = await home.open();
    await fill(backend, 2501, 500);
    const scans = await Promise.all([
      scanTo(backend, 2501),
      scanTo(backend, 1200),
      scanTo(backend, 2501),
    ]);
    assert.deepEqual(
      scans.map((seen) => seen.length),
      [2500, 1199, 2500],
    );
    await backend.close();
  });

  withHome("what the visitor throws ends the scan, and the backend goes on", async (home) => {
    const backend = await home.open();
    await fill(backend, 2001, 500);
    const stop = new Error("stop");
    const throwing = (main: Revision): void => {
      if (main === 1500) throw stop;
    };
    await assert.rejects(backend.scanCommitted(revision(2001), throwing), stop);
    append(backend, 2002, 0, "x");
    await commit(backend, at(2002, 2002));
    assert.equal((await scanTo(backend, 9999)).length, 2001);
    await backend.close();
  });

  withHome("closing ends a scan with an Error that is no corruption", async (home) => {
    const backend = await home.open();
    await fill(backend, 5001, 1000);
    let count = 0;
    let closing: Promise<void> | undefined;
    const scan = backend.scanCommitted(revision(5001), () => {
      count++;
      closing ??= backend.close();
    });
    await assert.rejects(scan, { name: "Error", message: /closed during a scan/ });
    await closing;
    assert.ok(count < 5000);
    const again = await home.open();
    let closingAgain: Promise<void> | undefined;
    const atOpen = again.scan(() => {
      closingAgain ??= again.close();
    });
    await assert.rejects(atOpen, { name: "Error", message: /closed during a scan/ });
    await closingAgain;
  });
}
