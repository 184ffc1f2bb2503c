/** Flipped bits, cuts and removed files: damage is reported, or what is read is exactly the state of a commit that is named. */
import assert from "node:assert/strict";
import { cp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { LevelBackend } from "../../../node/backend/level-backend.ts";
import { cloneBytes } from "../../../node/lib/bytes.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { DamageLab, type Verdict } from "./damage-lab.ts";
import { levelHome } from "./level-home.ts";

interface LabShape {
  readonly batches: number;
  readonly valueBytes: number;
  readonly writeBufferBytes?: number;
}

async function withLab(shape: LabShape, run: (lab: DamageLab) => Promise<void>): Promise<void> {
  const home = await levelHome();
  try {
    const lab = new DamageLab(home.dir, home.options, shape.writeBufferBytes);
    await lab.build(shape.batches, shape.valueBytes);
    await run(lab);
  } finally {
    await home.dispose();
  }
}

const noVerdicts = (): Record<Verdict, number> => ({ reported: 0, intact: 0, "earlier commit": 0 });

/** Flips one bit at about `flips` places spread over a file, other bits at other places. */
async function flipAlong(
  lab: DamageLab,
  file: string,
  flips: number,
): Promise<Record<Verdict, number>> {
  const counts = noVerdicts();
  const size = await lab.sizeOf(file);
  const stride = Math.max(1, Math.floor(size / flips));
  for (let offset = stride >> 1, n = 0; offset < size; offset += stride, n++) {
    counts[await lab.judgeFlip(file, offset, 1 << (n % 8))]++;
  }
  return counts;
}

const onlyReported = (counts: Record<Verdict, number>, file: string): void =>
  assert.ok(
    counts.reported > 0 && counts.intact + counts["earlier commit"] === 0,
    `${file}: ${JSON.stringify(counts)}`,
  );

test("an undamaged copy is read whole", () =>
  withLab({ batches: 20, valueBytes: 100 }, async (lab) =>
    assert.equal(await lab.judge(async () => {}), "intact"),
  ));

test("every flipped bit in a table is reported", () =>
  withLab({ batches: 30, valueBytes: 100 }, async (lab) => {
    for (const file of await lab.files(/\.ldb$/))
      onlyReported(await flipAlong(lab, file, 80), file);
  }));

test("every flipped bit in the log is reported, also in its last batch", () =>
  withLab({ batches: 90, valueBytes: 1500, writeBufferBytes: 1 << 22 }, async (lab) => {
    const [log = ""] = await lab.files(/\.log$/);
    const size = await lab.sizeOf(log);
    assert.ok(size > 2 * 32768, "the log has more than two blocks");
    onlyReported(await flipAlong(lab, log, 120), log);
    for (let back = 1; back <= 150; back += 2)
      assert.equal(await lab.judgeFlip(log, size - back, 1 << (back % 8)), "reported", `${back}`);
  }));

test("every flipped bit in the manifest or in CURRENT is reported; in LOCK and LOG it does nothing", () =>
  withLab({ batches: 30, valueBytes: 400 }, async (lab) => {
    for (const file of await lab.files(/^(?:MANIFEST|CURRENT)/))
      onlyReported(await flipAlong(lab, file, 150), file);
    for (const file of await lab.files(/^LO/)) {
      const counts = await flipAlong(lab, file, 10);
      assert.equal(counts.reported + counts["earlier commit"], 0, file);
    }
  }));

test("a flipped bit that was stored faithfully is reported, in each kind of entry", () =>
  withLab({ batches: 60, valueBytes: 60 }, async (lab) => {
    const random = new SeededRandom(20_261_122);
    const entries = await lab.entries();
    const kinds = { marker: 0, record: 0, seal: 0, bucket: 0 };
    const kindOf = (key: Uint8Array): keyof typeof kinds => {
      if (key[0] === 0x08) return "marker";
      if (key[0] === 0x20) return "bucket";
      return key.length === 15 ? "record" : "seal";
    };
    const byKind = Object.keys(kinds).map((kind) =>
      entries.filter(([key]) => kindOf(key) === kind),
    );
    for (let n = 0; n < 120; n++) {
      const all = byKind[n % byKind.length] ?? [];
      const [key, value] = all[random.below(all.length)] ?? assert.fail();
      kinds[kindOf(key)]++;
      const isKey = kindOf(key) !== "marker" && n % 3 === 0;
      const changed = cloneBytes(isKey ? key : value);
      const bit = random.below(changed.length * 8);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const verdict = await lab.judgeChange((_store, batch) => {
        if (isKey) batch.del(key);
        batch.put(isKey ? changed : key, isKey ? value : changed);
      });
      assert.equal(
        verdict,
        "reported",
        `${kindOf(key)} ${Buffer.from(key).toString("hex")} ${bit}`,
      );
    }
    assert.ok(Object.values(kinds).every((count) => count > 0));
  }));

test("every entry that is lost is reported, unless whole commits are lost from the end", () =>
  withLab({ batches: 60, valueBytes: 60 }, async (lab) => {
    const counts = noVerdicts();
    for (const [key] of await lab.entries())
      counts[await lab.judgeChange((_store, batch) => batch.del(key))]++;
    assert.equal(counts.intact, 0);
    // The last batch of this history has nothing but its seal.
    assert.ok(counts["earlier commit"] <= 1, JSON.stringify(counts));
  }));

test("a record that compaction removed and that comes back is reported", () =>
  withLab({ batches: 60, valueBytes: 60 }, async (lab) => {
    const before = await lab.entries();
    const old = await lab.entriesAfter(9);
    const keys = new Set(before.map(([key]) => Buffer.from(key).toString("hex")));
    const removed = old.filter(([key]) => !keys.has(Buffer.from(key).toString("hex")));
    const isSeal = (key: Uint8Array): boolean => key[0] === 0x10 && key.length === 23;
    assert.ok(removed.some(([key]) => isSeal(key)) && removed.some(([key]) => !isSeal(key)));
    for (const [key, value] of removed)
      assert.equal(await lab.judgeChange((_store, batch) => batch.put(key, value)), "reported");
  }));

test("a removed table, log, manifest or CURRENT is reported; LOCK and LOG are not needed", () =>
  withLab({ batches: 20, valueBytes: 200 }, async (lab) => {
    const remove = (file: string): Promise<Verdict> => lab.judge((dir) => rm(join(dir, file)));
    for (const file of await lab.files(/\.ldb$|\.log$|^MANIFEST|^CURRENT/))
      assert.equal(await remove(file), "reported", file);
    for (const file of await lab.files(/^LO/)) assert.equal(await remove(file), "intact", file);
  }));

test("a log cut at any place takes whole commits from the end", () =>
  withLab({ batches: 20, valueBytes: 100 }, async (lab) => {
    const [log = ""] = await lab.files(/\.log$/);
    const size = await lab.sizeOf(log);
    for (let length = 0; length < size; length += Math.ceil(size / 25)) {
      assert.equal(await lab.judge((dir) => truncate(join(dir, log), length)), "earlier commit");
    }
  }));

test("a table, the manifest or CURRENT cut at any place is reported, or the state is the same", () =>
  withLab({ batches: 30, valueBytes: 300 }, async (lab) => {
    for (const file of await lab.files(/\.ldb$|^MANIFEST|^CURRENT/)) {
      const size = await lab.sizeOf(file);
      for (let length = 0; length < size; length += Math.ceil(size / 40)) {
        const verdict = await lab.judge((dir) => truncate(join(dir, file), length));
        if (!file.startsWith("MANIFEST")) assert.equal(verdict, "reported", `${file} at ${length}`);
        else assert.notEqual(verdict, "earlier commit", `${file} at ${length}`);
      }
    }
  }));

test("damage in a directory that another process holds is no damage, but a directory in use", async () => {
  const home = await levelHome();
  try {
    const backend = await LevelBackend.open(home.dir, home.options);
    // As if the other process were writing just now.
    const current = join(home.dir, "CURRENT");
    const sound = await readFile(current);
    await writeFile(current, "MANI");
    await assert.rejects(LevelBackend.open(home.dir, home.options), {
      name: "Error",
      message: /is in use by another process/,
    });
    await writeFile(current, sound);
    await backend.close();
    await cp(home.dir, `${home.dir}-2`, { recursive: true });
    await (await LevelBackend.open(`${home.dir}-2`, home.options)).close();
  } finally {
    await home.dispose();
  }
});
