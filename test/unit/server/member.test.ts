import assert from "node:assert/strict";
import { test } from "node:test";
import { idToHex } from "../../../node/lib/units.ts";
import { internalRequest } from "../../../node/proto/internal-raft-codec.ts";
import type { Member } from "../../../node/server/member.ts";
import { encodeDelete, encodePut } from "../apply/apply-lab.ts";
import { config, MemberLab } from "./member-lab.ts";

const { put, deleteRange } = internalRequest;

/** All pairs, as text. */
function pairsOf(member: Member): string[] {
  const keys: string[] = [];
  const [key, rangeEnd] = [Buffer.from([0]), Buffer.from([0])];
  member.store.range({ key, rangeEnd, revision: 0, limit: 0, countOnly: false }, (bytes, at, end) =>
    keys.push(Buffer.from(bytes.subarray(at, end)).toString("latin1")),
  );
  return keys;
}

test("a member that started leads its cluster of one and has published itself", async () => {
  const lab = new MemberLab();
  const member = await lab.start();
  assert.equal(idToHex(member.id), "8e9e05c52164694d");
  assert.equal(idToHex(member.clusterId), "cdf818194e3a8c32");
  assert.equal(member.hasLeader, true);
  assert.equal(member.raft.lead, member.id);
  assert.equal(member.raft.term, 2);
  assert.equal(member.cluster.version, "3.7.0");
  assert.deepEqual(member.cluster.members, [
    {
      id: member.id,
      peerUrls: config.peerUrls,
      isLearner: false,
      name: "m1",
      clientUrls: config.clientUrls,
    },
  ]);
  assert.equal(member.store.currentRevision, 1);
});

test("proposals are answered with what applying them led to", async () => {
  const lab = new MemberLab();
  const member = await lab.start();
  assert.deepEqual(await lab.propose(member, put, encodePut("a", "1")), {
    kind: "put",
    revision: 2,
    prevKv: undefined,
  });
  assert.equal(await lab.propose(member, put, encodePut("a", "1", { lease: 9n })), "LeaseNotFound");
  assert.deepEqual(await lab.propose(member, deleteRange, encodeDelete("a")), {
    kind: "deleteRange",
    revision: 3,
    deleted: 1,
    prevKvs: [],
  });
});

test("a linearizable read sees every write that was answered before it", async () => {
  const lab = new MemberLab();
  const member = await lab.start();
  for (let at = 0; at < 5; at++) {
    await lab.propose(member, put, encodePut("a", `${at}`));
    assert.equal(await lab.read(member), "readable");
    assert.ok(pairsOf(member).join().includes(`${at}`));
  }
});

test("a member that was stopped keeps everything, and its identity, in a higher term", async () => {
  const lab = new MemberLab();
  const member = await lab.start();
  for (let at = 0; at < 30; at++) await lab.propose(member, put, encodePut(`k${at % 7}`, `${at}`));
  await lab.settled(member.stop());
  const restarted = await lab.start({ name: "renamed", clusterToken: "changed" });
  assert.equal(restarted.id, member.id);
  assert.equal(restarted.raft.term, 3);
  assert.deepEqual(pairsOf(restarted), pairsOf(member));
  assert.equal(restarted.store.currentRevision, 31);
  assert.equal(restarted.cluster.members[0]?.name, "renamed");
});

for (const keeps of ["nothing", "everything"] as const) {
  test(`a power cut that keeps ${keeps} of what was not synced loses no answered write`, async () => {
    const lab = new MemberLab();
    let revision = 1;
    for (let life = 1; life <= 6; life++) {
      const member = await lab.start();
      assert.equal(member.store.currentRevision, revision);
      assert.equal(pairsOf(member).length, Math.min(revision - 1, 9));
      for (let at = 0; at < 25; at++) {
        revision += 1;
        const answer = await lab.propose(
          member,
          put,
          encodePut(`k${revision % 9}`, `v${revision}`),
        );
        assert.deepEqual(answer, { kind: "put", revision, prevKv: undefined });
      }
      lab.crash(keeps);
    }
    assert.deepEqual(lab.fatal, []);
  });
}

