import assert from "node:assert/strict";
import { test } from "node:test";
import { paintAnsi, paintFor, paintNothing, prefixOf, readableLine } from "../../dev/log-line.ts";

const readable = (entry: object): string => readableLine(JSON.stringify(entry), paintNothing);

test("time, level and message come first, then the fields", () => {
  assert.equal(
    readable({
      level: "warn",
      ts: "2026-11-28T14:49:24.340262Z",
      msg: "slow disk",
      took: "1.2s",
      count: 3,
      ok: false,
      list: ["a", "b"],
      text: "two words",
      empty: "",
    }),
    '14:49:24.340 WARN  slow disk took=1.2s count=3 ok=false list=["a","b"] text="two words" empty=""',
  );
});

test("what is no log entry comes as it is", () => {
  for (const line of ["", "plain", "{broken", '{"level":"info"}', "[1]", "{}"]) {
    assert.equal(readableLine(line, paintNothing), line);
  }
});

test("control characters do not reach the terminal", () => {
  const evil = "\u001b[2J\u0007\u009bx";
  const readableEvil = "\\x1b[2J\\x07\\x9bx";
  assert.equal(readableLine(evil, paintNothing), readableEvil);
  assert.equal(
    readable({ level: evil, ts: evil, msg: evil, [evil]: evil }),
    `${readableEvil} ${readableEvil.replace(/x$/, "X")} ${readableEvil} ` +
      `${readableEvil}="\\u001b[2J\\u0007\\x9bx"`,
  );
});

test("members have colours of their own, and levels that matter stand out", () => {
  assert.equal(prefixOf("a", 0, paintAnsi), "\u001b[36ma |\u001b[0m");
  assert.notEqual(prefixOf("a", 1, paintAnsi), prefixOf("a", 0, paintAnsi));
  const line = '{"level":"error","ts":"2026-11-28T14:49:24.340Z","msg":"no"}';
  assert.equal(
    readableLine(line, paintAnsi),
    "\u001b[2m14:49:24.340\u001b[0m \u001b[31mERROR\u001b[0m no",
  );
});

test("colours are for terminals, and for people who want them", () => {
  assert.equal(paintFor(true, {}), paintAnsi);
  assert.equal(paintFor(true, { NO_COLOR: "" }), paintAnsi);
  assert.equal(paintFor(true, { NO_COLOR: "1" }), paintNothing);
  assert.equal(paintFor(true, { TERM: "dumb" }), paintNothing);
  assert.equal(paintFor(false, {}), paintNothing);
});
