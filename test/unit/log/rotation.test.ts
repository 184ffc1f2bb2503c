import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { openLogger } from "../../../node/log/logger.ts";
import type { LogRotation } from "../../../node/log/settings.ts";
import { logDir, moment, settings } from "./log-lab.ts";

const mebibyte = 1024 * 1024;
const none: LogRotation = {
  maxSizeMegabytes: 1,
  maxAgeDays: 0,
  maxBackups: 0,
  usesLocalTime: false,
  compresses: false,
};

/** Logs lines of about 1 KB, different messages each so that none is sampled away, one turn for each hundred. */
async function logLines(path: string, rotation: LogRotation, count: number): Promise<void> {
  let nowMs = moment;
  const logger = await openLogger(settings({ outputs: [path], rotation }), () => nowMs);
  for (let n = 0; n < count; n++) {
    logger.info(`m${n}`, { n, pad: "x".repeat(1000) });
    if (n % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
    nowMs += 1;
  }
  await logger.close();
}

const numbersIn = (text: string): number[] =>
  text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line).n);

const oldNames = (dir: string): string[] =>
  readdirSync(dir)
    .filter((name) => name !== "etcd.log")
    .sort();

test("a file is set aside under lumberjack's name before it would grow too large, and no line is lost, doubled or cut", async (t) => {
  const dir = logDir(t);
  await logLines(join(dir, "etcd.log"), none, 3500);
  const names = oldNames(dir);
  assert.equal(names.length, 3);
  for (const name of names) {
    assert.match(name, /^etcd-2026-01-02T03-04-\d\d\.\d{3}\.log$/);
    const { size, mode } = statSync(join(dir, name));
    assert.ok(size <= mebibyte && size > mebibyte - 2000, `${size}`);
    assert.equal(mode & 0o777, 0o600);
  }
  const all = [...names, "etcd.log"].flatMap((name) =>
    numbersIn(readFileSync(join(dir, name), "utf8")),
  );
  assert.deepEqual(
    all,
    Array.from({ length: 3500 }, (_, n) => n),
  );
});

test("a file that is full already is set aside before the first line", async (t) => {
  const dir = logDir(t);
  writeFileSync(join(dir, "etcd.log"), "x".repeat(mebibyte));
  await logLines(join(dir, "etcd.log"), none, 1);
  assert.deepEqual(numbersIn(readFileSync(join(dir, "etcd.log"), "utf8")), [0]);
  assert.equal(oldNames(dir).length, 1);
});

test("of old files the newest are kept, compressed ones among them", async (t) => {
  const dir = logDir(t);
  const older = ["etcd-2026-01-01T00-00-00.000.log", "etcd-2026-01-01T00-00-01.000.log.gz"];
  const others = ["etcd-notes.log", "other-2026-01-01T00-00-00.000.log", "etcd-2026-01-01.log"];
  for (const name of [...older, ...others]) writeFileSync(join(dir, name), "x");
  await logLines(join(dir, "etcd.log"), { ...none, maxBackups: 2 }, 2200);
  const names = oldNames(dir).filter((name) => !others.includes(name));
  assert.equal(names.length, 2);
  for (const name of names) assert.match(name, /^etcd-2026-01-02T/);
  for (const name of others) assert.ok(existsSync(join(dir, name)), name);
});

test("old files go when they are older than so many days", async (t) => {
  const dir = logDir(t);
  const name = (ms: number): string =>
    `etcd-${new Date(ms).toISOString().slice(0, -1).replaceAll(":", "-")}.log`;
  const dayMs = 24 * 3600 * 1000;
  const [kept, gone] = [name(moment - 3 * dayMs + 1000), name(moment - 3 * dayMs - 1000)];
  for (const each of [kept, gone]) writeFileSync(join(dir, each), "x");
  await logLines(join(dir, "etcd.log"), { ...none, maxAgeDays: 3 }, 1);
  assert.deepEqual(oldNames(dir), [kept]);
});

test("old files are compressed, whole, with the rights that they had; what a crash left half compressed is made anew", async (t) => {
  const dir = logDir(t);
  const left = "etcd-2026-01-01T00-00-00.000.log";
  writeFileSync(join(dir, left), "left", { mode: 0o600 });
  writeFileSync(join(dir, `${left}.gz`), "half", { mode: 0o600 });
  await logLines(join(dir, "etcd.log"), { ...none, compresses: true }, 2500);
  const names = oldNames(dir);
  assert.ok(
    names.every((name) => name.endsWith(".log.gz")),
    names.join(" "),
  );
  assert.equal(names.length, 3);
  const [first = "", ...rest] = names.map((name) =>
    gunzipSync(readFileSync(join(dir, name))).toString(),
  );
  assert.equal(first, "left");
  const all = [...rest, readFileSync(join(dir, "etcd.log"), "utf8")].flatMap(numbersIn);
  assert.deepEqual(
    all,
    Array.from({ length: 2500 }, (_, n) => n),
  );
  for (const name of names) assert.equal(statSync(join(dir, name)).mode & 0o777, 0o600);
});

test("names of old files are local times where that is asked for", async (t) => {
  const dir = logDir(t);
  await logLines(join(dir, "etcd.log"), { ...none, usesLocalTime: true }, 1100);
  const local = new Date(moment);
  const hours = String(local.getHours()).padStart(2, "0");
  assert.match(oldNames(dir)[0] ?? "", new RegExp(`T${hours}-`));
});

test("two rotations in one millisecond keep both files", async (t) => {
  const dir = logDir(t);
  const path = join(dir, "etcd.log");
  const logger = await openLogger(settings({ outputs: [path], rotation: none }), () => moment);
  for (let n = 0; n < 3300; n++) logger.info(`m${n}`, { n, pad: "x".repeat(1000) });
  await logger.close();
  assert.equal(oldNames(dir).length, 3);
});

test("a missing directory is made, as lumberjack makes it", async (t) => {
  const path = join(logDir(t), "a", "b", "etcd.log");
  await logLines(path, none, 1);
  assert.equal(numbersIn(readFileSync(path, "utf8")).length, 1);
});

test("where a file cannot be set aside, lines go on into it", async (t) => {
  const dir = logDir(t);
  const path = join(dir, "etcd.log");
  const logger = await openLogger(settings({ outputs: [path], rotation: none }), () => moment);
  logger.info("first", { pad: "x".repeat(mebibyte - 200) });
  logger.flush();
  const { rmSync, mkdirSync } = await import("node:fs");
  // The directory is gone, and the file with it: its name cannot be made again.
  rmSync(dir, { recursive: true });
  for (let n = 0; n < 3; n++) {
    logger.info(`second ${n}`, { pad: "x".repeat(500) });
    logger.flush();
  }
  mkdirSync(dir);
  logger.info("third");
  await logger.close();
  assert.match(readFileSync(path, "utf8"), /"msg":"third"/);
});
