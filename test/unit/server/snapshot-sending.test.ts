import assert from "node:assert/strict";
import { test } from "node:test";
import type { BackendSnapshot, MemberBackend } from "../../../node/backend/backend-snapshot.ts";
import { MemoryBackend } from "../../../node/backend/memory-backend.ts";
import { MemoryDisk } from "../../../node/backend/memory-disk.ts";
import { fromText, toText } from "../../../node/lib/bytes.ts";
import { idToHex, type MemberId, memberId, term } from "../../../node/lib/units.ts";
import { confStateToJson } from "../../../node/membership/conf-state-json.ts";
import { memberToJson } from "../../../node/membership/member.ts";
import { type Message, message } from "../../../node/raft/messages.ts";
import type { ConfState } from "../../../node/raft/types.ts";
import type { SnapshotOutcome } from "../../../node/server/peer-transport.ts";
import { SnapshotSending } from "../../../node/server/snapshot-sending.ts";
import { append, at, commit } from "../../contract/backend.ts";
import { me, snapshotAt, votersOnly } from "../raft/raft-lab.ts";
import { hastyTimers, quiet } from "../wal/wal-lab.ts";

const other = memberId(2n);
const third = memberId(3n);

interface Sent {
  readonly message: Message;
  readonly body: BackendSnapshot;
  readonly done: (outcome: SnapshotOutcome) => void;
}

class Lab {
  readonly disk = new MemoryDisk();
  readonly backend: MemberBackend = new MemoryBackend(this.disk, { timers: hastyTimers });
  readonly sent: Sent[] = [];
  readonly events: string[] = [];
  readonly errors: Error[] = [];
  readonly delays: number[] = [];
  readonly sending = new SnapshotSending({
    backend: () => this.backend,
    transport: {
      sendSnapshot: (made, body, done) => void this.sent.push({ message: made, body, done }),
    },
    catchUp: {
      begin: (id, index) => this.note(`hold ${id} from ${index}`),
      end: (id, outcome) => this.note(`end ${id} ${outcome}`),
    },
    clock: { monotonicMs: () => 5, unixMs: () => 0 },
    timers: {
      ...hastyTimers,
      after: (delayMs, run) => {
        this.delays.push(delayMs);
        return hastyTimers.after(delayMs, run);
      },
    },
    logger: quiet,
    commitNow: () => this.note("commit now"),
    report: (id, outcome) => this.note(`report ${id} ${outcome}`),
    onError: (error) => void this.errors.push(error),
  });

  /** Entries up to `index` are applied and on disk, with this configuration. */
  async apply(index: number, confState: ConfState): Promise<void> {
    append(this.backend, index, 0, `value ${index}`);
    for (const id of confState.voters) {
      const member = { id, peerUrls: [`http://${id}`], isLearner: false, name: "", clientUrls: [] };
      this.backend.put("members", fromText(idToHex(id)), fromText(memberToJson(member)));
    }
    this.backend.put("members_removed", fromText("ff"), fromText("removed"));
    this.backend.put("cluster", fromText("clusterVersion"), fromText("3.7.0"));
    this.backend.put("meta", fromText("confState"), fromText(confStateToJson(confState)));
    await commit(this.backend, at(index, index, 4));
  }

  send(index: number, to: MemberId = other): void {
    const metadata = snapshotAt(index, 4, votersOnly(me));
    const snapshot = { metadata, data: new Uint8Array(0) };
    this.sending.send(message({ type: "MsgSnap", to, from: me, term: term(6), snapshot }));
  }

  private note(event: string): void {
    this.events.push(event);
  }
}

