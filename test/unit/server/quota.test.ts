import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryBackend } from "../../../node/backend/memory-backend.ts";
import { MemoryDisk } from "../../../node/backend/memory-disk.ts";
import type { LogFields } from "../../../node/lib/ports.ts";
import { memberId } from "../../../node/lib/units.ts";
import { Alarms } from "../../../node/membership/alarms.ts";
import { alarmType, decodeAlarmRequest } from "../../../node/proto/alarm-codec.ts";
import { internalRequest } from "../../../node/proto/internal-raft-codec.ts";
import type { Proposer } from "../../../node/server/propose.ts";
import { Quota } from "../../../node/server/quota.ts";
import { hastyTimers } from "../wal/wal-lab.ts";

const id = memberId(2n ** 63n + 1n);

class QuotaLab {
  size = 0;
  readonly lines: [string, string, LogFields | undefined][] = [];
  readonly alarms = new Alarms(new MemoryBackend(new MemoryDisk(), { timers: hastyTimers }));
  readonly proposed: Proposer[] = [];
  readonly told: string[] = [];
  readonly quota: Quota;

  constructor(quotaBackendBytes: number) {
    const log = (level: string) => (message: string, fields?: LogFields) =>
      void this.lines.push([level, message, fields]);
    this.quota = new Quota({
      id,
      quotaBackendBytes,
      logger: { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") },
      sizeBytes: () => this.size,
      alarms: () => this.alarms,
      propose: (field, message, start, end, proposer) => {
        assert.equal(field, internalRequest.alarm);
        assert.deepEqual(decodeAlarmRequest(message.subarray(start, end)), {
          action: 1,
          memberId: id,
          alarm: alarmType.noSpace,
        });
        this.proposed.push(proposer);
      },
    });
  }

  raise(name: string): void {
    this.quota.raiseAlarm(() => void this.told.push(name));
  }

  get said(): string[] {
    return this.lines.map(([level, message]) => `${level} ${message}`);
  }
}

test("0 stands for 2 GiB, a negative quota for none, and a large one is warned of, in etcd's words", () => {
  const [standard, none, small, large] = [0, -5, 4096, 9 * 1024 ** 3].map(
    (bytes) => new QuotaLab(bytes),
  ) as [QuotaLab, QuotaLab, QuotaLab, QuotaLab];
  assert.equal(standard.quota.shownBytes, 2 ** 31);
  assert.equal(none.quota.shownBytes, -5);
  assert.equal(small.quota.shownBytes, 4096);
  assert.deepEqual(standard.lines, [
    [
      "info",
      "enabled backend quota with default value",
      { "quota-name": "v3-applier", "quota-size-bytes": 2 ** 31, "quota-size": "2.1 GB" },
    ],
  ]);
  assert.deepEqual(none.said, ["warn disabled backend quota"]);
  assert.deepEqual(small.said, ["info enabled backend quota"]);
  assert.deepEqual(large.said, [
    "warn quota exceeds the maximum value",
    "info enabled backend quota",
  ]);
});

test("the quota is reached by what a request costs beside what is there; what costs nothing passes", () => {
  const lab = new QuotaLab(1000);
  lab.size = 700;
  assert.equal(lab.quota.isExceededBy(299), false);
  assert.equal(lab.quota.isExceededBy(300), true);
  lab.size = 5000;
  assert.equal(lab.quota.isExceededBy(0), false);
  const none = new QuotaLab(-1);
  none.size = Number.MAX_SAFE_INTEGER;
  assert.equal(none.quota.isExceededBy(1e9), false);
});

test("the alarm is proposed once for all who wait, and not while it is raised", () => {
  const lab = new QuotaLab(1000);
  lab.raise("a");
  lab.raise("b");
  assert.equal(lab.proposed.length, 1);
  assert.deepEqual(lab.told, []);
  lab.alarms.activate({ memberId: id, alarm: alarmType.noSpace });
  lab.proposed[0]?.applied({ kind: "alarms", alarms: [] });
  assert.deepEqual(lab.told, ["a", "b"]);
  lab.raise("c");
  assert.deepEqual(lab.told, ["a", "b", "c"]);
  assert.equal(lab.proposed.length, 1);
  lab.alarms.deactivate({ memberId: id, alarm: alarmType.noSpace });
  lab.raise("d");
  assert.equal(lab.proposed.length, 2);
});

test("an alarm of another member is not this one's, and one that failed is tried again", () => {
  const lab = new QuotaLab(1000);
  lab.alarms.activate({ memberId: 5n, alarm: alarmType.noSpace });
  lab.raise("a");
  lab.proposed[0]?.refused("Timeout");
  assert.deepEqual(lab.told, ["a"]);
  lab.raise("b");
  assert.equal(lab.proposed.length, 2);
});

test("an applied entry that exceeds the quota is told of once, and answered behind the alarm", () => {
  const lab = new QuotaLab(1000);
  const answers: string[] = [];
  lab.quota.exceeded(() => void answers.push("a"));
  lab.quota.exceeded(() => void answers.push("b"));
  assert.deepEqual(lab.said.slice(1), ["warn message exceeded backend quota; raising alarm"]);
  assert.deepEqual(answers, []);
  lab.proposed[0]?.applied({ kind: "alarms", alarms: [] });
  assert.deepEqual(answers, ["a", "b"]);
});
