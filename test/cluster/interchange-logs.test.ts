/** What counts as an error in a real etcd's log: nothing else would notice if it stopped counting. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { findingsIn } from "./interchange-logs.ts";

const line = (fields: object): string => `${JSON.stringify(fields)}\n`;

test("lines of level error and worse are found, and text that is no JSON", () => {
  const bad = [
    ...["error", "dpanic", "panic", "fatal"].map((level) => line({ level, msg: "it is wrong" })),
    "panic: unexpected fault address\n",
  ];
  const log = [line({ level: "info", msg: "a" }), ...bad, line({ level: "warn", msg: "b" })];
  const { errors, warnings } = findingsIn(log.join(""));
  assert.deepEqual(
    errors.map((text) => `${text}\n`),
    bad,
  );
  assert.deepEqual([...warnings], [["b", 1]]);
});

test("what etcds say to each other as well is passed over, and only that", () => {
  const msg = "failed to update storage version";
  const known = "cannot detect storage schema version: missing term information";
  assert.deepEqual(findingsIn(line({ level: "error", msg, error: known })).errors, []);
  assert.equal(findingsIn(line({ level: "error", msg, error: "no such bucket" })).errors.length, 1);
});
