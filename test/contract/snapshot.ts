/** What every home must do with whole states: one member's, received and installed by another, while writes go on. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Backend } from "../../node/backend/backend.ts";
import type {
  BackendHome,
  MemberBackend,
  StateSnapshot,
} from "../../node/backend/backend-snapshot.ts";
import { bucketNamesAll } from "../../node/backend/buckets.ts";
import { cloneBytes, fromText, toText } from "../../node/lib/bytes.ts";
import { logIndex, revision } from "../../node/lib/units.ts";
import { append, at, commit, scanAll } from "./backend.ts";
import { scanTo } from "./removal.ts";
import { type HomeKind, makeHome, type TestHome } from "./snapshot-homes.ts";

/** Everything that a backend holds and says of itself, in a form to compare. Precondition: just opened, or everything is committed. */
async function contentOf(backend: Backend, isJustOpened = true): Promise<object> {
  const records = isJustOpened
    ? await scanAll(backend)
    : await scanTo(backend, Number.MAX_SAFE_INTEGER - 1);
  const buckets = bucketNamesAll.map((name) => [
    name,
    backend.entries(name).map(({ key, value }) => [toText(key), toText(value)]),
  ]);
  return { position: backend.committed, records, buckets };
}

export async function chunksOf(snapshot: StateSnapshot): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of snapshot.chunks()) chunks.push(cloneBytes(chunk));
  snapshot.release();
  return chunks;
}

async function receiveAll(home: BackendHome, chunks: readonly Uint8Array[]): Promise<number> {
  const receiver = await home.receive();
  for (const chunk of chunks) await receiver.write(chunk);
  return (await receiver.finish()).consistentIndex;
}

/** Records 2 to `last`, a few buckets, in batches of 50, with some records removed again. */
async function fill(backend: Backend, last: number): Promise<void> {
  for (let main = 2; main <= last; main++) {
    append(backend, main, 0, `value ${main}`);
    if (main % 5 === 0) append(backend, main, 1, "x".repeat(main % 300), 1);
    if (main % 50 === 0) await commit(backend, at(main, main, 3));
  }
  backend.put("meta", fromText("confState"), fromText("{}"));
  backend.put("members", fromText("8e"), fromText("one"));
  backend.put("members", fromText("9f"), fromText(""));
  backend.put("authRoles", fromText("root"), fromText(""));
  // More than a page: a tree of its own, with one value that goes on over several pages.
  for (let id = 100; id < 300; id++) backend.put("lease", fromText(`${id}`), fromText("of 10 s"));
  backend.put("lease", fromText("250"), fromText("z".repeat(20_000)));
  await commit(backend, at(last, last, 3));
  for (let main = 2; main <= last / 2; main++)
    if (main % 3 === 0) backend.remove(revision(main), 0);
  await commit(backend, at(last + 1, last, 3));
}

type With = (title: string, run: (sender: TestHome, receiver: TestHome) => Promise<void>) => void;

const withHomes =
  (from: HomeKind, to: HomeKind): With =>
  (title, run) => {
    void test(title, async () => {
      const sender = await makeHome(from);
      const receiver = await makeHome(to);
      try {
        await run(sender, receiver);
      } finally {
        await sender.dispose();
        await receiver.dispose();
      }
    });
  };

export function snapshotContract(from: HomeKind, to: HomeKind): void {
  describe(`snapshot contract: ${from} to ${to}`, () => {
    const withBoth = withHomes(from, to);
    sendingTests(withBoth);
    receivingTests(withBoth);
    installTests(withBoth);
  });
}

