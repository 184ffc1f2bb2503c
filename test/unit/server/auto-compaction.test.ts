/** Both modes of auto-compaction through hours of a clock that is set by hand. The numbers are those that etcd's compactor gives with the same clock. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EtcdErrorKind } from "../../../node/lib/etcd-error.ts";
import type { Clock, LogFields, Timer, Timers } from "../../../node/lib/ports.ts";
import { internalRequest } from "../../../node/proto/internal-raft-codec.ts";
import {
  AutoCompaction,
  type AutoCompactionSettings,
} from "../../../node/server/auto-compaction.ts";
import { encodePut } from "../apply/apply-lab.ts";
import { MemberLab } from "./member-lab.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

class HandClock implements Clock, Timers {
  nowMs = 0;
  /** How much before its time a timer runs. */
  earlyMs = 0;
  pending: { readonly atMs: number; readonly run: () => void }[] = [];

  monotonicMs(): number {
    return this.nowMs;
  }

  unixMs(): number {
    return 0;
  }

  after(delayMs: number, run: () => void): Timer {
    const timer = { atMs: this.nowMs + delayMs - this.earlyMs, run };
    this.pending.push(timer);
    return { cancel: () => void (this.pending = this.pending.filter((it) => it !== timer)) };
  }

  every(): Timer {
    throw new Error("no beat is needed");
  }

  endOfTurn(): void {
    throw new Error("no end of a turn is needed");
  }

  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const due = this.pending.filter(({ atMs }) => atMs <= untilMs);
      const next = due.toSorted((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.pending = this.pending.filter((it) => it !== next);
      this.nowMs = next.atMs;
      next.run();
    }
    this.nowMs = untilMs;
  }
}

class CompactionLab {
  readonly clock = new HandClock();
  /** "minute: revision" */
  readonly compacted: string[] = [];
  readonly lines: [string, string, LogFields | undefined][] = [];
  /** Each time that it is asked for, the revision is one more. */
  revision = 0;
  isLeader = true;
  error: EtcdErrorKind | undefined;
  compactMs = 0;
  readonly compaction: AutoCompaction;

