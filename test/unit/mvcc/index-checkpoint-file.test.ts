import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type IndexImages,
  indexCheckpointVersion,
  readCheckpointFile,
  writeCheckpointFile,
} from "../../../node/mvcc/index-checkpoint-file.ts";
import { MemoryFs } from "../../support/memory-fs.ts";
import { seededRandom } from "./key-parts.ts";

const dir = "data/member/snap";
const path = `${dir}/index.checkpoint`;

const bufferOf = (...bytes: number[]): ArrayBuffer => Uint8Array.from(bytes).buffer;

const images: IndexImages = {
  one: { numbers: [1, -2, 2 ** 52], buffers: [bufferOf(1, 2, 3, 4), bufferOf()] },
  two: { numbers: [], buffers: [bufferOf(5, 6), bufferOf(7, 8)] },
};

const written = async (fs: MemoryFs): Promise<Uint8Array> => {
  await writeCheckpointFile(fs, path, "state 7", images);
  return Uint8Array.from(fs.content(path));
};

test("what was written is read back, in the state that it belongs to and in no other", async () => {
  const fs = new MemoryFs();
  const bytes = await written(fs);
  assert.equal(await writeCheckpointFile(fs, path, "state 7", images), bytes.length);
  assert.deepEqual(await readCheckpointFile(fs, path, "state 7"), { kind: "ok", images });
  assert.deepEqual(await fs.readDir(dir), ["index.checkpoint"]);
  const other = await readCheckpointFile(fs, path, "state 8");
  assert.ok(other.kind === "unused");
  assert.match(other.reason, /state 7.*state 8/);
});

test("without a file there is a reason", async () => {
  const fs = new MemoryFs();
  assert.deepEqual(await readCheckpointFile(fs, path, "state 7"), {
    kind: "unused",
    reason: "there is none",
  });
});

test("a file with any bit flipped is not used", async () => {
  const fs = new MemoryFs();
  const bytes = await written(fs);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = Uint8Array.from(bytes);
    damaged[bit >>> 3] = (damaged[bit >>> 3] as number) ^ (1 << (bit & 7));
    fs.place(path, damaged);
    const read = await readCheckpointFile(fs, path, "state 7");
    assert.equal(read.kind, "unused", `bit ${bit}`);
  }
});

test("a file that was cut, or has more behind it, is not used", async () => {
  const fs = new MemoryFs();
  const bytes = await written(fs);
  for (let length = 0; length < bytes.length; length++) {
    fs.place(path, bytes.slice(0, length));
    const read = await readCheckpointFile(fs, path, "state 7");
    assert.equal(read.kind, "unused", `${length} bytes`);
  }
  fs.place(path, Buffer.concat([bytes, Buffer.of(0)]));
  assert.equal((await readCheckpointFile(fs, path, "state 7")).kind, "unused");
});

test("a file whose buffers have changed places is not used", async () => {
  const fs = new MemoryFs();
  const bytes = await written(fs);
  const first = Buffer.from(bytes).indexOf(Buffer.of(1, 2, 3, 4, 5, 6, 7, 8));
  bytes.set([7, 8, 5, 6], first + 4);
  fs.place(path, bytes);
  assert.equal((await readCheckpointFile(fs, path, "state 7")).kind, "unused");
});

test("a file of another format version is not used, and the reason says so", async () => {
  const fs = new MemoryFs();
  const bytes = await written(fs);
  new DataView(bytes.buffer).setUint32(8, indexCheckpointVersion + 1, true);
  fs.place(path, bytes);
  const read = await readCheckpointFile(fs, path, "state 7");
  assert.ok(read.kind === "unused");
  assert.match(read.reason, /format version/);
});

test("after a power cut at any moment of writing, the file is whole or not used", async () => {
  const outcomes = new Set<string>();
  for (const mode of ["nothing", "everything", "prefix", "sectors"] as const) {
    for (let completions = 0; completions < 60; completions++) {
      let left = completions;
      const fs = new MemoryFs({
        complete: (run) => {
          if (left-- > 0) queueMicrotask(run);
        },
      });
      let isWritten = false;
      void writeCheckpointFile(fs, path, "state 7", images).then(() => (isWritten = true));
      for (let turn = 0; turn < 60; turn++) await new Promise((next) => setImmediate(next));
      const after = fs.crash(seededRandom(completions), mode, {});
      const read = await readCheckpointFile(after, path, "state 7");
      if (read.kind === "ok") assert.deepEqual(read.images, images);
      assert.ok(read.kind === "ok" || !isWritten);
      outcomes.add(`${read.kind} ${isWritten}`);
    }
  }
  assert.ok(outcomes.has("ok true") && outcomes.has("unused false"));
});