function sendingTests(withBoth: With): void {
  withBoth(
    "a state is received as it was when it was opened, while writes, removals and commits go on",
    async (sender, receiver) => {
      const backend = await sender.home.open();
      await fill(backend, 3000);
      const expected = await contentOf(backend, false);
      append(backend, 3001, 0, "open when the snapshot begins");
      backend.put("members", fromText("8e"), fromText("changed"));
      backend.delete("members", fromText("9f"));
      const snapshot = backend.openSnapshot();
      assert.deepEqual(snapshot.position, at(3001, 3000, 3));
      const into = await receiver.home.receive();
      let index = 3001;
      for await (const chunk of snapshot.chunks()) {
        await into.write(chunk);
        index++;
        append(backend, index, 1, "written meanwhile");
        if (index < 3100) backend.remove(revision(index - 1000), 0);
        await commit(backend, at(index, index, 3));
      }
      snapshot.release();
      snapshot.release();
      assert.ok(index > 3003, "several chunks");
      assert.deepEqual(await into.finish(), at(3001, 3000, 3));
      await backend.close();
      const installed = await receiver.home.install(logIndex(3001));
      assert.deepEqual(await contentOf(installed), expected);
      await installed.close();
    },
  );

  withBoth(
    "a snapshot that is opened while a batch is in flight has the state before it",
    async (sender) => {
      const backend = await sender.home.open();
      append(backend, 2, 0, "a");
      backend.put("lease", fromText("l"), fromText("before"));
      await commit(backend, at(1, 2));
      append(backend, 3, 0, "b");
      backend.put("lease", fromText("l"), fromText("after"));
      const done = commit(backend, at(2, 3));
      const busyUntil = performance.now() + 3;
      while (performance.now() < busyUntil);
      const snapshot = backend.openSnapshot();
      await done;
      assert.deepEqual(snapshot.position, at(1, 2));
      assert.deepEqual(
        (await snapshot.bucket("lease")).map(({ value }) => toText(value)),
        ["before"],
      );
      const next = backend.openSnapshot();
      assert.deepEqual(next.position, at(2, 3));
      assert.deepEqual(
        (await next.bucket("lease")).map(({ value }) => toText(value)),
        ["after"],
      );
      for (const one of [snapshot, next]) one.release();
      await backend.close();
    },
  );

  withBoth(
    "releasing within the stream ends it, and so does closing the backend, both without a word of corruption",
    async (sender) => {
      const backend = await sender.home.open();
      await fill(backend, 3000);
      const released = backend.openSnapshot();
      const ended = { name: "Error", message: /closed during a scan|after its end/ };
      await assert.rejects(
        readWhile(released, () => released.release()),
        ended,
      );
      let closing: Promise<void> | undefined;
      await assert.rejects(
        readWhile(backend.openSnapshot(), () => void (closing ??= backend.close())),
        ended,
      );
      await closing;
    },
  );
}

/** Reads the stream to its end and does `act` behind its first chunks. */
async function readWhile(snapshot: StateSnapshot, act: () => void): Promise<void> {
  let chunks = 0;
  for await (const { length } of snapshot.chunks()) {
    assert.ok(length > 0);
    if (++chunks === 3) act();
  }
}

/** One stream of a few hundred records, and the home that has to take or refuse it. */
async function streamOf(sender: TestHome): Promise<{ chunks: Uint8Array[]; content: object }> {
  const backend = await sender.home.open();
  await fill(backend, 400);
  const content = await contentOf(backend, false);
  const chunks = await chunksOf(backend.openSnapshot());
  await backend.close();
  return { chunks, content };
}

function receivingTests(withBoth: With): void {
  withBoth("the pieces may have any size", async (sender, receiver) => {
    const { chunks, content } = await streamOf(sender);
    const whole = Buffer.concat(chunks);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1 }),
        async (sizes) => {
          const pieces: Uint8Array[] = [];
          for (let start = 0, n = 0; start < whole.length; n++) {
            const end = start + (sizes[n % sizes.length] ?? 1) * (n % 7 === 0 ? 1 : 7);
            pieces.push(whole.subarray(start, end));
            start = end;
          }
          assert.equal(await receiveAll(receiver.home, pieces), 401);
          const installed = await receiver.home.install(logIndex(401));
          assert.deepEqual(await contentOf(installed), content);
          await installed.close();
        },
      ),
      { numRuns: 8 },
    );
  });

  withBoth(
    "a stream with one flipped bit, one that is cut, and one with something behind it are refused, and nothing stays",
    async (sender, receiver) => {
      const { chunks, content } = await streamOf(sender);
      const whole = Buffer.concat(chunks);
      const refused = {
        name: "CorruptionError",
        message: /received from another member: .*; noth/,
      };
      const { home } = receiver;
      await fc.assert(
        fc.asyncProperty(fc.nat(whole.length * 8 - 1), fc.boolean(), async (bit, isCut) => {
          const bytes = Buffer.from(whole);
          if (!isCut) bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
          const end = isCut ? bit >> 3 : bytes.length;
          const isMark =
            !isCut &&
            whole.length - (bit >> 3) <= 4096 - 16 &&
            whole.length - (bit >> 3) > 4096 - 32;
          if (!isMark) await assert.rejects(receiveAll(home, [bytes.subarray(0, end)]), refused);
        }),
        { numRuns: 60 },
      );
      // Without the mark of the sum nobody looks at the sum: the state itself is whole.
      const markAt = whole.length - 4096 + 16;
      const unmarked = Buffer.from(whole);
      unmarked[markAt] = 0;
      assert.equal(await receiveAll(home, [unmarked]), 401);
      const installed = await home.install(logIndex(401));
      assert.deepEqual(await contentOf(installed), content);
      await installed.close();
      await assert.rejects(receiveAll(home, [whole, Uint8Array.of(1)]), refused);
      await assert.rejects(receiveAll(home, [whole, whole]), refused);
      for (let count = 0; count < chunks.length; count++)
        await assert.rejects(receiveAll(home, chunks.slice(0, count)), refused);
      const [first, ...rest] = chunks as [Uint8Array, ...Uint8Array[]];
      await assert.rejects(receiveAll(home, rest), refused);
      await assert.rejects(receiveAll(home, [first, first, ...rest]), refused);
      assert.deepEqual(await receiver.beside(), []);
      assert.deepEqual(await home.received(), []);
      assert.deepEqual(await receiver.again().received(), []);
    },
  );

  withBoth(
    "what was given up is gone, also behind what was refused, and does no harm behind the end",
    async (sender, receiver) => {
      const { chunks } = await streamOf(sender);
      const { home } = receiver;
      const first = await home.receive();
      await first.write(chunks[0] as Uint8Array);
      await first.abort();
      await first.abort();
      await assert.rejects(first.write(chunks[1] as Uint8Array), { message: /has ended/ });
      const second = await home.receive();
      await second.write(fromText("something else"));
      await assert.rejects(second.finish(), { name: "CorruptionError" });
      await second.abort();
      assert.deepEqual(await home.received(), []);
      const third = await home.receive();
      for (const chunk of chunks) await third.write(chunk);
      await third.finish();
      await third.abort();
      assert.deepEqual(await home.received(), [401]);
    },
  );
}

