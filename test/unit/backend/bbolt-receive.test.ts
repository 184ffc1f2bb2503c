/** The receiving of a database beside the live backend: full disks, damage, crashes and second thoughts leave nothing behind. */
import assert from "node:assert/strict";
import { cp, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { recordKind } from "../../../node/backend/backend.ts";
import type { BackendHome, SnapshotReceiver } from "../../../node/backend/backend-snapshot.ts";
import { writeMetaPage } from "../../../node/backend/bbolt/format.ts";
import { LevelHome } from "../../../node/backend/level-home.ts";
import { MemoryDisks, MemoryHome } from "../../../node/backend/memory-home.ts";
import { SystemTimers } from "../../../node/lib/platform/clock.ts";
import { SystemFs } from "../../../node/lib/platform/fs.ts";
import type { File, Logger } from "../../../node/lib/ports.ts";
import { logIndex } from "../../../node/lib/units.ts";
import { at, scanAll } from "../../contract/backend.ts";
import { databaseOf, inTempDir, type LabState, sourceOf } from "./bbolt-lab.ts";
import { quietLogger } from "./level-home.ts";

const timers = new SystemTimers();

/** Enough for several batches. */
const state: LabState = {
  position: at(50, 15_001, 2),
  records: Array.from({ length: 15_000 }, (_, n) => ({
    main: n + 2,
    sub: 0,
    kind: recordKind.put,
    value: Buffer.alloc(50, n),
  })),
  buckets: new Map(),
};

const homeIn = (dir: string, options: { fs?: SystemFs; logger?: Logger } = {}): LevelHome =>
  new LevelHome({
    dir: join(dir, "backend"),
    timers,
    fs: options.fs ?? new SystemFs(),
    logger: options.logger ?? quietLogger,
  });

async function receive(home: BackendHome, bytes: Uint8Array): Promise<SnapshotReceiver> {
  const receiver = await home.receive();
  for (let start = 0; start < bytes.length; start += 65_536)
    await receiver.write(bytes.subarray(start, start + 65_536));
  return receiver;
}

const full = (): Promise<never> =>
  Promise.reject(Object.assign(new Error("no space left on device"), { code: "ENOSPC" }));

/** Files take so many bytes in all. */
class SmallFs extends SystemFs {
  private left: number;

  constructor(bytes: number) {
    super();
    this.left = bytes;
  }

  override async open(path: string, mode: "read" | "readWrite" | "create"): Promise<File> {
    const file = await super.open(path, mode);
    const write = file.write.bind(file);
    file.write = (bytes, position) => {
      this.left -= bytes.length;
      return this.left < 0 ? full() : write(bytes, position);
    };
    return file;
  }
}

test("a disk that is full while the database comes in is told as such, and nothing stays", () =>
  inTempDir(async (dir) => {
    const home = homeIn(dir, { fs: new SmallFs(300_000) });
    const bytes = await databaseOf(sourceOf(state));
    await assert.rejects(receive(home, bytes), {
      name: "DiskError",
      code: "ENOSPC",
      message: /cannot write .*backend\.partial-\d+, a state from another member/,
    });
    assert.deepEqual(await readdir(dir), []);
    assert.deepEqual(await home.received(), []);
  }));

test("what cannot be read again from the disk is told as such, and nothing stays", () =>
  inTempDir(async (dir) => {
    class BadFs extends SystemFs {
      override async open(path: string, mode: "read" | "readWrite" | "create"): Promise<File> {
        const file = await super.open(path, mode);
        if (mode !== "create") return file;
        const read = file.read.bind(file);
        file.read = (position, length) =>
          position > 500_000
            ? Promise.reject(Object.assign(new Error("bad"), { code: "EIO" }))
            : read(position, length);
        return file;
      }
    }
    const home = homeIn(dir, { fs: new BadFs() });
    const receiver = await receive(home, await databaseOf(sourceOf(state)));
    await assert.rejects(receiver.finish(), { name: "DiskError", code: "EIO" });
    assert.deepEqual(await readdir(dir), []);
  }));

test("a database with damage in its last page leaves nothing, though most of it was in a backend already", () =>
  inTempDir(async (dir) => {
    const bytes = await databaseOf(sourceOf(state));
    // Without the mark of the sum, as if etcd had sent it.
    bytes[bytes.length - 4096 + 16] = 0;
    // A leaf of records near the end says that it is another.
    bytes[bytes.length - 5 * 4096] = 0xee;
    const home = homeIn(dir);
    const receiver = await receive(home, bytes);
    await assert.rejects(receiver.finish(), {
      name: "CorruptionError",
      message:
        /^a state received from another member: page \d+ says that it is another; nothing of it was kept, it will be sent again$/,
    });
    assert.deepEqual(await readdir(dir), []);
    await receiver.abort();
  }));

test("giving it up in the middle of its end stops that, and nothing stays", () =>
  inTempDir(async (dir) => {
    const bytes = await databaseOf(sourceOf(state));
    for (let turns = 0; turns < 40; turns += 3) {
      const home = homeIn(dir);
      const receiver = await receive(home, bytes);
      const finished = receiver.finish().then(
        () => true,
        (error: unknown) => {
          assert.match(String(error), /the receiving has ended/);
          return false;
        },
      );
      for (let turn = 0; turn < turns; turn++) await new Promise((next) => setImmediate(next));
      await receiver.abort();
      if (await finished) {
        // It was too late.
        assert.deepEqual(await home.received(), [50]);
        await home.discardReceived();
      }
      assert.deepEqual(await readdir(dir), [], `${turns} turns`);
    }
  }));

test("what a crash leaves of a database that came in, and of the backend that was made of it, is gone at the next start", () =>
  inTempDir(async (dir) => {
    /** The process ends before it removes anything. */
    class EndingFs extends SystemFs {
      readonly ended = Promise.withResolvers<undefined>();

      override remove(): Promise<void> {
        this.ended.resolve(undefined);
        return new Promise(() => undefined);
      }
    }
    const [first, other] = [join(dir, "first"), join(dir, "other")];
    await mkdir(first);
    const fs = new EndingFs();
    const receiver = await receive(homeIn(first, { fs }), await databaseOf(sourceOf(state)));
    assert.deepEqual(await readdir(first), ["backend.partial-2"]);
    void receiver.finish();
    await fs.ended.promise;
    await cp(first, other, { recursive: true });
    assert.deepEqual((await readdir(other)).sort(), ["backend.partial-1", "backend.partial-2"]);
    const backend = await homeIn(other).open();
    assert.deepEqual(await readdir(other), ["backend"]);
    await backend.close();
  }));

test("buckets that are not taken over are named in the log", () =>
  inTempDir(async (dir) => {
    const lines: unknown[] = [];
    const logger = {
      ...quietLogger,
      warn: (text: string, fields?: unknown) => void lines.push([text, fields]),
    };
    const bytes = await databaseOf(sourceOf({ ...state, buckets: new Map() }));
    const at4 = bytes.indexOf("members_removed", 0, "latin1");
    bytes[at4 + 14] = 0x7e;
    bytes[bytes.length - 4096 + 16] = 0;
    const home = homeIn(dir, { logger });
    const receiver = await receive(home, bytes);
    await receiver.finish();
    assert.deepEqual(lines, [
      [
        "a state from another member has buckets that are not taken over",
        { buckets: ["members_remove~"] },
      ],
    ]);
    const backend = await home.install(logIndex(50));
    assert.equal((await scanAll(backend)).length, 15_000);
    await backend.close();
  }));

test("a sum that is not that of the file counts as long as nobody wrote to the file since", async () => {
  const home = new MemoryHome(new MemoryDisks(), { timers });
  const bytes = await databaseOf(sourceOf(state));
  // A bit of a value, which nothing but the sum would show.
  const valueAt = bytes.indexOf(Buffer.alloc(50, 77));
  bytes[valueAt + 3] = 78;
  const refused = { name: "CorruptionError", message: /: other bytes than were sent; nothing/ };
  await assert.rejects(
    receive(home, bytes).then((receiver) => receiver.finish()),
    refused,
  );
  // Etcd's next transaction has another number.
  const pages = bytes.length / 4096;
  const root = Number(bytes.readBigUint64LE(16 + 16));
  const meta = { pageSize: 4096, root, highWater: pages, txid: 3 };
  writeMetaPage(bytes, 4096, 1, meta);
  const receiver = await receive(home, bytes);
  assert.deepEqual(await receiver.finish(), at(50, 15_001, 2));
});
