import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonLogger, type LogLevel } from "../../../../node/lib/platform/logger.ts";

function linesOf(lowest: LogLevel, log: (logger: ReturnType<typeof jsonLogger>) => void): string[] {
  const lines: string[] = [];
  log(
    jsonLogger(
      lowest,
      (line) => void lines.push(line),
      () => Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    ),
  );
  return lines;
}

test("a line is one JSON object with zap's keys in front", () => {
  const [line = ""] = linesOf("info", (logger) => logger.warn("slow", { took: "1s" }));
  assert.equal(line, '{"level":"warn","ts":"2026-01-02T03:04:05.678Z","msg":"slow","took":"1s"}\n');
});

test("lines below the lowest level are not written", () => {
  for (const [lowest, expected] of [
    ["debug", 4],
    ["info", 3],
    ["warn", 2],
    ["error", 1],
  ] as const) {
    const lines = linesOf(lowest, (logger) => {
      logger.debug("d");
      logger.info("i");
      logger.warn("w");
      logger.error("e");
    });
    assert.equal(lines.length, expected);
  }
});

test("ids keep their digits and errors their text and cause", () => {
  const cause = new Error("EIO");
  const [line = ""] = linesOf("info", (logger) =>
    logger.error("failed", {
      id: 2n ** 64n - 1n,
      error: new Error("cannot write", { cause }),
      plain: new Error("alone"),
    }),
  );
  const { id, error, plain } = JSON.parse(line);
  assert.equal(id, "18446744073709551615");
  assert.equal(error, "cannot write: EIO");
  assert.equal(plain, "alone");
});

test("a message with line breaks stays one line", () => {
  const lines = linesOf("info", (logger) => logger.info("a\nb", { "key\n": "c\nd" }));
  assert.equal(lines.length, 1);
  assert.equal(lines[0]?.match(/\n/g)?.length, 1);
});