async function stateAt(home: BackendHome, index: number, text: string): Promise<void> {
  const source = await makeHome("memory");
  const backend = await source.home.open();
  append(backend, 2, 0, text);
  await commit(backend, at(index, 2));
  await receiveAll(home, await chunksOf(backend.openSnapshot()));
  await backend.close();
}

async function textIn(backend: MemberBackend): Promise<string> {
  const texts = (await scanAll(backend)).map(({ text }) => text);
  return texts.join();
}

function installTests(withBoth: With): void {
  withBoth(
    "a received state stays over a restart, and takes the place of the live one when it is installed",
    async (_, receiver) => {
      const live = await receiver.home.open();
      append(live, 2, 0, "old");
      await commit(live, at(5, 2));
      await stateAt(receiver.home, 20, "new");
      assert.equal(receiver.home.hasReceived(logIndex(20)), true);
      await live.close();
      const home = receiver.again();
      const before = await home.open();
      assert.equal(await textIn(before), "old");
      assert.deepEqual(await home.received(), [20]);
      assert.equal(home.hasReceived(logIndex(20)), true);
      assert.equal(home.hasReceived(logIndex(21)), false);
      await assert.rejects(home.install(logIndex(20)), { name: "AssertionError" });
      await before.close();
      const { identity } = before;
      const after = await home.install(logIndex(20));
      assert.equal(await textIn(after), "new");
      assert.notEqual(after.identity, identity);
      append(after, 3, 0, "and on");
      await commit(after, at(21, 3));
      await after.close();
      const third = await receiver.again().open();
      assert.equal(await textIn(third), "new,and on");
      await third.close();
    },
  );

  withBoth(
    "an install removes received states below it and keeps those above",
    async (_, receiver) => {
      const { home } = receiver;
      for (const index of [30, 10, 20, 20]) await stateAt(home, index, `${index}`);
      assert.deepEqual(await home.received(), [10, 20, 30]);
      const backend = await home.install(logIndex(20));
      assert.equal(await textIn(backend), "20");
      assert.deepEqual(await home.received(), [30]);
      await backend.close();
      assert.deepEqual(await receiver.again().received(), [30]);
      await assert.rejects(home.install(logIndex(10)), { name: "AssertionError" });
    },
  );

  withBoth("received states are discarded up to an index, or all", async (_, receiver) => {
    const { home } = receiver;
    for (const index of [10, 20, 30]) await stateAt(home, index, `${index}`);
    await home.discardReceived(logIndex(20));
    assert.deepEqual(await home.received(), [30]);
    assert.equal(home.hasReceived(logIndex(20)), false);
    await home.discardReceived();
    assert.deepEqual(await home.received(), []);
    assert.deepEqual(await receiver.again().received(), []);
  });
}
