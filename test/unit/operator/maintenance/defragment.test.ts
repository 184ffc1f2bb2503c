/** Runs of `maintenance defrag` against the fake API server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MaintenanceLab, maintenance, mebibyte, refusal } from "./lab.ts";

const inOrder = ["defragment db-a", "defragment db-c", "defragment db-b"];

/** Does something when a member is asked. */
function upon(lab: MaintenanceLab, deed: string, action: () => void): void {
  lab.etcd.onDeed = (done) => {
    if (done === deed) action();
    return Promise.resolve();
  };
}

test("followers first, the leader last, with a pause after each but the last", async () => {
  const lab = new MaintenanceLab();
  const times: number[] = [];
  lab.etcd.onDeed = () => {
    times.push(lab.time.monotonicMs());
    return Promise.resolve();
  };
  assert.equal(await lab.run("defrag"), 0);
  assert.deepEqual(lab.etcd.deeds, inOrder);
  const pauses = times.slice(1).map((time, at) => time - (times[at] ?? 0));
  assert.ok(
    pauses.every((pause) => pause >= 30_000 && pause < 31_000),
    String(pauses),
  );
  assert.equal(
    lab.told("defrag"),
    "Succeeded: defragmented: db-a freed 700.0 MiB, db-c freed 700.0 MiB, db-b freed 700.0 MiB; all members are well",
  );
  assert.deepEqual(lab.events, ["DefragmentationSucceeded"]);
  assert.equal(lab.lease?.holderIdentity, "");
});

test("a member that has nothing to gain is left alone", async () => {
  const lab = new MaintenanceLab();
  lab.etcd.change("db-a", { dbSizeInUseBytes: 900 * mebibyte });
  await lab.run("defrag");
  assert.deepEqual(lab.etcd.deeds, inOrder.slice(1));
});

test("when none has anything to gain, none is asked", async () => {
  const lab = new MaintenanceLab();
  lab.etcd.changeAll({ dbSizeInUseBytes: 900 * mebibyte });
  assert.equal(await lab.run("defrag"), 0);
  assert.deepEqual(lab.etcd.deeds, []);
  assert.match(lab.told("defrag"), /^Succeeded: no member was defragmented/);
});

test("a cluster that is not healthy is skipped", async () => {
  const lab = new MaintenanceLab();
  lab.etcd.states.set("db-c", { kind: "silent", reason: "refused" });
  assert.equal(await lab.run("defrag"), 0);
  assert.deepEqual(lab.etcd.deeds, []);
  assert.equal(lab.told("defrag"), "Skipped: member db-c does not answer: refused");
});

for (const [what, action, message] of [
  [
    "a member that is lost",
    (lab) => lab.etcd.states.set("db-c", { kind: "silent", reason: "refused" }),
    /db-a freed .*; stopped: member db-c does not answer/,
  ],
  [
    "a change of the leader",
    (lab) => lab.etcd.changeAll({ leaderId: "cccc", raftTerm: 4 }),
    /stopped: the leader has changed 1 times \(maxLeaderChanges 0\)/,
  ],
  [
    "a disk that has become slow",
    (lab) => lab.etcd.writes.get("db-c")?.push(0.9),
    /stopped: member db-c: 99 % of disk writes took up to 995 ms \(maxP99Ms 500\)/,
  ],
  [
    "a metrics port that falls silent",
    (lab) => lab.etcd.silentPorts.add("db-b"),
    /stopped: the metrics of member db-b cannot be read: connection refused/,
  ],
  [
    "a learner that joins",
    (lab) => lab.etcd.list.push({ id: "dddd", name: "", peerUrls: [], isLearner: true }),
    /stopped: a membership change is under way/,
  ],
  ["the cluster's pause", (lab) => lab.setSpec({ paused: true }), /stopped: spec.paused/],
] as readonly (readonly [string, (lab: MaintenanceLab) => void, RegExp])[]) {
  test(`${what} stops it after the member that was begun`, async () => {
    const lab = new MaintenanceLab();
    upon(lab, "defragment db-a", () => action(lab));
    assert.equal(await lab.run("defrag"), 1);
    assert.deepEqual(lab.etcd.deeds, ["defragment db-a"]);
    assert.match(lab.told("defrag"), message);
    assert.deepEqual(lab.events, ["DefragmentationFailed"]);
    assert.equal(lab.lease?.holderIdentity, "");
  });
}

test("a leader that changes within the limit is last all the same", async () => {
  const { defrag } = maintenance;
  assert.ok(defrag !== undefined);
  const lab = new MaintenanceLab({ maintenance: { defrag: { ...defrag, maxLeaderChanges: 1 } } });
  upon(lab, "defragment db-a", () => lab.etcd.changeAll({ leaderId: "cccc", raftTerm: 4 }));
  assert.equal(await lab.run("defrag"), 0);
  assert.deepEqual(lab.etcd.deeds, ["defragment db-a", "defragment db-b", "defragment db-c"]);
});

test("disk writes that were slow before the run do not count", async () => {
  const lab = new MaintenanceLab();
  lab.etcd.writes.set("db-a", [2, 2, 2]);
  assert.equal(await lab.run("defrag"), 0);
  assert.deepEqual(lab.etcd.deeds, inOrder);
});

test("a refusal of a member ends the run", async () => {
  const lab = new MaintenanceLab();
  lab.etcd.onDeed = (deed) =>
    deed === "defragment db-c" ? Promise.reject(refusal("no room")) : Promise.resolve();
  assert.equal(await lab.run("defrag"), 1);
  assert.match(lab.told("defrag"), /db-a freed 700.0 MiB; stopped: member db-c: no room/);
});

test("NOSPACE is disarmed once every member is below 90 % of its quota", async () => {
  const lab = new MaintenanceLab();
  lab.etcd.changeAll({ quotaBytes: 1000 * mebibyte });
  lab.etcd.alarms = ["aaaa", "bbbb"].map((memberId) => ({ memberId, kind: "NoSpace" }));
  assert.equal(await lab.run("defrag"), 0);
  assert.deepEqual(lab.etcd.deeds, [...inOrder, "disarm db-b aaaa", "disarm db-b bbbb"]);
  assert.match(lab.told("defrag"), /alarm NOSPACE is disarmed$/);
});

test("NOSPACE stays while one member is full", async () => {
  const lab = new MaintenanceLab();
  lab.etcd.changeAll({ quotaBytes: 1000 * mebibyte });
  lab.etcd.change("db-c", { dbSizeInUseBytes: 950 * mebibyte });
  lab.etcd.alarms = [{ memberId: "cccc", kind: "NoSpace" }];
  assert.equal(await lab.run("defrag"), 0);
  assert.deepEqual(lab.etcd.deeds, inOrder);
  assert.match(lab.told("defrag"), /alarm NOSPACE stays: member db-c/);
});
