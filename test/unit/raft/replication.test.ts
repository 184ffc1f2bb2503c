/** How a leader feeds its followers, and how a follower answers (thesis 3.5, 3.6, 10.2.1). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { logIndex, term } from "../../../node/lib/units.ts";
import { LabNetwork } from "./lab-network.ts";
import {
  acknowledge,
  electLeader,
  entriesOfTerms,
  entryAt,
  hardStateAt,
  indexesOf,
  makeNode,
  makeNodeAndStorage,
  me,
  messagesOf,
  progressOf,
  proposal,
  received,
  settle,
  settledMessages,
  textsOf,
  three,
  told,
  two,
  typesOf,
} from "./raft-lab.ts";

const voters = [me, two, three];

test("a new leader probes everybody with its empty entry, and feeds who answers", () => {
  const { node } = makeNodeAndStorage({ voters, entries: entriesOfTerms(1, 1) });
  node.campaign();
  settle(node);
  node.step(received("MsgVoteResp", two, 1));
  const probe = { type: "MsgApp", term: 1, index: 2, logTerm: 1, entries: [""] };
  assert.deepEqual(settledMessages(node).map(told), [
    { ...probe, to: two },
    { ...probe, to: three },
  ]);
  assert.equal(progressOf(node, two).state, "probe");
  node.propose([proposal("a")]);
  assert.deepEqual(settledMessages(node), [], "one probe at a time");
  acknowledge(node, two, 3);
  assert.equal(progressOf(node, two).state, "replicate");
  const sent = settledMessages(node).map(told);
  assert.deepEqual(
    sent.filter(({ to }) => to === two),
    [{ type: "MsgApp", to: two, term: 1, index: 3, logTerm: 1, commit: 3, entries: ["a"] }],
  );
});

test("a leader that is elected again knows nothing of the others' logs: they may have been replaced meanwhile", () => {
  const { node } = electLeader({ voters });
  acknowledge(node, two, 1);
  settle(node);
  node.step(received("MsgHeartbeat", three, 2));
  node.campaign();
  settle(node);
  node.step(received("MsgVoteResp", two, 3));
  assert.equal(node.role, "leader");
  const { match, next, state } = progressOf(node, two);
  assert.deepEqual([match, next, state], [0, 2, "probe"]);
});

test("what is proposed leaves before it is durable here; it counts here only when it is", () => {
  const { node } = electLeader({ voters });
  acknowledge(node, two, 1);
  settle(node);
  node.propose([proposal("a"), proposal("b")]);
  const ready = node.ready();
  assert.deepEqual(ready.messages.map(told), [
    { type: "MsgApp", to: two, term: 1, index: 1, logTerm: 1, commit: 1, entries: ["a", "b"] },
  ]);
  assert.deepEqual(messagesOf({ ...ready, messages: [] }, me), []);
  assert.equal(node.committed, 1);
  // One other disk of three is not enough, with or without our own write on its way.
  acknowledge(node, two, 3);
  assert.equal(node.committed, 1);
  node.advanceAppend(ready);
  assert.equal(node.committed, 3);
});

test("two other disks commit before our own is done; nothing is applied here until it is", () => {
  const { node } = electLeader({ voters });
  for (const id of [two, three]) acknowledge(node, id, 1);
  settle(node);
  node.propose([proposal("a")]);
  const writing = node.ready();
  for (const id of [two, three]) acknowledge(node, id, 2);
  assert.equal(node.committed, 2);
  assert.deepEqual(node.ready().committedEntries, []);
  node.advanceAppend(writing);
  assert.deepEqual(textsOf(node.ready().committedEntries), ["a"]);
});

test("messages leave while a write is in flight, answers to others wait for the next one", () => {
  const node = makeNode({ voters });
  node.step(received("MsgApp", two, 1, { entries: [entryAt(1, 1, "a")] }));
  const first = node.ready();
  assert.deepEqual(typesOf(first.messagesAfterAppend), ["MsgAppResp"]);
  node.step(
    received("MsgApp", two, 1, {
      index: logIndex(1),
      logTerm: term(1),
      entries: [entryAt(2, 1, "b")],
    }),
  );
  node.step(received("MsgHeartbeat", two, 1));
  assert.equal(node.hasReady(), true);
  const between = node.ready();
  assert.deepEqual(typesOf(between.messages), ["MsgHeartbeatResp"]);
  assert.deepEqual(
    [between.entries, between.messagesAfterAppend, between.mustSync],
    [[], [], false],
  );
  assert.equal(node.hasReady(), false);
  node.advanceAppend(first);
  const second = node.ready();
  assert.deepEqual(indexesOf(second.entries), [2]);
  assert.deepEqual(
    second.messagesAfterAppend.map(({ index }) => index),
    [2],
  );
});

test("an answer that promises nothing new comes out without a write", () => {
  const node = makeNode({ voters, entries: entriesOfTerms(1), hardState: hardStateAt(1, 1) });
  node.step(received("MsgApp", two, 1, { index: logIndex(1), logTerm: term(1) }));
  const ready = node.ready();
  assert.deepEqual([ready.mustSync, typesOf(ready.messagesAfterAppend)], [false, ["MsgAppResp"]]);
  assert.equal(node.isAppending, false);
});

test("an acknowledgement of an entry that was handed out earlier still waits for that write", () => {
  const node = makeNode({ voters });
  const append = received("MsgApp", two, 1, { entries: [entryAt(1, 1, "a")] });
  node.step(append);
  const writing = node.ready();
  node.step(append);
  assert.deepEqual(node.ready().messagesAfterAppend, []);
  node.advanceAppend(writing);
  assert.deepEqual(
    node.ready().messagesAfterAppend.map(({ index }) => index),
    [1],
  );
});

test("a follower rejects what does not fit and says where the logs may still agree", () => {
  const ask = (index: number, logTerm: number): Record<string, unknown> | undefined => {
    const node = makeNode({ voters, entries: entriesOfTerms(1, 3, 3, 4, 4, 5, 5, 5, 6) });
    node.step(received("MsgApp", two, 7, { index: logIndex(index), logTerm: term(logTerm) }));
    return settledMessages(node).map(told)[0];
  };
  const rejected = { type: "MsgAppResp", to: two, term: 7, reject: true };
  assert.deepEqual(ask(9, 7), { ...rejected, index: 9, rejectHint: 9, logTerm: 6 });
  assert.deepEqual(ask(20, 7), { ...rejected, index: 20, rejectHint: 9, logTerm: 6 });
  // Everything of ours above term 3 cannot be the leader's up to there.
  assert.deepEqual(ask(8, 3), { ...rejected, index: 8, rejectHint: 3, logTerm: 3 });
});

test("a leader's next probe is at the hint, or below where its terms are above the hint's", () => {
  const { node } = electLeader({
    voters,
    entries: entriesOfTerms(1, 3, 3, 3, 5, 5, 5, 5, 5),
    hardState: hardStateAt(5, 0),
  });
  const reject = (rejectHint: number, logTerm: number): void =>
    node.step(
      received("MsgAppResp", two, 6, {
        index: logIndex(progressOf(node, two).next - 1),
        reject: true,
        rejectHint: logIndex(rejectHint),
        logTerm: term(logTerm),
      }),
    );
  reject(6, 2);
  assert.deepEqual(settledMessages(node).map(told)[0], {
    type: "MsgApp",
    to: two,
    term: 6,
    index: 1,
    logTerm: 1,
    entries: ["e2", "e3", "e4", "e5", "e6", "e7", "e8", "e9", ""],
  });
  reject(0, 0);
  assert.equal(settledMessages(node)[0]?.index, 0);
});

test("a rejection that is older than what is known is ignored; a true one ends the pipelining", () => {
  const { node } = electLeader({ voters });
  acknowledge(node, two, 1);
  settle(node);
  node.propose([proposal("a")]);
  settle(node);
  const reject = (index: number): void =>
    node.step(
      received("MsgAppResp", two, 1, {
        index: logIndex(index),
        reject: true,
        rejectHint: logIndex(1),
      }),
    );
  reject(1);
  assert.deepEqual(settledMessages(node), []);
  assert.equal(progressOf(node, two).state, "replicate");
  reject(2);
  assert.equal(progressOf(node, two).state, "probe");
  assert.equal(settledMessages(node)[0]?.index, 1);
});

test("a follower that answered is sent more without waiting, until its window is full", () => {
  const { node } = electLeader({ voters, inflightMessagesMax: 2 });
  acknowledge(node, two, 1);
  settle(node);
  const sent = ["a", "b", "c"].map((text) => {
    node.propose([proposal(text)]);
    return settledMessages(node).flatMap(({ entries }) => textsOf(entries));
  });
  assert.deepEqual(sent, [["a"], ["b"], []]);
  assert.equal(progressOf(node, two).isPaused, true);
  acknowledge(node, two, 2);
  assert.deepEqual(
    settledMessages(node)
      .filter(({ to }) => to === two)
      .flatMap(({ entries }) => textsOf(entries)),
    ["c"],
  );
});

test("a full window whose messages were lost opens again: a heartbeat's answer brings an empty probe", () => {
  const { node } = electLeader({ voters, inflightMessagesMax: 1 });
  acknowledge(node, two, 1);
  settle(node);
  node.propose([proposal("a")]);
  node.propose([proposal("b")]);
  settle(node);
  node.step(received("MsgHeartbeatResp", two, 1));
  const [probe] = settledMessages(node);
  assert.ok(probe !== undefined);
  assert.deepEqual([probe.type, probe.to, probe.index, probe.entries], ["MsgApp", two, 2, []]);
});

test("the window is bounded in bytes, too", () => {
  const { node } = electLeader({ voters, messageBytesMax: 10, inflightBytesMax: 10 });
  acknowledge(node, two, 1);
  settle(node);
  const sent = ["12345", "67890", "x"].map((text) => {
    node.propose([proposal(text)]);
    return settledMessages(node).length;
  });
  assert.deepEqual(sent, [1, 1, 0]);
});

test("what a follower lacks goes in messages of bounded size, as many at once as the window allows", () => {
  const entries = Array.from({ length: 5 }, (_, at) => entryAt(at + 1, 1, "0123456789"));
  const { node } = electLeader({
    voters,
    entries,
    hardState: hardStateAt(1, 0),
    messageBytesMax: 40,
  });
  node.step(
    received("MsgAppResp", two, 2, { index: logIndex(5), reject: true, rejectHint: logIndex(0) }),
  );
  assert.deepEqual(
    settledMessages(node).map(({ entries: sent }) => indexesOf(sent)),
    [[1, 2]],
  );
  acknowledge(node, two, 2);
  assert.deepEqual(
    settledMessages(node).map(({ entries: sent }) => indexesOf(sent)),
    [
      [3, 4],
      [5, 6],
    ],
  );
});

test("a commit is told to the others at once, to who has the entry", () => {
  const { node } = electLeader({ voters });
  for (const id of [two, three]) acknowledge(node, id, 1);
  settle(node);
  node.propose([proposal("a")]);
  settle(node);
  acknowledge(node, two, 2);
  assert.deepEqual(settledMessages(node).map(told), [
    { type: "MsgApp", to: two, term: 1, index: 2, logTerm: 1, commit: 2 },
    { type: "MsgApp", to: three, term: 1, index: 2, logTerm: 1, commit: 2 },
  ]);
});

test("5.3: an entry of an older term is not committed by counting its copies, only together with one of this term", () => {
  const { node } = electLeader({
    voters,
    entries: entriesOfTerms(1, 2),
    hardState: hardStateAt(2, 1),
    applied: 1,
  });
  for (const id of [two, three]) acknowledge(node, id, 2);
  assert.equal(node.committed, 1);
  acknowledge(node, two, 3);
  assert.equal(node.committed, 3);
});

test("learners are fed and do not count", () => {
  const { node } = electLeader({ voters: [me, two], learners: [three] });
  acknowledge(node, three, 1);
  settle(node);
  assert.equal(node.committed, 0);
  acknowledge(node, two, 1);
  assert.equal(node.committed, 1);
  assert.equal(progressOf(node, three).isLearner, true);
  assert.ok(settledMessages(node).some(({ to }) => to === three));
});

test("who cannot be reached is probed again", () => {
  const { node } = electLeader({ voters });
  acknowledge(node, two, 1);
  settle(node);
  node.propose([proposal("a")]);
  settle(node);
  node.reportUnreachable(two);
  const { state, next } = progressOf(node, two);
  assert.deepEqual([state, next], ["probe", 2]);
  node.reportUnreachable(77n as typeof me);
});

test("proposals beyond the bound of uncommitted bytes are dropped until enough is applied", () => {
  const { node } = electLeader({ voters, uncommittedBytesMax: 10 });
  acknowledge(node, two, 1);
  settle(node);
  assert.equal(node.propose([proposal("0123456789abc")]), true, "the first one may be of any size");
  assert.equal(node.propose([proposal("x")]), false);
  assert.equal(node.propose([{ type: 0, data: Buffer.of() }]), true, "nothing weighs nothing");
  settle(node);
  acknowledge(node, two, 3);
  settle(node);
  assert.equal(node.propose([proposal("x")]), true);
});

test("a follower passes proposals on as one message; without a leader they are dropped", () => {
  const network = new LabNetwork(3);
  const follower = network.node(2n);
  assert.equal(follower.propose([proposal("lost")]), false);
  network.elect(1n);
  network.delivered.length = 0;
  assert.equal(follower.propose([proposal("a"), proposal("b")]), true);
  network.run();
  assert.deepEqual(
    network.delivered.filter(({ type }) => type === "MsgProp").map(({ term: of }) => of),
    [0],
  );
  for (const id of [1n, 2n, 3n]) assert.deepEqual(network.appliedTexts(id), ["a", "b"]);
});

test("two logs that have parted are one again after an election, in few round trips", () => {
  const network = new LabNetwork(3);
  network.elect(1n);
  network.isolate(1n);
  for (let at = 0; at < 30; at++) network.node(1n).propose([proposal(`old ${at}`)]);
  network.elect(2n);
  for (let at = 0; at < 30; at++) network.node(2n).propose([proposal(`new ${at}`)]);
  network.run();
  network.heal();
  network.delivered.length = 0;
  network.tick(2n);
  assert.equal(network.node(1n).role, "follower");
  assert.deepEqual(network.appliedTexts(1n), network.appliedTexts(2n));
  assert.equal(network.appliedTexts(1n).length, 30);
  assert.ok(network.delivered.filter(({ reject }) => reject).length <= 2);
});
