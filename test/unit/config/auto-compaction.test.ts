import assert from "node:assert/strict";
import { test } from "node:test";
import { readAutoCompaction } from "../../../node/config/auto-compaction.ts";

const hourMs = 3_600_000;
const rows: readonly (readonly [string, string, number | string])[] = [
  ["periodic", "0", "off"],
  ["periodic", "", "off"],
  ["periodic", "0s", "off"],
  ["periodic", "-0", "off"],
  ["periodic", "1", hourMs],
  ["periodic", "+24", 24 * hourMs],
  ["periodic", "10m", hourMs / 6],
  ["periodic", "1h30m", 1.5 * hourMs],
  ["revision", "0", "off"],
  ["revision", "1000", 1000],
  // etcd counts the duration's nanoseconds as revisions.
  ["revision", "10m", 600e9],
  ["periodic", "x", 'error parsing CompactionRetention: time: invalid duration "x"'],
  ["periodic", "5d", 'error parsing CompactionRetention: time: unknown unit "d" in duration "5d"'],
  ["revision", "-5", 'error parsing CompactionRetention: time: missing unit in duration "-5"'],
  ["revision", "1.5", 'error parsing CompactionRetention: time: missing unit in duration "1.5"'],
  [
    "periodic",
    "99999999999999999999",
    'error parsing CompactionRetention: time: missing unit in duration "99999999999999999999"',
  ],
  ["periodic", "-1h", "error parsing CompactionRetention: it must not be negative"],
  ["", "1", "undefined auto-compaction-mode"],
  ["hourly", "1", 'unknown auto-compaction-mode "hourly"'],
];

for (const [mode, retention, expected] of rows) {
  test(`--auto-compaction-mode=${mode} --auto-compaction-retention=${retention}: ${expected}`, () => {
    const read = readAutoCompaction(mode, retention);
    if (read.kind === "on") {
      const { settings } = read;
      const amount =
        settings.mode === "periodic" ? settings.retentionMs : settings.retentionRevisions;
      assert.deepEqual([settings.mode, amount], [mode, expected]);
    } else {
      assert.equal(read.kind === "off" ? "off" : read.problem, expected);
    }
  });
}
