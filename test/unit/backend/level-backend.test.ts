/** What only the LevelDB backend does: opening what is not its own, locks, failing writes, format. */
import assert from "node:assert/strict";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { formatMarkerKey, sealKey, writeRecordKey } from "../../../node/backend/layout.ts";
import { LevelBackend, type LevelBackendOptions } from "../../../node/backend/level-backend.ts";
import { formatMarker } from "../../../node/backend/level-load.ts";
import { LevelStore } from "../../../node/backend/level-store.ts";
import { fromText, toText } from "../../../node/lib/bytes.ts";
import { revision } from "../../../node/lib/units.ts";
import { append, at, commit, scanAll } from "../../contract/backend.ts";
import { levelHome, quietLogger } from "./level-home.ts";

const storeOptions = { writeBufferBytes: 1 << 20, blockCacheBytes: 1 << 20 };

function withHome(
  title: string,
  run: (dir: string, options: LevelBackendOptions) => Promise<void>,
): void {
  void test(title, async () => {
    const home = await levelHome();
    try {
      await run(home.dir, home.options);
    } finally {
      await home.dispose();
    }
  });
}

/** Changes the closed store behind the backend's back. */
async function tamper(
  dir: string,
  options: LevelBackendOptions,
  change: (store: LevelStore) => Promise<void>,
): Promise<void> {
  const store = await LevelStore.open(dir, options.fs, storeOptions);
  await change(store);
  await store.close();
}

async function threeBatches(dir: string, options: LevelBackendOptions): Promise<void> {
  const backend = await LevelBackend.open(dir, options);
  for (let index = 1; index <= 3; index++) {
    append(backend, 2 * index, 0, `first of ${index}`);
    append(backend, 2 * index + 1, 0, `second of ${index}`);
    backend.put("lease", fromText(`${index}`), fromText("granted"));
    await commit(backend, at(index, 2 * index + 1));
  }
  await backend.close();
}

const recordKeyOf = (main: number, sub: number): Uint8Array => {
  const key = new Uint8Array(15);
  writeRecordKey(key, main, sub);
  return key;
};

const corruption = (message: RegExp): object => ({ name: "CorruptionError", message });

withHome("a directory that another backend holds is refused, and says so", async (dir, options) => {
  const backend = await LevelBackend.open(dir, options);
  await assert.rejects(LevelBackend.open(dir, options), (error: Error) => {
    assert.match(error.message, /is in use by another process/);
    assert.ok(error.cause instanceof Error);
    return true;
  });
  await backend.close();
});

withHome("opening and closing a new backend leaves no seal and no marker", async (dir, options) => {
  await (await LevelBackend.open(dir, options)).close();
  await tamper(dir, options, async (store) => assert.equal(store.get(formatMarkerKey), undefined));
});

withHome(
  "another format version is refused, and so are a damaged and a missing marker",
  async (dir, options) => {
    await threeBatches(dir, options);
    const marker = formatMarker(9);
    const put = (value: Uint8Array) =>
      tamper(dir, options, async (store) => {
        const batch = store.batch();
        batch.put(formatMarkerKey, value);
        await batch.write({ sync: false });
      });
    await put(marker);
    await assert.rejects(LevelBackend.open(dir, options), {
      name: "Error",
      message: /has format version 9.*reads 2/,
    });
    marker[3] = 0;
    await put(marker);
    await assert.rejects(LevelBackend.open(dir, options), corruption(/format marker is damaged/));
    await tamper(dir, options, async (store) => {
      const batch = store.batch();
      batch.del(formatMarkerKey);
      await batch.write({ sync: false });
    });
    await assert.rejects(LevelBackend.open(dir, options), corruption(/no format marker/));
  },
);

withHome("a file CURRENT that is gone is damage and not a new backend", async (dir, options) => {
  await threeBatches(dir, options);
  await rm(join(dir, "CURRENT"));
  const files = async () => (await readdir(dir)).filter((name) => !name.startsWith("LOG"));
  const before = await files();
  await assert.rejects(LevelBackend.open(dir, options), corruption(/CURRENT is missing/));
  assert.deepEqual(await files(), before);
});

withHome("a creation that a crash cut short is begun again", async (dir, options) => {
  await mkdir(dir, { recursive: true });
  for (const name of ["LOCK", "LOG", "MANIFEST-000001", "000001.dbtmp"])
    await writeFile(join(dir, name), "");
  const backend = await LevelBackend.open(dir, options);
  assert.deepEqual(await scanAll(backend), []);
  await backend.close();
});

