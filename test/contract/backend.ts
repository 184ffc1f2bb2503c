/** What every backend must do, whatever it is built on. Run over each implementation by backend.test.ts. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type AppliedPosition,
  type Backend,
  type BackendDisk,
  type RecordKind,
  type RecordVisitor,
  recordKind,
} from "../../node/backend/backend.ts";
import { fromText, toText } from "../../node/lib/bytes.ts";
import { logIndex, revision, term } from "../../node/lib/units.ts";

/** One member's disk, over restarts. */
export interface BackendHome {
  open(): Promise<Backend & BackendDisk>;
  /**
   * Power is cut under an open backend, which is not used any more: what `open` finds next is the last completed commit, or the one
   * in flight. `luck` chooses how much of what was not synced is there.
   */
  crash(backend: Backend, luck?: number): Promise<void>;
  /** Makes it a new disk. No backend is open. */
  wipe(): Promise<void>;
  dispose(): Promise<void>;
}

export interface SeenRecord {
  readonly main: number;
  readonly sub: number;
  readonly kind: RecordKind;
  readonly text: string;
}

export const at = (index: number, rev = 1, atTerm = 1): AppliedPosition => ({
  consistentIndex: logIndex(index),
  term: term(atTerm),
  revision: revision(rev),
});

export function append(
  backend: Backend,
  main: number,
  sub: number,
  text: string,
  kind: RecordKind = recordKind.put,
): void {
  const bytes = fromText(`<${text}>`);
  backend.append(revision(main), sub, kind, bytes, 1, bytes.length - 1);
}

export function commit(backend: Backend, position: AppliedPosition): Promise<void> {
  return new Promise((resolve, reject) =>
    backend.commit(position, (error) => (error === null ? resolve() : reject(error))),
  );
}

export async function scanAll(backend: Backend): Promise<SeenRecord[]> {
  const seen: SeenRecord[] = [];
  await backend.scan((...record) => seen.push(seenRecord(...record)));
  return seen;
}

export const seenRecord = (...record: Parameters<RecordVisitor>): SeenRecord => {
  const [main, sub, kind, bytes, start, end] = record;
  return { main, sub, kind, text: toText(bytes.subarray(start, end)) };
};

const key = fromText;
const textOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : toText(bytes);

export const withHomeOf =
  (makeHome: () => Promise<BackendHome>): WithHome =>
  (title, run) => {
    void test(title, async () => {
      const home = await makeHome();
      try {
        await run(home);
      } finally {
        await home.dispose();
      }
    });
  };

export function backendContract(name: string, makeHome: () => Promise<BackendHome>): void {
  const withHome = withHomeOf(makeHome);
  describe(`backend contract: ${name}`, () => {
    revisionSpaceTests(withHome);
    bucketTests(withHome);
    commitTests(withHome);
    misuseTests(withHome);
  });
}

export type WithHome = (title: string, run: (home: BackendHome) => Promise<void>) => void;

function revisionSpaceTests(withHome: WithHome): void {
  withHome("a new backend stands at zero and holds nothing", async (home) => {
    const backend = await home.open();
    assert.deepEqual(backend.committed, at(0, 0, 0));
    assert.deepEqual(await scanAll(backend), []);
    assert.equal(backend.pendingOps, 0);
    await backend.close();
    const again = await home.open();
    assert.deepEqual(again.committed, at(0, 0, 0));
    await again.close();
  });

  withHome("committed records are read, and scanned in order after a reopen", async (home) => {
    const backend = await home.open();
    append(backend, 2, 0, "a");
    append(backend, 3, 0, "b");
    append(backend, 3, 1, "c", recordKind.tombstone);
    await commit(backend, at(7, 3));
    append(backend, 300, 0, "");
    append(backend, 2 ** 52, 2 ** 32 - 1, "far");
    await commit(backend, at(9, 2 ** 52));
    assert.equal(textOf(backend.read(revision(3), 1)), "c");
    await backend.close();

    const again = await home.open();
    assert.deepEqual(again.committed, at(9, 2 ** 52));
    assert.deepEqual(await scanAll(again), [
      { main: 2, sub: 0, kind: recordKind.put, text: "a" },
      { main: 3, sub: 0, kind: recordKind.put, text: "b" },
      { main: 3, sub: 1, kind: recordKind.tombstone, text: "c" },
      { main: 300, sub: 0, kind: recordKind.put, text: "" },
      { main: 2 ** 52, sub: 2 ** 32 - 1, kind: recordKind.put, text: "far" },
    ]);
    assert.equal(textOf(again.read(revision(2), 0)), "a");
    await again.close();
  });

  withHome(
    "a scan of more than a slice visits every record once, and what the visitor throws ends it",
    async (home) => {
      const backend = await home.open();
      for (let rev = 2; rev < 5002; rev++) append(backend, rev, 0, String(rev));
      await commit(backend, at(5000, 5001));
      await backend.close();
      const again = await home.open();
      const seen = await scanAll(again);
      assert.deepEqual(
        seen.map((record) => record.text),
        seen.map((record) => String(record.main)),
      );
      assert.equal(seen.length, 5000);
      const stop = new Error("stop");
      await assert.rejects(
        again.scan((main) => {
          if (main === 1500) throw stop;
        }),
        stop,
      );
      await again.close();
    },
  );

  withHome("append copies what it is given", async (home) => {
    const backend = await home.open();
    const bytes = fromText("before");
    backend.append(revision(2), 0, recordKind.put, bytes, 0, bytes.length);
    bytes.fill(0);
    await commit(backend, at(1, 2));
    assert.equal(textOf(backend.read(revision(2), 0)), "before");
    await backend.close();
  });

  withHome("a record of a megabyte and a half comes back whole", async (home) => {
    const backend = await home.open();
    const text = "x".repeat(3 << 19);
    append(backend, 2, 0, text);
    append(backend, 3, 0, "small");
    await commit(backend, at(1, 3));
    assert.equal(textOf(backend.read(revision(2), 0)), text);
    assert.equal(textOf(backend.read(revision(3), 0)), "small");
    await backend.close();
  });

  withHome("a missing record is corruption", async (home) => {
    const backend = await home.open();
    append(backend, 2, 0, "a");
    append(backend, 4, 0, "b");
    await commit(backend, at(1, 4));
    assert.throws(() => backend.read(revision(3), 0), {
      name: "CorruptionError",
      message: /revision 3\/0 is missing/,
    });
    await backend.close();
  });
}

