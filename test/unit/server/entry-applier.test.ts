/** Entries that take several turns, in a whole member: what must not happen between their slices. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { internalRequest } from "../../../node/proto/internal-raft-codec.ts";
import type { Member } from "../../../node/server/member.ts";
import { encodeDelete, encodePut, encodeTxn, put } from "../apply/apply-lab.ts";
import { MemberLab } from "./member-lab.ts";

const keys = 4500;
const sliceMs = 7;
const large = { requestBytesMax: 1_000_000 };

/** A member with more keys than one slice deletes. */
async function startFull(lab: MemberLab): Promise<Member> {
  const member = await lab.start(large);
  for (let from = 0; from < keys; from += 500) {
    const success = Array.from({ length: 500 }, (_, at) => put(`k${from + at}`, "x"));
    await lab.propose(member, internalRequest.txn, encodeTxn({ success }));
  }
  assert.equal(member.store.keyCount, keys);
  await lab.pass(100);
  return member;
}

/** Proposes the delete of everything and stops the world between two slices of it. */
async function halfDeleted(lab: MemberLab, member: Member, answers: string[]): Promise<void> {
  const message = encodeDelete("k", "l");
  member.propose(internalRequest.deleteRange, message, 0, message.length, {
    applied: ({ kind }) => void answers.push(kind),
    refused: (error) => void answers.push(error),
  });
  // A slice takes time here, so that everything that waits for a timer has the chance to come in between.
  const after = lab.world.after.bind(lab.world);
  lab.world.after = (delayMs, run) => after(Math.max(delayMs, sliceMs), run);
  lab.world.after(0, () => undefined);
  assert.ok(await lab.world.run(() => member.store.isWriting, lab.world.monotonicMs() + 1000));
  assert.ok(member.store.keyCount > 0 && member.store.keyCount < keys);
}

test("a big delete is one entry: reads, writes and commits wait for all of it, the log and the clock do not", async () => {
  const lab = new MemberLab();
  const member = await startFull(lab);
  const answers: string[] = [];
  await halfDeleted(lab, member, answers);
  const { applied, committed } = member.raft;
  const { batches } = lab.disk;
  const putMessage = encodePut("new", "1");
  member.propose(internalRequest.put, putMessage, 0, putMessage.length, {
    applied: ({ kind }) => void answers.push(kind),
    refused: (error) => void answers.push(error),
  });
  const waiter = (name: string) => ({
    readable: () => {
      assert.equal(member.store.isWriting, false);
      answers.push(`${name} at ${member.store.currentRevision - 10}`);
    },
    refused: (error: string) => void answers.push(error),
  });
  member.linearizableRead(waiter("linearizable"));
  member.whenReadable(waiter("serializable"));
  let turns = 0;
  let committedMeanwhile: number = committed;
  const isWhole = (): boolean => {
    if (!member.store.isWriting) return true;
    turns += 1;
    assert.equal(member.raft.applied, applied);
    assert.equal(lab.disk.batches, batches);
    assert.deepEqual(answers, []);
    committedMeanwhile = member.raft.committed;
    return false;
  };
  assert.ok(await lab.world.run(isWhole, lab.world.monotonicMs() + 1000));
  assert.ok(turns > 3, `${turns}`);
  assert.equal(committedMeanwhile, committed + 1);
  await lab.pass(100);
  assert.deepEqual(answers.toSorted(), [
    "deleteRange",
    "linearizable at 2",
    "put",
    "serializable at 2",
  ]);
  assert.equal(member.store.keyCount, 1);
  assert.deepEqual(lab.fatal, []);
  await lab.settled(member.stop());
});

for (const keeps of ["nothing", "everything"] as const) {
  test(`a crash within a big delete applies it again from the log, ${keeps} unsynced kept`, async () => {
    const lab = new MemberLab();
    const member = await startFull(lab);
    await halfDeleted(lab, member, []);
    lab.crash(keeps);
    const next = await lab.start(large);
    assert.equal(next.store.keyCount, 0);
    assert.equal(next.store.currentRevision, 11);
    await lab.settled(next.stop());
  });
}

test("a member that stops within a big delete commits no half of it, and the next start does it", async () => {
  const lab = new MemberLab();
  const member = await startFull(lab);
  const answers: string[] = [];
  await halfDeleted(lab, member, answers);
  const { consistentIndex } = lab.disk.position;
  member.whenReadable({
    readable: () => void answers.push("readable"),
    refused: (error) => void answers.push(error),
  });
  await lab.settled(member.stop());
  assert.deepEqual(answers, ["Stopped", "Stopped"]);
  assert.equal(lab.disk.position.consistentIndex, consistentIndex);
  const next = await lab.start(large);
  assert.equal(next.store.keyCount, 0);
  await lab.settled(next.stop());
});
