import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { FileFollower } from "../../../node/tls/file-follower.ts";
import { type FilesContent, readTogether, type TlsFile } from "../../../node/tls/tls-files.ts";
import { replaceFile, writeFiles } from "../../support/pki/files.ts";
import { temporaryDir } from "./handshakes.ts";

/** A follower whose looks happen when the test says so. */
async function follow(t: TestContext) {
  const { path } = writeFiles(temporaryDir(t), { path: "one" });
  const files: readonly TlsFile[] = [{ role: "ca", flag: "--trusted-ca-file", path }];
  const seen: string[] = [];
  let waiting = Promise.withResolvers<{ delayMs: number; run: () => void }>();
  let isCancelled = false;
  const follower = new FileFollower({
    files,
    content: await readTogether(files),
    onContent: async ({ files: [first] }: FilesContent) => {
      const content = first?.content ?? "";
      seen.push(content instanceof Error ? "error" : String(content));
    },
    onLook: () => undefined,
    ports: {
      clock: { monotonicMs: () => 0, unixMs: () => 0 },
      timers: {
        after: (delayMs, run) => {
          waiting.resolve({ delayMs, run });
          return {
            cancel: () => {
              isCancelled = true;
            },
          };
        },
        every: () => assert.fail("not used"),
        endOfTurn: () => assert.fail("not used"),
      },
    },
  });
  /** Makes the look that is due; gives how long the follower had waited for it. */
  const look = async (): Promise<number> => {
    const { delayMs, run } = await waiting.promise;
    waiting = Promise.withResolvers();
    run();
    await waiting.promise;
    return delayMs;
  };
  return { path, seen, look, follower, isCancelled: () => isCancelled };
}

test("a content is handed on when it has rested for a tenth of a second, and once", async (t) => {
  const { path, seen, look } = await follow(t);
  assert.equal(await look(), 500);
  replaceFile(path, "two");
  assert.equal(await look(), 500);
  assert.deepEqual(seen, []);
  assert.equal(await look(), 100);
  assert.deepEqual(seen, ["two"]);
  for (let looks = 0; looks < 5; looks++) assert.equal(await look(), 500);
  assert.deepEqual(seen, ["two"]);
});

test("one that changes on is not handed on before it rests", async (t) => {
  const { path, seen, look } = await follow(t);
  for (const text of ["half", "more", "whole"]) {
    replaceFile(path, text);
    await look();
    assert.deepEqual(seen, []);
  }
  await look();
  assert.deepEqual(seen, ["whole"]);
});

test("one that comes and goes between two looks is never seen", async (t) => {
  const { path, seen, look } = await follow(t);
  replaceFile(path, "two");
  await look();
  replaceFile(path, "one");
  for (let looks = 0; looks < 4; looks++) await look();
  assert.deepEqual(seen, []);
});

test("a file that is gone is a content of its own", async (t) => {
  const { path, seen, look } = await follow(t);
  rmSync(path);
  for (let looks = 0; looks < 4; looks++) await look();
  replaceFile(path, "one");
  for (let looks = 0; looks < 4; looks++) await look();
  assert.deepEqual(seen, ["error", "one"]);
});

test("close cancels the look that is due", async (t) => {
  const { follower, isCancelled } = await follow(t);
  follower.close();
  assert.equal(isCancelled(), true);
});