function bucketTests(withHome: WithHome): void {
  withHome(
    "buckets see their own uncommitted writes, apart from each other and in key order",
    async (home) => {
      const backend = await home.open();
      backend.put("lease", key("b"), key("1"));
      backend.put("lease", key("a"), key("2"));
      backend.put("auth", key("a"), key("3"));
      backend.put("lease", Uint8Array.of(0xff, 0x00), key("4"));
      backend.put("lease", key("b"), key("5"));
      assert.equal(textOf(backend.get("lease", key("b"))), "5");
      assert.equal(textOf(backend.get("auth", key("a"))), "3");
      assert.equal(backend.get("auth", key("b")), undefined);
      assert.deepEqual(
        backend.entries("lease").map((entry) => textOf(entry.value)),
        ["2", "5", "4"],
      );
      backend.delete("lease", key("a"));
      backend.delete("lease", key("never there"));
      assert.equal(backend.get("lease", key("a")), undefined);
      assert.deepEqual(
        backend.entries("lease").map((entry) => textOf(entry.value)),
        ["5", "4"],
      );
      assert.deepEqual(backend.entries("members"), []);
      await backend.close();
    },
  );

  withHome("buckets are there after a reopen as they were sealed", async (home) => {
    const backend = await home.open();
    backend.put("members", key("m1"), key("one"));
    backend.put("members", key("m2"), key(""));
    backend.put("meta", key(""), key("empty key"));
    await commit(backend, at(3));
    backend.delete("members", key("m1"));
    backend.put("members", key("m3"), key("three"));
    await commit(backend, at(4));
    await backend.close();
    const again = await home.open();
    assert.deepEqual(
      again.entries("members").map((entry) => [textOf(entry.key), textOf(entry.value)]),
      [
        ["m2", ""],
        ["m3", "three"],
      ],
    );
    assert.equal(textOf(again.get("meta", key(""))), "empty key");
    await again.close();
  });

  withHome("put copies key and value", async (home) => {
    const backend = await home.open();
    const bytes = key("same");
    backend.put("meta", bytes, bytes);
    bytes.fill(0);
    assert.equal(textOf(backend.get("meta", key("same"))), "same");
    await backend.close();
  });
}