/** Reads the whole body of the first sending. */
async function readBody(lab: Lab): Promise<number> {
  let bytes = 0;
  const [sent] = lab.sent;
  assert.ok(sent !== undefined);
  for await (const { length } of sent.body.chunks()) bytes += length;
  return bytes;
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("what is sent is the newest committed state, with index, term, configuration and members of exactly that", async () => {
  const lab = new Lab();
  const voters = { ...votersOnly(me, other), learners: [], autoLeave: false };
  await lab.apply(10, votersOnly(me));
  await lab.apply(20, voters);
  lab.send(10);
  lab.backend.put("meta", fromText("confState"), fromText(confStateToJson(votersOnly(third))));
  lab.backend.put("members", fromText("3"), fromText("{}"));
  await settled();
  const [sent] = lab.sent;
  assert.ok(sent !== undefined);
  assert.deepEqual(sent.body.position, at(20, 20, 4));
  const { snapshot, ...rest } = sent.message;
  assert.deepEqual(
    { type: rest.type, to: rest.to, from: rest.from, term: rest.term },
    { type: "MsgSnap", to: other, from: me, term: 6 },
  );
  assert.ok(snapshot !== undefined);
  assert.deepEqual(snapshot.metadata, snapshotAt(20, 4, voters));
  const store = toText(snapshot.data);
  assert.match(store, /"\/0\/members\/2\/raftAttributes"/);
  assert.match(store, /"\/0\/removed_members\/ff"/);
  assert.match(store, /"\/0\/version","[^}]*"Value":"3.7.0"/);
  assert.ok(!store.includes("/0/members/3/"));
  assert.deepEqual(lab.events, ["hold 2 from 10"]);
});

test("a state that is not on the backend's disk yet is waited for, and committed soon", async () => {
  const lab = new Lab();
  await lab.apply(10, votersOnly(me));
  lab.send(12);
  await settled();
  assert.equal(lab.sent.length, 0);
  assert.deepEqual([...new Set(lab.events)], ["hold 2 from 12", "commit now"]);
  await lab.apply(11, votersOnly(me));
  lab.sending.committed();
  await settled();
  assert.equal(lab.sent.length, 0);
  await lab.apply(13, votersOnly(me));
  lab.sending.committed();
  await settled();
  assert.equal(lab.sent[0]?.message.snapshot?.metadata.index, 13);
});

test("the end is told to raft and to what keeps the log, and the state is let go; a good end is told to raft later", async () => {
  for (const outcome of ["finished", "failed"] as const) {
    const lab = new Lab();
    await lab.apply(10, votersOnly(me));
    lab.send(10);
    await settled();
    lab.sent[0]?.done(outcome);
    assert.equal(lab.events.at(-1), `end 2 ${outcome}`);
    await settled();
    assert.equal(lab.events.at(-1), `report 2 ${outcome}`);
    assert.deepEqual(lab.delays, outcome === "finished" ? [1000] : []);
    await assert.rejects(readBody(lab), /after its end/);
    lab.sent[0]?.done("failed");
    await settled();
    assert.equal(lab.events.filter((event) => event.startsWith("report")).length, 1);
  }
});

test("sixteen are on their way at most; one more is reported as failed, in a turn of its own", async () => {
  const lab = new Lab();
  await lab.apply(10, votersOnly(me));
  for (let n = 2; n < 18; n++) lab.send(10, memberId(BigInt(n)));
  lab.send(10, memberId(99n));
  assert.ok(!lab.events.includes("report 99 failed"));
  await settled();
  assert.ok(lab.events.includes("report 99 failed"));
  assert.equal(lab.sent.length, 16);
  lab.sent[0]?.done("failed");
  lab.send(10, memberId(99n));
  await settled();
  assert.equal(lab.sent.length, 17);
});

test("what is not on its way yet is given up before the backend is closed, and sending goes on with the next one", async () => {
  const lab = new Lab();
  await lab.apply(10, votersOnly(me));
  lab.send(50);
  lab.sending.stop();
  await settled();
  assert.deepEqual(lab.events.slice(-2), ["end 2 failed", "report 2 failed"]);
  // This one is open already, and its membership is being read.
  lab.send(10);
  lab.sending.stop();
  await settled();
  assert.equal(lab.sent.length, 0);
  lab.send(10);
  await settled();
  assert.equal(lab.sent.length, 1);
});

test("a membership that cannot be read is the end of the member, unless the sending was given up meanwhile", async () => {
  for (const isGivenUp of [false, true]) {
    const lab = new Lab();
    await lab.apply(10, votersOnly(me));
    lab.backend.put("meta", fromText("confState"), fromText("no JSON"));
    await commit(lab.backend, at(11, 11, 4));
    lab.send(10);
    if (isGivenUp) lab.sending.stop();
    if (isGivenUp) await lab.backend.close();
    await settled();
    assert.equal(lab.errors.length, isGivenUp ? 0 : 1);
    assert.equal(lab.sent.length, 0);
    assert.equal(lab.events.filter((event) => event === "report 2 failed").length, 1);
  }
});

test("a damaged record in the own state is the end of the member, and fails the sending", async () => {
  const lab = new Lab();
  await lab.apply(10, votersOnly(me));
  lab.send(10);
  await settled();
  lab.disk.rot(0, 9);
  await assert.rejects(readBody(lab), { name: "CorruptionError", message: /revision 10\/0/ });
  assert.equal(lab.errors.length, 1);
});