test("old log files go as marks are set, and a restart begins at the newest mark", async () => {
  const lab = new MemberLab();
  const member = await lab.start();
  for (let at = 0; at < 300; at++) {
    await lab.propose(member, put, encodePut(`k${at % 50}`, "x".repeat(300)));
  }
  await lab.settled(member.stop());
  const logs = [...lab.fs.files().keys()].filter((path) => path.endsWith(".wal"));
  assert.ok(!logs.some((path) => path.endsWith("/0000000000000000-0000000000000000.wal")));
  assert.ok(logs.length <= 4, logs.join());
  const restarted = await lab.start();
  assert.equal(restarted.store.currentRevision, 301);
});

test("a member that stops refuses who waits and who comes, once", async () => {
  const lab = new MemberLab();
  const member = await lab.start();
  const heard: string[] = [];
  const message = encodePut("a", "1");
  const ask = (name: string): void => {
    const refused = (error: string): void => void heard.push(`${name} ${error}`);
    member.propose(put, message, 0, message.length, {
      applied: () => void heard.push(`${name} applied`),
      refused,
    });
    member.linearizableRead({ readable: () => void heard.push(`${name} readable`), refused });
  };
  ask("before");
  const stopping = member.stop();
  ask("after");
  await lab.settled(stopping);
  await member.stop();
  assert.deepEqual(heard, ["before Stopped", "before Stopped", "after Stopped", "after Stopped"]);
});

test("a log that cannot be written ends the member once, and nobody hears of success", async () => {
  const lab = new MemberLab();
  const member = await lab.start();
  lab.fs.failWith(new Error("EIO"));
  assert.equal(await lab.propose(member, put, encodePut("a", "1")), "Stopped");
  await lab.pass(5000);
  assert.equal(lab.fatal.length, 1);
  assert.match(
    String(lab.fatal[0]),
    /cannot write [^ ]*[.]wal; the disk or its file system has failed/,
  );
  assert.equal(await lab.propose(member, put, encodePut("a", "2")), "Stopped");
  assert.deepEqual(pairsOf(member), []);
});

test("a backend that cannot be written ends the member", async () => {
  const lab = new MemberLab();
  const member = await lab.start();
  lab.disk.failWrites(new Error("no space left on device"));
  await lab.propose(member, put, encodePut("a", "1"));
  await lab.pass(1000);
  assert.match(String(lab.fatal), /cannot commit the backend; /);
  assert.equal(await lab.read(member), "Stopped");
});

test("a member whose disk hangs answers what waits with a timeout, and goes on when it comes back", async () => {
  const lab = new MemberLab();
  const member = await lab.start();
  const held: (() => void)[] = [];
  lab.fs.setComplete((run) => void held.push(run));
  assert.equal(await lab.propose(member, put, encodePut("a", "1")), "Timeout");
  lab.fs.setComplete((run) => void lab.world.after(0.5, run));
  for (const run of held.splice(0)) run();
  // What timed out was written and is applied: a timeout says nothing about that.
  const next = await lab.propose(member, put, encodePut("b", "1"));
  assert.ok(typeof next === "object" && next.kind === "put");
  assert.equal(next.revision, 3);
});

test("the status tells the marks of raft", async () => {
  const lab = new MemberLab();
  const member = await lab.start();
  const before = member.raft;
  await lab.propose(member, put, encodePut("a", "1"));
  assert.equal(member.raft.applied, before.applied + 1);
  assert.equal(member.raft.committed, before.committed + 1);
});

// Found by a test: a crash between the making of the log and its first entry left a log without voters, for good.
test("a crash anywhere in the first start leaves a directory that starts", async () => {
  for (const keeps of ["nothing", "everything"] as const) {
    for (let at = 0; at <= 40; at += 0.5) {
      const lab = new MemberLab();
      lab.starting().catch(() => undefined);
      await lab.pass(at);
      lab.crash(keeps);
      await assert.doesNotReject(lab.start(), `after a crash at ${at} ms that keeps ${keeps}`);
    }
  }
});
