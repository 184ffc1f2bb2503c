import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { openLogger } from "../../../node/log/logger.ts";
import { logLevels } from "../../../node/log/settings.ts";
import { linesOf, logDir, moment, settings } from "./log-lab.ts";

test("a line is one JSON object with zap's keys in front, the message before the fields", async (t) => {
  const lines = await linesOf(t, {}, (logger) => logger.warn("slow", { took: "1s" }));
  assert.deepEqual(lines, [
    '{"level":"warn","ts":"2026-01-02T03:04:05.678Z","msg":"slow","took":"1s"}',
  ]);
});

test("the name of a logger stands before the message, as zap puts it", async (t) => {
  const [line] = await linesOf(t, {}, (logger) =>
    logger.info("became leader", { term: 2, logger: "raft" }),
  );
  assert.equal(
    line,
    '{"level":"info","ts":"2026-01-02T03:04:05.678Z","logger":"raft","msg":"became leader","term":2}',
  );
});

test("each level lets through itself and what is above; those above error let nothing through", async (t) => {
  const expected = [4, 3, 2, 1, 0, 0, 0];
  for (const [at, level] of logLevels.entries()) {
    const lines = await linesOf(t, { level }, (logger) => {
      logger.debug("d");
      logger.info("i");
      logger.warn("w");
      logger.error("e");
    });
    assert.equal(lines.length, expected[at], level);
  }
});

test("ids keep their digits and errors their text with all causes", async (t) => {
  const cause = new Error("ENOSPC", {
    cause: new AggregateError([new Error("a"), new Error("b")]),
  });
  const [line = ""] = await linesOf(t, {}, (logger) =>
    logger.error("failed", {
      id: 2n ** 64n - 1n,
      ids: [1n, { id: 2n }],
      error: new Error("cannot write", { cause }),
      plain: new Error("alone"),
    }),
  );
  const { level, ts, msg, ...fields } = JSON.parse(line);
  assert.deepEqual([level, ts, msg], ["error", new Date(moment).toISOString(), "failed"]);
  assert.deepEqual(fields, {
    id: "18446744073709551615",
    ids: ["1", { id: "2" }],
    error: "cannot write: ENOSPC: a; b",
    plain: "alone",
  });
});

test("bytes are told by their number only, wherever they stand", async (t) => {
  const secret = Buffer.from("s3cret");
  const [line = ""] = await linesOf(t, {}, (logger) =>
    logger.info("m", { value: secret, deep: { list: [new Uint8Array(secret)] } }),
  );
  assert.ok(!line.includes("s3cret") && !line.includes("115"));
  assert.equal(JSON.parse(line).value, "6 bytes");
});

test("a cycle, and an error that causes itself, end", async (t) => {
  const round: Record<string, unknown> = {};
  round["self"] = round;
  const error = new Error("again");
  error.cause = error;
  const lines = await linesOf(t, {}, (logger) => logger.info("m", { round, error }));
  assert.equal(lines.length, 1);
});

test("whatever a field holds, a line is one line of JSON that says the same, in both formats", async (t) => {
  const field = fc.dictionary(fc.string({ minLength: 1 }), fc.jsonValue());
  const samples = fc.sample(fc.record({ message: fc.string(), field }), 60);
  const logAll = (format: "json" | "console"): Promise<string[]> =>
    linesOf(t, { format }, (logger) => {
      for (const { message, field: value } of samples) logger.info(message, { value });
    });
  const json = await logAll("json");
  const console = await logAll("console");
  assert.equal(json.length, samples.length);
  assert.equal(console.length, samples.length);
  for (const [at, { message }] of samples.entries()) {
    const line = JSON.parse(json[at] ?? "");
    assert.equal(line.msg, message);
    const fields = JSON.parse((console[at] ?? "").split("\t").at(-1) ?? "");
    assert.deepEqual(fields, { value: line.value });
  }
});

test("the console format has tabs between time, level, logger, message and fields with spaces in them", async (t) => {
  const lines = await linesOf(t, { format: "console" }, (logger) => {
    logger.info("added member", { urls: ["http://a", "http://b"], "is-learner": false, n: 1 });
    logger.warn("alone");
    logger.info("b", { logger: "raft" });
  });
  assert.deepEqual(lines, [
    '2026-01-02T03:04:05.678Z\tinfo\tadded member\t{"urls": ["http://a", "http://b"], "is-learner": false, "n": 1}',
    "2026-01-02T03:04:05.678Z\twarn\talone",
    "2026-01-02T03:04:05.678Z\tinfo\traft\tb",
  ]);
});

test("of a flood of equal lines in a second, a hundred and then every hundredth are written; others are not touched", async (t) => {
  const path = join(logDir(t), "etcd.log");
  let nowMs = moment;
  const logger = await openLogger(settings({ outputs: [path] }), () => nowMs);
  for (let n = 1; n <= 350; n++) logger.warn("flood", { n });
  logger.warn("other");
  logger.info("flood");
  nowMs += 1000;
  logger.warn("flood", { n: 351 });
  await logger.close();
  const lines = readFileSync(path, "utf8").trim().split("\n");
  const numbers = lines.map((line) => JSON.parse(line).n);
  assert.deepEqual(numbers.slice(99), [100, 200, 300, undefined, undefined, 351]);
});