withHome(
  "each lost, changed, added or moved entry is found, and the error names its place",
  async (dir, options) => {
    await threeBatches(dir, options);
    const value = (store: LevelStore, key: Uint8Array): Uint8Array =>
      store.get(key) ?? fromText("none");
    type Change = (store: LevelStore, batch: ReturnType<LevelStore["batch"]>) => void;
    const cases: readonly [RegExp, Change][] = [
      [/batch 2 has 1 records/, (_store, batch) => batch.del(recordKeyOf(4, 0))],
      [
        /revision 4\/0: its value has a bad checksum/,
        (store, batch) => batch.put(recordKeyOf(4, 0), value(store, recordKeyOf(5, 0))),
      ],
      [
        /revision 4\/1: its value has a bad checksum/,
        (store, batch) => batch.put(recordKeyOf(4, 1), value(store, recordKeyOf(4, 0))),
      ],
      [/seal 2 is missing/, (_store, batch) => batch.del(sealKey(5, 0, 2))],
      [
        /seal 1 is missing/,
        (_store, batch) => {
          for (const key of [recordKeyOf(2, 0), recordKeyOf(3, 0), sealKey(3, 0, 1)])
            batch.del(key);
        },
      ],
      [
        /seal 2 is missing: a batch was lost before seal 3/,
        (_store, batch) => {
          for (const key of [recordKeyOf(4, 0), recordKeyOf(5, 0), sealKey(5, 0, 2)])
            batch.del(key);
        },
      ],
      [
        /seal 2: it has a bad checksum/,
        (store, batch) => batch.put(sealKey(5, 0, 2), value(store, sealKey(3, 0, 1))),
      ],
      [/revision 7\/0 lies after the last seal/, (_store, batch) => batch.del(sealKey(7, 0, 3))],
      [
        /revision 9\/0 lies after the last seal/,
        (store, batch) => batch.put(recordKeyOf(9, 0), value(store, recordKeyOf(7, 0))),
      ],
      [
        /unknown key after revision 3\/0/,
        (_store, batch) => batch.put(Uint8Array.of(...recordKeyOf(3, 0), 7), fromText("x")),
      ],
      [
        /the buckets, 2 entries, are not those of seal 3/,
        (_store, batch) => batch.del(Uint8Array.of(0x20, 2, 0x31)),
      ],
      [
        /bucket entry 200231: bad checksum/,
        (_store, batch) => batch.put(Uint8Array.of(0x20, 2, 0x31), fromText("changed")),
      ],
    ];
    for (const [message, change] of cases) {
      const copy = `${dir}-${message.source.replaceAll(/\W+/g, "-")}`;
      await threeBatches(copy, options);
      await tamper(copy, options, async (store) => {
        const batch = store.batch();
        change(store, batch);
        await batch.write({ sync: false });
      });
      const attempt = async (): Promise<void> => {
        const backend = await LevelBackend.open(copy, options);
        try {
          await scanAll(backend);
        } finally {
          await backend.close();
        }
      };
      await assert.rejects(attempt, (error: Error) => {
        assert.equal(error.name, "CorruptionError");
        assert.match(error.message, message);
        assert.ok(
          error.message.includes(copy) &&
            error.message.includes("restore the member from a snapshot"),
        );
        return true;
      });
    }
  },
);

withHome("read reports a damaged value too", async (dir, options) => {
  await threeBatches(dir, options);
  await tamper(dir, options, async (store) => {
    const batch = store.batch();
    batch.put(recordKeyOf(4, 0), fromText("other"));
    await batch.write({ sync: false });
  });
  const backend = await LevelBackend.open(dir, options);
  assert.equal(toText(backend.read(revision(5), 0)), "second of 2");
  assert.throws(() => backend.read(revision(4), 0), corruption(/revision 4\/0.*checksum/));
  await backend.close();
});

withHome(
  "when LevelDB cannot write, done gets the error and the backend takes nothing more",
  async (dir, options) => {
    const backend = await LevelBackend.open(dir, { ...options, writeBufferBytes: 1 << 16 });
    append(backend, 2, 0, "x".repeat(1 << 17));
    await commit(backend, at(1, 2));
    await rm(dir, { recursive: true });
    append(backend, 3, 0, "needs a new log file");
    await assert.rejects(commit(backend, at(2, 3)), (error: Error) => {
      assert.match(error.message, /a batch could not be written/);
      assert.ok(error.cause instanceof Error);
      return true;
    });
    assert.deepEqual(backend.committed, at(1, 2));
    assert.equal(backend.isCommitting, false);
    assert.throws(() => append(backend, 4, 0, "no"), { name: "AssertionError" });
    assert.throws(() => backend.put("meta", fromText("k"), fromText("v")), {
      name: "AssertionError",
    });
    assert.throws(() => backend.commit(at(3, 3), () => {}), { name: "AssertionError" });
    await backend.close();
  },
);

withHome("the unsafe option for the power-cut test warns", async (dir, options) => {
  const warnings: string[] = [];
  const logger = { ...quietLogger, warn: (message: string) => void warnings.push(message) };
  const backend = await LevelBackend.open(dir, { ...options, logger, unsafeNoSync: true });
  await commit(backend, at(1));
  await backend.close();
  assert.equal(warnings.length, 1);
});

