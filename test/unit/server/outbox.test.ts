import assert from "node:assert/strict";
import { test } from "node:test";
import { logIndex, type MemberId, memberId, term } from "../../../node/lib/units.ts";
import { type Message, message } from "../../../node/raft/messages.ts";
import type { HeartbeatWatch } from "../../../node/server/heartbeat-watch.ts";
import { loneTransport } from "../../../node/server/lone-transport.ts";
import { Outbox } from "../../../node/server/outbox.ts";

const self = memberId(1n);
const other = memberId(2n);
const gone = memberId(3n);

function makeOutbox(): {
  outbox: Outbox;
  sent: Message[];
  snapshots: Message[];
  sends: number[];
  beats: MemberId[];
} {
  const sent: Message[] = [];
  const snapshots: Message[] = [];
  const sends: number[] = [];
  const beats: MemberId[] = [];
  const transport = {
    ...loneTransport,
    send: (messages: readonly Message[]) => {
      sends.push(messages.length);
      sent.push(...messages);
    },
  };
  const isRemoved = (id: MemberId): boolean => id === gone;
  const sendSnapshot = (one: Message): void => void snapshots.push(one);
  const heartbeats = { sent: (to: MemberId) => void beats.push(to), reset: () => undefined };
  return {
    outbox: new Outbox({
      id: self,
      transport,
      isRemoved,
      sendSnapshot,
      heartbeats: heartbeats as unknown as HeartbeatWatch,
    }),
    sent,
    snapshots,
    sends,
    beats,
  };
}

const acknowledgement = (index: number, fields: Partial<Message> = {}): Message =>
  message({
    type: "MsgAppResp",
    to: other,
    from: self,
    term: term(1),
    index: logIndex(index),
    ...fields,
  });

test("all messages of a turn leave in one call, in order; nothing to send is no call", () => {
  const { outbox, sent, sends } = makeOutbox();
  outbox.send([]);
  outbox.send([
    message({ type: "MsgHeartbeat", to: other }),
    message({ type: "MsgApp", to: other }),
  ]);
  assert.deepEqual(sends, [2]);
  assert.deepEqual(
    sent.map(({ type }) => type),
    ["MsgHeartbeat", "MsgApp"],
  );
});

test("the node's own messages and those to who was removed do not leave", () => {
  const { outbox, sends } = makeOutbox();
  outbox.send([message({ type: "MsgAppResp", to: self }), message({ type: "MsgApp", to: gone })]);
  assert.deepEqual(sends, []);
});

test("a snapshot goes its own way", () => {
  const { outbox, sent, snapshots } = makeOutbox();
  outbox.send([message({ type: "MsgSnap", to: other })]);
  assert.equal(snapshots.length, 1);
  assert.deepEqual(sent, []);
});

test("of the acknowledgements to one leader the one that says most is sent", () => {
  const { outbox, sent } = makeOutbox();
  outbox.send([acknowledgement(3), acknowledgement(7), acknowledgement(5)]);
  assert.deepEqual(
    sent.map(({ index }) => index),
    [7],
  );
});

test("rejections, other terms and other leaders keep their acknowledgements apart", () => {
  const { outbox, sent } = makeOutbox();
  outbox.send([
    acknowledgement(3),
    acknowledgement(4, { reject: true }),
    acknowledgement(5, { term: term(2) }),
    acknowledgement(6, { to: memberId(4n) }),
  ]);
  assert.equal(sent.length, 4);
});

test("the sending of heartbeats is watched, and of nothing else", () => {
  const { outbox, beats } = makeOutbox();
  const heartbeat = message({ type: "MsgHeartbeat", to: other, from: self, term: term(1) });
  outbox.send([heartbeat, acknowledgement(1), { ...heartbeat, to: gone }]);
  assert.deepEqual(beats, [other]);
});
