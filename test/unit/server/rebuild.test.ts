/** Rebuilding a damaged backend on real files: what is rebuilt, what is refused, and what is never touched. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Backend } from "../../../node/backend/backend.ts";
import { LevelBackend } from "../../../node/backend/level-backend.ts";
import { LevelHome } from "../../../node/backend/level-home.ts";
import { MemoryDisks, MemoryHome } from "../../../node/backend/memory-home.ts";
import { fromText } from "../../../node/lib/bytes.ts";
import { CorruptionError } from "../../../node/lib/corruption-error.ts";
import { SystemTimers } from "../../../node/lib/platform/clock.ts";
import { SystemFs } from "../../../node/lib/platform/fs.ts";
import type { Logger } from "../../../node/lib/ports.ts";
import { idToHex, type MemberId } from "../../../node/lib/units.ts";
import { startOrRebuild } from "../../../node/server/rebuild.ts";
import { Wal } from "../../../node/wal/wal.ts";
import { append, at, commit, scanAll } from "../../contract/backend.ts";
import { chunksOf } from "../../contract/snapshot.ts";
import { entry, hardState, metadata, origin, quiet, save, snapshotAt } from "../wal/wal-lab.ts";

const fs = new SystemFs();
const timers = new SystemTimers();
const entriesInLog = 40;

class Lab {
  readonly paths: { readonly wal: string; readonly backend: string };
  readonly logged: string[] = [];
  private readonly walOptions = { fs, timers, logger: quiet, segmentBytes: 1024, maxWals: 0 };
  private readonly logger: Logger;
  readonly home: LevelHome;

  constructor(parent: string) {
    this.paths = { wal: join(parent, "wal"), backend: join(parent, "backend") };
    const note = (message: string, fields: object = {}): void =>
      void this.logged.push(`${message} ${JSON.stringify(fields)}`);
    this.logger = { debug() {}, info: note, warn: note, error: note };
    this.home = new LevelHome({ dir: this.paths.backend, fs, timers, logger: quiet });
  }

  open(): Promise<LevelBackend> {
    return LevelBackend.open(this.paths.backend, { fs, timers, logger: quiet });
  }

  /** A log of 40 entries in several files, and a backend that has applied `applied` of them. */
  async build(applied = 30, memberId: MemberId = metadata.nodeId): Promise<void> {
    const made = await Wal.create(this.paths.wal, metadata, this.walOptions);
    await made.close();
    const { wal } = await Wal.open(this.paths.wal, origin, this.walOptions);
    for (let index = 1; index <= entriesInLog; index++)
      await save(wal, hardState(1, 0n, index), [entry(index, 1, "~".repeat(100))]);
    await wal.close();
    const backend = await this.open();
    backend.put("members", fromText(idToHex(memberId)), fromText("{}"));
    for (let index = 1; index <= applied; index++) {
      append(backend, index + 1, 0, `value ${index}`);
      await commit(backend, at(index, index + 1));
    }
    await backend.close();
    // Once more, so that there is a table.
    await (await this.open()).close();
  }

  /** The member here only reads what the backend holds: revisions, for the test to see. */
  run(start?: (backend: Backend) => Promise<number[]>): Promise<number[]> {
    return startOrRebuild({
      fs,
      timers,
      logger: this.logger,
      paths: this.paths,
      walOptions: this.walOptions,
      home: this.home,
      start:
        start ??
        (async (backend) => {
          const revisions = (await scanAll(backend)).map(({ main }) => main);
          await backend.close();
          return revisions;
        }),
    });
  }

  /** Another member's state of `index` came in, and the log goes on from it; `isKept`: and it is still there. */
  async accept(index: number, isKept: boolean): Promise<void> {
    const source = await new MemoryHome(new MemoryDisks(), { timers }).open();
    append(source, 100, 0, "received");
    await commit(source, at(index, 100, 3));
    const receiver = await this.home.receive();
    for (const chunk of await chunksOf(source.openSnapshot())) await receiver.write(chunk);
    await receiver.finish();
    const { wal } = await Wal.open(this.paths.wal, origin, this.walOptions);
    await new Promise<void>((resolve, reject) => {
      wal.saveReceived(snapshotAt(index, 3), hardState(3, 0n, index), [], (error) =>
        error === null ? resolve() : reject(error),
      );
    });
    await wal.close();
    if (!isKept) await this.home.discardReceived();
  }

  async damage(ending = ".ldb"): Promise<string> {
    const name = (await readdir(this.paths.backend)).find((file) => file.endsWith(ending));
    assert.ok(name !== undefined);
    const path = join(this.paths.backend, name);
    const bytes = await readFile(path);
    const middle = bytes.length >> 1;
    bytes[middle] = (bytes[middle] ?? 0) ^ 0x10;
    await writeFile(path, bytes);
    return name;
  }

  /** The start fails with the damage and `why`, and every file is as it was. */
  async assertRefused(why: RegExp, file: string): Promise<void> {
    const before = await this.content();
    await assert.rejects(this.run(), (error: Error) => {
      assert.ok(error instanceof CorruptionError);
      assert.match(error.message, why);
      assert.match(error.message, new RegExp(`table ${file}: .*cannot be rebuilt`));
      assert.match(error.message, /restore the member from a backup, or remove it .* add it anew/);
      return true;
    });
    assert.deepEqual(await this.content(), before);
  }

  private async content(): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (const dir of [this.paths.wal, this.paths.backend]) {
      for (const name of await readdir(dir)) {
        // LevelDB's own diary, and the lock that finding out about other processes takes.
        if (/^LO/.test(name)) continue;
        found.set(join(dir, name), (await readFile(join(dir, name))).toString("latin1"));
      }
    }
    return found;
  }
}