/** Seals in the closed store. */
async function sealsIn(dir: string, options: LevelBackendOptions): Promise<number> {
  let count = 0;
  await tamper(dir, options, (store) =>
    store.readAll({ gte: Uint8Array.of(0x10), lt: Uint8Array.of(0x11) }, (key) => {
      if (key.length === 23) count++;
    }),
  );
  return count;
}

for (const isScanned of [true, false]) {
  withHome(
    `seals of removed batches go too, ${isScanned ? "after a start with" : "also after one without"} a scan`,
    async (dir, options) => {
      let backend = await LevelBackend.open(dir, options);
      for (let index = 1; index <= 200; index++) {
        append(backend, index + 1, 0, "x");
        await commit(backend, at(index, index + 1));
      }
      await backend.close();
      assert.equal(await sealsIn(dir, options), 200);
      backend = await LevelBackend.open(dir, options);
      if (isScanned) await scanAll(backend);
      for (let index = 201; index <= 230; index++) {
        for (let n = 0; n < 6; n++) backend.remove(revision(2 + (index - 201) * 6 + n), 0);
        await commit(backend, at(index, 201));
      }
      await backend.close();
      const seals = await sealsIn(dir, options);
      assert.ok(seals >= 50 && seals <= 60, `${seals} of 230 seals are left`);
      backend = await LevelBackend.open(dir, options);
      assert.equal((await scanAll(backend)).length, 20);
      await backend.close();
    },
  );
}

withHome("what is removed gives its room back when the disk is compacted", async (dir, options) => {
  const backend = await LevelBackend.open(dir, { ...options, writeBufferBytes: 1 << 18 });
  for (let main = 2; main <= 2001; main++) append(backend, main, 0, `${main}`.padEnd(1000, "~"));
  await commit(backend, at(1, 2001));
  assert.ok((await backend.sizeOnDisk()) > 1_900_000);
  for (let main = 2; main <= 1901; main++) backend.remove(revision(main), 0);
  await commit(backend, at(2, 2001));
  const compacting = backend.compactDisk();
  append(backend, 2002, 0, "written meanwhile");
  await commit(backend, at(3, 2002));
  await compacting;
  assert.ok((await backend.sizeOnDisk()) < 400_000);
  await backend.close();
  const again = await LevelBackend.open(dir, options);
  assert.equal((await scanAll(again)).length, 101);
  await again.close();
});

withHome(
  "records and removals that share one table give their room back too",
  async (dir, options) => {
    // All of it is in one memtable, which becomes one table that overlaps no other.
    const backend = await LevelBackend.open(dir, options);
    for (let main = 2; main <= 6001; main++) append(backend, main, 0, `${main}`.padEnd(1000, "~"));
    await commit(backend, at(1, 6001));
    for (let main = 2; main <= 6001; main += 2) backend.remove(revision(main), 0);
    await commit(backend, at(2, 6001));
    for (let times = 0; times < 2; times++) {
      await backend.compactDisk();
      const bytes = await backend.sizeOnDisk();
      assert.ok(bytes < 3_300_000, String(bytes));
    }
    await backend.close();
    const again = await LevelBackend.open(dir, options);
    assert.equal((await scanAll(again)).length, 3000);
    await again.close();
  },
);

/** Most records that a scan visits in one turn of the event loop. */
async function longestTurn(scan: (visit: () => void) => Promise<void>): Promise<number> {
  let longest = 0;
  let count = 0;
  let isOn = true;
  const turn = (): void => {
    longest = Math.max(longest, count);
    count = 0;
    if (isOn) setImmediate(turn);
  };
  setImmediate(turn);
  await scan(() => count++);
  isOn = false;
  return Math.max(longest, count);
}

withHome("a committed scan pauses behind each of its slices", async (dir, options) => {
  const log: string[] = [];
  const system = options.timers;
  const timers = {
    after: (delayMs: number, run: () => void) => {
      log.push(`pause ${delayMs}`);
      return system.after(delayMs, run);
    },
    every: system.every.bind(system),
    endOfTurn: system.endOfTurn.bind(system),
  };
  const backend = await LevelBackend.open(dir, { ...options, timers });
  for (let main = 2; main <= 1201; main++) append(backend, main, 0, "x");
  await commit(backend, at(1, 1201));
  await backend.scanCommitted(revision(9999), (main) => {
    if (main % 500 === 1) log.push(`at ${main}`);
  });
  assert.deepEqual(log, ["at 501", "pause 1", "at 1001", "pause 1", "pause 1"]);
  await backend.close();
});

withHome("scans leave the event loop a turn after some hundred records", async (dir, options) => {
  const backend = await LevelBackend.open(dir, options);
  for (let main = 2; main <= 8001; main++) append(backend, main, 0, "x");
  await commit(backend, at(1, 8001));
  assert.ok((await longestTurn((visit) => backend.scanCommitted(revision(9999), visit))) <= 1000);
  await backend.close();
  const again = await LevelBackend.open(dir, options);
  assert.ok((await longestTurn((visit) => again.scan(visit))) <= 1000);
  await again.close();
});
