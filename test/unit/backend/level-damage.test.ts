/** Flipped bits and removed files: damage is reported, or what is read is exactly the state of a commit that is named. */
import assert from "node:assert/strict";
import { rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
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

/** Flips one bit at about `flips` places spread over a file, other bits at other places. */
async function flipAlong(
  lab: DamageLab,
  file: string,
  flips: number,
): Promise<Record<Verdict, number>> {
  const counts: Record<Verdict, number> = { reported: 0, intact: 0, "earlier commit": 0 };
  const size = await lab.sizeOf(file);
  const stride = Math.max(1, Math.floor(size / flips));
  for (let offset = stride >> 1, n = 0; offset < size; offset += stride, n++) {
    counts[await lab.judgeFlip(file, offset, 1 << (n % 8))]++;
  }
  return counts;
}

test("an undamaged copy is read whole", () =>
  withLab({ batches: 20, valueBytes: 100 }, async (lab) =>
    assert.equal(await lab.judge(async () => {}), "intact"),
  ));

test("every flipped bit in a table is reported", () =>
  withLab({ batches: 30, valueBytes: 100 }, async (lab) => {
    for (const file of await lab.files(/\.ldb$/)) {
      const counts = await flipAlong(lab, file, 60);
      assert.equal(
        counts.intact + counts["earlier commit"],
        0,
        `${file}: ${JSON.stringify(counts)}`,
      );
    }
  }));

test("a flipped bit in the log is a reported gap, or takes whole commits from the end", () =>
  withLab({ batches: 90, valueBytes: 1500, writeBufferBytes: 1 << 22 }, async (lab) => {
    const [log = ""] = await lab.files(/\.log$/);
    assert.ok((await lab.sizeOf(log)) > 2 * 32768, "the log has more than two blocks");
    const counts = await flipAlong(lab, log, 60);
    assert.equal(counts.intact, 0);
    assert.ok(counts.reported > 0 && counts["earlier commit"] > 0, JSON.stringify(counts));
  }));

test("a flipped bit in the manifest or in CURRENT never yields a different state", () =>
  withLab({ batches: 20, valueBytes: 100 }, async (lab) => {
    for (const file of await lab.files(/^(?:MANIFEST|CURRENT)/)) await flipAlong(lab, file, 30);
  }));

test("a removed table, manifest or CURRENT is reported; a removed log takes its commits from the end", () =>
  withLab({ batches: 20, valueBytes: 200 }, async (lab) => {
    const remove = (file: string): Promise<Verdict> => lab.judge((dir) => rm(join(dir, file)));
    for (const file of await lab.files(/\.ldb$|^MANIFEST|^CURRENT/))
      assert.equal(await remove(file), "reported", file);
    for (const file of await lab.files(/\.log$/))
      assert.equal(await remove(file), "earlier commit", file);
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