function withLab(title: string, run: (lab: Lab, parent: string) => Promise<void>): void {
  void test(title, async () => {
    const parent = await mkdtemp(join(tmpdir(), "etcd-ts-rebuild-"));
    try {
      await run(new Lab(parent), parent);
    } finally {
      await rm(parent, { recursive: true, force: true });
    }
  });
}

const revisions = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 2);

withLab("a sound backend is started as it is", async (lab, parent) => {
  await lab.build();
  assert.deepEqual(await lab.run(), revisions(30));
  assert.deepEqual((await readdir(parent)).sort(), ["backend", "wal"]);
  assert.deepEqual(lab.logged, []);
});

withLab(
  "a damaged one is set aside and an empty one is started, with words in the log",
  async (lab, parent) => {
    await lab.build();
    const file = await lab.damage();
    const damagedFiles = (await readdir(lab.paths.backend)).filter((name) => !/^LO/.test(name));
    assert.deepEqual(await lab.run(), []);
    const aside = join(parent, "backend.damaged-1");
    assert.deepEqual(
      (await readdir(aside)).filter((name) => !/^LO/.test(name)),
      damagedFiles,
    );
    assert.match(lab.logged[0] ?? "", new RegExp(`backend is damaged.*table ${file}`));
    assert.match(lab.logged[1] ?? "", /rebuilding the backend from the log .*"last-index":40/);
    assert.match(lab.logged.at(-1) ?? "", /rebuilt the backend/);
  },
);

withLab(
  "damage that only the scan finds is rebuilt too, and the names of those aside differ",
  async (lab, parent) => {
    await lab.build();
    let calls = 0;
    const start = async (backend: Backend): Promise<number[]> => {
      calls++;
      const seen = await scanAll(backend);
      if (calls === 1) backend.read((seen.length + 5) as never, 0);
      await backend.close();
      return [calls];
    };
    await rename(lab.paths.backend, join(parent, "other"));
    const backend = await lab.open();
    append(backend, 2, 0, "a");
    append(backend, 9, 0, "b");
    await commit(backend, at(3, 9));
    await backend.close();
    assert.deepEqual(await lab.run(start), [2]);
    await rm(lab.paths.backend, { recursive: true });
    await rename(join(parent, "other"), lab.paths.backend);
    await lab.damage();
    await lab.run();
    assert.deepEqual((await readdir(parent)).sort(), [
      "backend",
      "backend.damaged-1",
      "backend.damaged-2",
      "wal",
    ]);
  },
);

withLab("what is no damage of the backend is no reason for a rebuild", async (lab, parent) => {
  await lab.build();
  for (const error of [new CorruptionError("the log"), new Error("port in use")]) {
    await assert.rejects(
      lab.run(() => Promise.reject(error)),
      error,
    );
  }
  assert.deepEqual((await readdir(parent)).sort(), ["backend", "wal"]);
});

withLab("a log whose first file was released cannot rebuild it", async (lab) => {
  await lab.build();
  const file = await lab.damage();
  const [first = ""] = (await readdir(lab.paths.wal)).sort();
  await rm(join(lab.paths.wal, first));
  await lab.assertRefused(/begins at index \d+: what was before has been released/, file);
});

withLab("a log that lost what the backend had applied cannot rebuild it", async (lab) => {
  await lab.build(entriesInLog);
  const file = await lab.damage();
  const last = (await readdir(lab.paths.wal)).sort().at(-1) ?? "";
  await rm(join(lab.paths.wal, last));
  await lab.assertRefused(/ends at index \d+, but the backend had applied up to 40/, file);
});

withLab("a log of another member cannot rebuild it", async (lab) => {
  await lab.build(30, 77n as MemberId);
  const file = await lab.damage();
  await lab.assertRefused(/that of member 8e9e05c52164694d, which the backend does not know/, file);
});

withLab("a damaged log cannot rebuild it", async (lab) => {
  await lab.build();
  const file = await lab.damage();
  const [, second = ""] = (await readdir(lab.paths.wal)).sort();
  const path = join(lab.paths.wal, second);
  const bytes = await readFile(path);
  bytes[300] = (bytes[300] ?? 0) ^ 1;
  await writeFile(path, bytes);
  await lab.assertRefused(/the log is not whole: .*corrupt at offset/, file);
});

withLab(
  "a damaged one whose follow-up was received already is set aside for that",
  async (lab, parent) => {
    await lab.build();
    await lab.accept(35, true);
    await lab.damage();
    assert.deepEqual(await lab.run(), [100]);
    assert.deepEqual((await readdir(parent)).sort(), ["backend", "backend.damaged-1", "wal"]);
    assert.match(lab.logged.at(-1) ?? "", /rebuilt the backend from the received state/);
  },
);

withLab("a log that goes on from a received state which is gone cannot rebuild it", async (lab) => {
  await lab.build();
  await lab.accept(35, false);
  const file = await lab.damage();
  await lab.assertRefused(
    /the log is not whole: .*state of index 35 that another member sent/,
    file,
  );
});

withLab("no log at all cannot rebuild it", async (lab) => {
  await lab.build();
  const file = await lab.damage();
  for (const name of await readdir(lab.paths.wal)) await rm(join(lab.paths.wal, name));
  await lab.assertRefused(/as there is no log/, file);
});
