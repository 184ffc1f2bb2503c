import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { journalPrefix } from "../../../node/log/journal.ts";
import { openLogger } from "../../../node/log/logger.ts";
import { logDir, logFolder, moment, runLogging, runScript, settings } from "./log-lab.ts";

const now = (): number => moment;

test("a file is made for its owner alone and appended to", async (t) => {
  const path = join(logDir(t), "etcd.log");
  for (const message of ["one", "two"]) {
    const logger = await openLogger(settings({ outputs: [path] }), now);
    logger.info(message);
    await logger.close();
  }
  const messages = readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).msg);
  assert.deepEqual(messages, ["one", "two"]);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test("a file that cannot be opened is refused with the flag, the path and the cause", async (t) => {
  const path = join(logDir(t), "missing", "etcd.log");
  await assert.rejects(openLogger(settings({ outputs: [path] }), now), (error: Error) => {
    assert.match(error.message, /^--log-outputs: cannot open .*missing/);
    assert.match(String(error.cause), /ENOENT/);
    return true;
  });
});

test("lines go to all outputs, in order, and to an output that is named twice once", async (t) => {
  const path = join(logDir(t), "etcd.log");
  const outputs = ["stdout", "stderr", "stderr", path];
  const script = "for (let n = 0; n < 50; n++) logger.info(`m${n}`); process.exit(0);";
  const { stdout, stderr } = await runLogging(t, script, { outputs });
  const messages = (text: string): string[] =>
    text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).msg);
  const expected = Array.from({ length: 50 }, (_, n) => `m${n}`);
  assert.deepEqual(messages(stdout), expected);
  assert.deepEqual(messages(stderr), expected);
  assert.deepEqual(messages(readFileSync(path, "utf8")), expected);
});

test("/dev/null among the outputs discards all", async (t) => {
  const script = 'logger.error("m");';
  const { stdout, stderr } = await runLogging(t, script, { outputs: ["stderr", "/dev/null"] });
  assert.equal(stdout + stderr, "");
});

test("the lines of a turn are one write", async (t) => {
  const path = join(logDir(t), "etcd.log");
  const logger = await openLogger(settings({ outputs: [path] }), now);
  for (let n = 0; n < 50; n++) logger.info(`m${n}`);
  assert.equal(statSync(path).size, 0);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(readFileSync(path, "utf8").trim().split("\n").length, 50);
  await logger.close();
});

for (const [how, script, code] of [
  ["process.exit", "logger.flush(); process.exit(3);", 3],
  ["process.exit without a flush", "process.exit(3);", 3],
  ["an exception that nobody catches", 'throw new Error("crash");', 1],
  ["the natural end", "", 0],
] as const) {
  test(`nothing is lost and order is kept at ${how}`, async (t) => {
    const log = "for (let n = 0; n < 2000; n++) logger.info(`m${n}`, { n, pad: 'x'.repeat(200) });";
    const ended = await runLogging(t, `${log} ${script}`);
    assert.equal(ended.code, code);
    const lines = ended.stderr.split("\n").filter((line) => line.startsWith('{"level"'));
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).n),
      Array.from({ length: 2000 }, (_, n) => n),
    );
  });
}

test("a reader that does not read holds neither the event loop nor the end of the process for long, and then gets all", async (t) => {
  // 400 KB: several times what a pipe holds. The timers run while nobody reads.
  const script = `
    for (let n = 0; n < 1000; n++) logger.info("m" + n, { n, pad: "x".repeat(400) });
    let beats = 0;
    const beat = setInterval(() => {
      if (++beats < 30) return;
      clearInterval(beat);
      process.stdout.write("beats " + beats);
    }, 5);`;
  const { stdout, stderr, code } = await runLogging(t, script, {}, true);
  assert.equal(code, 0);
  assert.equal(stdout, "beats 30");
  assert.equal(stderr.trim().split("\n").length, 1000);
});

test("a pipe that nobody reads is not waited for, also where it was given to us as one that blocks", async (t) => {
  // pino makes the standard streams non-blocking by looking at them; this is without it.
  const script = `
    import { StreamOutput } from ${JSON.stringify(join(logFolder, "stream-output.ts"))};
    const troubles = { failed() {}, recovered() {} };
    const output = new StreamOutput({ name: "stderr", fd: 2 }, troubles);
    for (let n = 0; n < 1000; n++) output.add("x".repeat(400) + "\\n", 30);
    output.send();
    process.stdout.write("sent");
    await new Promise((resolve) => setTimeout(resolve, 50));
    await output.close();`;
  const { stdout, stderr } = await runScript(t, script, true);
  assert.equal(stdout, "sent");
  assert.equal(stderr.trim().split("\n").length, 1000);
});

test("a log that cannot be written is told once on standard error, and the process lives on", async (t) => {
  const script = `
    for (let n = 0; n < 5; n++) {
      logger.info("m" + n);
      await new Promise((resolve) => setImmediate(resolve));
    }
    process.stdout.write("alive");`;
  const { stdout, stderr, code } = await runLogging(t, script, { outputs: ["/dev/full"] });
  assert.equal(code, 0);
  assert.equal(stdout, "alive");
  assert.match(stderr, /^etcd-ts: cannot write the log to \/dev\/full: ENOSPC[^\n]*\n$/);
});

test("the journal is refused where standard error does not lead to it", async (t) => {
  const { stderr, code } = await runLogging(t, "", { outputs: ["systemd/journal"] });
  assert.equal(code, 1);
  assert.match(stderr, /--log-outputs=systemd\/journal: standard error is not connected/);
});

test("for the journal each line carries its priority", async (t) => {
  // A file in the place of the journal's socket: systemd tells a service which one it is by device and inode.
  const dir = logDir(t);
  const path = join(dir, "journal");
  writeFileSync(path, "");
  const { openSync, closeSync, fstatSync } = await import("node:fs");
  const { spawnSync } = await import("node:child_process");
  const fd = openSync(path, "a");
  const { dev, ino } = fstatSync(fd, { bigint: true });
  const module = join(import.meta.dirname, "../../../node/log/logger.ts");
  const script = `
    import { openLogger } from ${JSON.stringify(module)};
    const logger = await openLogger(${JSON.stringify(
      settings({ outputs: ["systemd/journal"], level: "debug" }),
    )}, () => 0);
    for (const level of ["debug", "info", "warn", "error"]) logger[level](level);`;
  spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "ignore", fd],
    env: { ...process.env, JOURNAL_STREAM: `${dev}:${ino}` },
  });
  closeSync(fd);
  const lines = readFileSync(path, "utf8").trim().split("\n");
  assert.deepEqual(
    lines.map((line) => [line.slice(0, 3), JSON.parse(line.slice(3)).level]),
    [
      ["<7>", "debug"],
      ["<6>", "info"],
      ["<4>", "warn"],
      ["<3>", "error"],
    ],
  );
  assert.equal(journalPrefix(60), "<3>");
});
