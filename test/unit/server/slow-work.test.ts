import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogFields, Logger } from "../../../node/lib/ports.ts";
import { logIndex, memberId, term } from "../../../node/lib/units.ts";
import { encodeInternalRaft, internalRequest } from "../../../node/proto/internal-raft-codec.ts";
import { Writer } from "../../../node/proto/wire.ts";
import { type Entry, entryType } from "../../../node/raft/types.ts";
import { entryText, keyText } from "../../../node/server/entry-text.ts";
import { HeartbeatWatch } from "../../../node/server/heartbeat-watch.ts";
import { SlowWork } from "../../../node/server/slow-work.ts";
import { encodeDelete, encodePut } from "../apply/apply-lab.ts";

interface Told {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

function recorder(): { logger: Logger; told: Told[] } {
  const told: Told[] = [];
  const at = (level: string) => (message: string, fields?: LogFields) =>
    void told.push({ level, message, fields });
  const logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  return { logger, told };
}

function entryData(field: number, message: Uint8Array): Uint8Array {
  const writer = new Writer(256);
  encodeInternalRaft(writer, 0, 7, field, message, 0, message.length);
  return writer.buffer.slice(0, writer.position);
}

const entryOf = (field: number, message: Uint8Array, index = 5): Entry => ({
  index: logIndex(index),
  term: term(1),
  type: entryType.normal,
  data: entryData(field, message),
});

test("a sync is told of when it takes longer than a second, as on etcd", () => {
  const { logger, told } = recorder();
  const slow = new SlowWork(logger);
  slow.synced(1000);
  slow.synced(1500);
  assert.deepEqual(told, [
    {
      level: "warn",
      message: "slow fdatasync",
      fields: { took: "1.5s", "expected-duration": "1s" },
    },
  ]);
});

test("slow applying is told with the largest entry's key and sizes, and counted", () => {
  const { logger, told } = recorder();
  const slow = new SlowWork(logger, 100);
  const small = entryOf(internalRequest.put, encodePut("small", "s3cret"));
  const large = entryOf(internalRequest.put, encodePut("large", "s3cret".repeat(10)));
  slow.applied(100, [small, large, small], 3);
  assert.equal(slow.slowApplies, 0);
  slow.applied(250.5, [small, large, small], 2);
  assert.equal(slow.slowApplies, 1);
  assert.deepEqual(told[0]?.fields, {
    took: "250.5ms",
    "expected-duration": "100ms",
    prefix: "",
    request: 'header:<ID:7> put:<key:"large" value_size:60>',
    response: "",
    entries: 2,
  });
  // Nothing was finished: it is told when it is.
  slow.applied(500, [small], 0);
  assert.equal(told.length, 1);
});

test("an entry is told by its kind, keys and sizes, never by a value", () => {
  const del = entryText(entryOf(internalRequest.deleteRange, encodeDelete("a", "b")));
  assert.equal(del, 'header:<ID:7> delete_range:<key:"a" range_end:"b">');
  const txn = entryText(entryOf(internalRequest.txn, Buffer.from("s3cret")));
  assert.equal(txn, "header:<ID:7> txn:<size:6>");
  const change: Entry = {
    ...entryOf(internalRequest.txn, Buffer.from("x")),
    type: entryType.confChange,
  };
  assert.equal(entryText(change), "conf_change:{index:5}");
});

test("a key is shown with its odd bytes as octal numbers, and cut when it is long", () => {
  const of = (key: Buffer): string => keyText(key, 0, key.length);
  assert.equal(of(Buffer.from('a"b\\c\n\xff', "latin1")), '"a\\"b\\\\c\\012\\377"');
  assert.equal(of(Buffer.alloc(1000, "k")).length, 256 + 3);
});

test("a heartbeat that leaves more than two intervals after the one before is told and counted; a new leadership starts anew", () => {
  const { logger, told } = recorder();
  let nowMs = 0;
  const clock = { monotonicMs: () => nowMs, unixMs: () => 0 };
  const watch = new HeartbeatWatch({ clock, logger, heartbeatMs: 100 });
  const [one, two] = [memberId(0xan), memberId(0xbn)];
  for (nowMs = 0; nowMs <= 1000; nowMs += 200) watch.sent(one);
  watch.sent(two);
  assert.equal(watch.lateCount, 0);
  nowMs = 1350;
  watch.sent(one);
  assert.equal(watch.lateCount, 1);
  assert.deepEqual(told[0]?.fields, {
    to: "a",
    "heartbeat-interval": "100ms",
    "expected-duration": "200ms",
    "exceeded-duration": "150ms",
  });
  watch.reset();
  nowMs = 9000;
  watch.sent(one);
  assert.equal(watch.lateCount, 1);
});