function commitTests(withHome: WithHome): void {
  withHome("the position moves when the commit completed, not before", async (home) => {
    const backend = await home.open();
    append(backend, 2, 0, "a");
    const done = commit(backend, at(5, 2, 3));
    assert.equal(backend.isCommitting, true);
    assert.deepEqual(backend.committed, at(0, 0, 0));
    await done;
    assert.equal(backend.isCommitting, false);
    assert.deepEqual(backend.committed, at(5, 2, 3));
    await backend.close();
  });

  withHome("a batch with nothing in it moves the position and survives", async (home) => {
    const backend = await home.open();
    await commit(backend, at(1));
    await commit(backend, at(2));
    await commit(backend, at(2));
    await commit(backend, at(3, 1, 2));
    await backend.close();
    const again = await home.open();
    assert.deepEqual(again.committed, at(3, 1, 2));
    assert.deepEqual(await scanAll(again), []);
    append(again, 2, 0, "a");
    await commit(again, at(4, 2, 2));
    await again.close();
    const third = await home.open();
    assert.deepEqual(
      (await scanAll(third)).map((record) => record.text),
      ["a"],
    );
    await third.close();
  });

  withHome("what was not committed is gone after a reopen", async (home) => {
    const backend = await home.open();
    append(backend, 2, 0, "kept");
    backend.put("meta", key("k"), key("kept"));
    await commit(backend, at(1, 2));
    append(backend, 3, 0, "dropped");
    backend.put("meta", key("k"), key("dropped"));
    backend.put("lease", key("l"), key("dropped"));
    backend.delete("meta", key("none"));
    await backend.close();
    const again = await home.open();
    assert.deepEqual(again.committed, at(1, 2));
    assert.deepEqual(
      (await scanAll(again)).map((record) => record.text),
      ["kept"],
    );
    assert.equal(textOf(again.get("meta", key("k"))), "kept");
    assert.equal(again.get("lease", key("l")), undefined);
    append(again, 3, 0, "again");
    await commit(again, at(2, 3));
    assert.equal(textOf(again.read(revision(3), 0)), "again");
    await again.close();
  });

  withHome("a new batch opens while one is in flight, and both count as pending", async (home) => {
    const backend = await home.open();
    append(backend, 2, 0, "a");
    assert.equal(backend.pendingOps, 1);
    assert.ok(backend.pendingBytes > 0);
    const bytesBefore = backend.pendingBytes;
    const done = commit(backend, at(1, 2));
    append(backend, 3, 0, "b");
    backend.put("meta", key("k"), key("v"));
    assert.equal(backend.pendingOps, 3);
    assert.ok(backend.pendingBytes > bytesBefore);
    await done;
    assert.equal(backend.pendingOps, 2);
    assert.deepEqual(backend.committed, at(1, 2));
    await commit(backend, at(2, 3));
    assert.equal(backend.pendingOps, 0);
    assert.equal(backend.pendingBytes, 0);
    assert.equal(textOf(backend.read(revision(3), 0)), "b");
    await backend.close();
  });

  withHome("close waits for the batch in flight", async (home) => {
    const backend = await home.open();
    append(backend, 2, 0, "a");
    const done = commit(backend, at(1, 2));
    await backend.close();
    await done;
    const again = await home.open();
    assert.deepEqual(again.committed, at(1, 2));
    await again.close();
    await again.close();
  });
}

function misuseTests(withHome: WithHome): void {
  const refused = { name: "AssertionError" };

  withHome("revisions that do not grow are a bug", async (home) => {
    const backend = await home.open();
    assert.throws(() => append(backend, 0, 0, "zero"), refused);
    append(backend, 2, 1, "a");
    assert.throws(() => append(backend, 2, 1, "again"), refused);
    assert.throws(() => append(backend, 2, 0, "sub back"), refused);
    assert.throws(() => append(backend, 1, 9, "main back"), refused);
    assert.throws(() => append(backend, 3, 2 ** 32, "sub too large"), refused);
    await commit(backend, at(1, 2));
    await backend.close();
    const again = await home.open();
    assert.throws(() => append(again, 2, 1, "again"), refused);
    append(again, 2, 2, "next");
    await again.close();
  });

  withHome("positions that go back are a bug, also after a reopen", async (home) => {
    const backend = await home.open();
    append(backend, 5, 0, "a");
    assert.throws(() => backend.commit(at(1, 4), () => {}), refused);
    await commit(backend, at(5, 5, 2));
    assert.throws(() => backend.commit(at(4, 5, 2), () => {}), refused);
    assert.throws(() => backend.commit(at(5, 4, 2), () => {}), refused);
    assert.throws(() => backend.commit(at(5, 5, 1), () => {}), refused);
    await backend.close();
    const again = await home.open();
    assert.throws(() => again.commit(at(4, 5, 2), () => {}), refused);
    await again.close();
  });

  withHome("a second commit in flight is a bug", async (home) => {
    const backend = await home.open();
    const done = commit(backend, at(1));
    assert.throws(() => backend.commit(at(2), () => {}), refused);
    await done;
    await backend.close();
  });

  withHome("reading a record that is not committed is a bug", async (home) => {
    const backend = await home.open();
    append(backend, 2, 0, "a");
    assert.throws(() => backend.read(revision(2), 0), refused);
    await backend.close();
  });

  withHome("scanning after a write, and using a closed backend, are bugs", async (home) => {
    const backend = await home.open();
    append(backend, 2, 0, "a");
    await assert.rejects(scanAll(backend), refused);
    await backend.close();
    assert.throws(() => append(backend, 3, 0, "b"), refused);
    assert.throws(() => backend.put("meta", key("k"), key("v")), refused);
    assert.throws(() => backend.commit(at(1), () => {}), refused);
    assert.throws(() => backend.read(revision(2), 0), refused);
  });
}