  constructor(settings: AutoCompactionSettings) {
    const { clock } = this;
    const log = (level: string) => (message: string, fields?: LogFields) =>
      void this.lines.push([level, message, fields]);
    this.compaction = new AutoCompaction({
      settings,
      clock,
      timers: clock,
      logger: { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") },
      revision: () => ++this.revision,
      isLeader: () => this.isLeader,
      compact: (revision, done) => {
        this.compacted.push(`${Math.round(clock.nowMs / minuteMs)}: ${revision}`);
        const { error } = this;
        if (this.compactMs === 0) done(error);
        else clock.after(this.compactMs, () => done(error));
      },
    });
    this.compaction.start();
  }

  pass(times: number, ms: number): void {
    for (let at = 0; at < times; at++) this.clock.advance(ms);
  }

  take(): string[] {
    return this.compacted.splice(0);
  }
}

const periodic = (retentionMs: number): CompactionLab =>
  new CompactionLab({ mode: "periodic", retentionMs });
const revisions = (retentionRevisions: number): CompactionLab =>
  new CompactionLab({ mode: "revision", retentionRevisions });

for (const earlyMs of [0, 2]) {
  const timers = earlyMs === 0 ? "exact" : "early";
  test(`periodic, 2 hours, ${timers} timers: first after 2 hours, then each hour, to 2 hours before`, () => {
    const lab = periodic(2 * hourMs);
    lab.clock.earlyMs = earlyMs;
    lab.pass(19, 6 * minuteMs);
    assert.deepEqual(lab.take(), []);
    lab.pass(31, 6 * minuteMs);
    assert.deepEqual(lab.take(), ["120: 1", "180: 10", "240: 20", "300: 30"]);
  });

  test(`periodic, 5 minutes, ${timers} timers: first after 5 minutes, then each 5, to 5 before`, () => {
    const lab = periodic(5 * minuteMs);
    lab.clock.earlyMs = earlyMs;
    lab.pass(9, minuteMs / 2);
    assert.deepEqual(lab.take(), []);
    lab.pass(41, minuteMs / 2);
    assert.deepEqual(lab.take(), ["5: 1", "10: 10", "15: 20", "20: 30", "25: 40"]);
  });
}

test("periodic: who does not lead looks and compacts nothing; when it leads it compacts at its next look", () => {
  const lab = periodic(hourMs);
  lab.isLeader = false;
  lab.pass(33, 6 * minuteMs);
  assert.deepEqual(lab.take(), []);
  lab.isLeader = true;
  lab.pass(1, 6 * minuteMs);
  assert.deepEqual(lab.take(), ["204: 24"]);
});

test("periodic: a revision that was compacted to is not compacted to again", () => {
  const lab = periodic(5 * minuteMs);
  const hold = (times: number): void => {
    for (let at = 0; at < times; at++) {
      lab.revision = 100;
      lab.pass(1, minuteMs / 2);
    }
  };
  lab.revision = 100;
  hold(10);
  // The first look, at the start, was of an empty store.
  assert.deepEqual(lab.take(), ["5: 1"]);
  hold(60);
  assert.deepEqual(lab.take(), ["10: 101"]);
  lab.revision = 101;
  lab.pass(12, minuteMs / 2);
  assert.deepEqual(lab.take(), ["41: 102"]);
});

test("periodic: what failed is tried again at the next look, compacted by somebody else is done", () => {
  const lab = periodic(hourMs);
  lab.error = "Timeout";
  lab.pass(12, 6 * minuteMs);
  assert.deepEqual(lab.take(), ["60: 1", "66: 1", "72: 2"]);
  lab.error = "Compacted";
  lab.pass(11, 6 * minuteMs);
  assert.deepEqual(lab.take(), ["78: 3", "138: 13"]);
});

test("periodic: the time that a compaction takes is not part of the wait behind it", () => {
  const lab = periodic(hourMs);
  lab.compactMs = 3 * minuteMs;
  lab.pass(30, 6 * minuteMs);
  assert.deepEqual(lab.take(), ["60: 1", "123: 10"]);
});

test("revision: each 5 minutes to so many before the newest, if that is new", () => {
  const lab = revisions(10);
  lab.pass(1, 5 * minuteMs);
  assert.deepEqual(lab.take(), []);
  lab.revision = 99;
  lab.pass(1, 5 * minuteMs);
  assert.deepEqual(lab.take(), ["10: 90"]);
  lab.revision = 99;
  lab.pass(1, 5 * minuteMs);
  assert.deepEqual(lab.take(), []);
  lab.revision = 199;
  lab.pass(1, 5 * minuteMs);
  assert.deepEqual(lab.take(), ["20: 190"]);
  lab.error = "TooManyRequests";
  lab.revision = 299;
  lab.pass(1, 5 * minuteMs);
  lab.revision = 299;
  lab.pass(1, 5 * minuteMs);
  assert.deepEqual(lab.take(), ["25: 290", "30: 290"]);
});

test("revision: who does not lead compacts nothing", () => {
  const lab = revisions(10);
  lab.revision = 99;
  lab.isLeader = false;
  lab.pass(36, 5 * minuteMs);
  assert.deepEqual(lab.take(), []);
  assert.equal(lab.revision, 99);
  lab.isLeader = true;
  lab.pass(1, 5 * minuteMs);
  assert.deepEqual(lab.take(), ["185: 90"]);
});

test("the log has etcd's lines", () => {
  const lab = periodic(hourMs);
  lab.compactMs = 1500;
  lab.pass(11, 6 * minuteMs);
  const period = { revision: 1, "compact-period": "1h0m0s" };
  assert.deepEqual(lab.lines, [
    ["info", "starting auto periodic compaction", period],
    ["info", "completed auto periodic compaction", { ...period, took: "1.5s" }],
  ]);
  const other = revisions(10);
  other.error = "TooManyRequests";
  other.revision = 50;
  other.pass(1, 5 * minuteMs);
  const kept = { revision: 41, "revision-compaction-retention": 10 };
  assert.deepEqual(other.lines, [
    ["info", "starting auto revision compaction", kept],
    [
      "warn",
      "failed auto revision compaction",
      { ...kept, "retry-interval": "5m0s", error: "TooManyRequests" },
    ],
  ]);
});

test("behind its stop nothing comes any more, not even what failed by it", () => {
  const lab = periodic(hourMs);
  lab.compactMs = minuteMs;
  lab.error = "Stopped";
  lab.pass(10, 6 * minuteMs);
  assert.deepEqual(lab.take(), ["60: 1"]);
  lab.compaction.stop();
  lab.pass(50, 6 * minuteMs);
  assert.deepEqual(lab.take(), []);
  assert.equal(lab.lines.length, 1);
  assert.deepEqual(lab.clock.pending, []);
});

test("a member that leads compacts its store by itself", async () => {
  const lab = new MemberLab();
  const member = await lab.start({ autoCompaction: { mode: "periodic", retentionMs: 10_000 } });
  for (let at = 0; at < 5; at++)
    await lab.propose(member, internalRequest.put, encodePut("a", `${at}`));
  const { currentRevision } = member.store;
  await lab.pass(9000);
  assert.equal(member.store.compactRevision, 0);
  await lab.pass(14_000);
  assert.equal(member.store.compactRevision, currentRevision);
  await lab.settled(member.stop());
});
