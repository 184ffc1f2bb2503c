/**
 * The way of raft's messages out of the member (etcdserver/raft.go, processMessages): snapshots go their own way, acknowledgements that a
 * later one includes are dropped, and nothing goes to who was removed.
 */
import type { MemberId } from "../lib/units.ts";
import type { Message } from "../raft/messages.ts";
import type { HeartbeatWatch } from "./heartbeat-watch.ts";
import type { PeerTransport } from "./peer-transport.ts";

export interface OutboxOptions {
  readonly id: MemberId;
  readonly transport: PeerTransport;
  readonly isRemoved: (id: MemberId) => boolean;
  /** Takes a MsgSnap, which travels with a copy of the whole state. */
  readonly sendSnapshot: (message: Message) => void;
  readonly heartbeats: HeartbeatWatch;
}

export class Outbox {
  private readonly options: OutboxOptions;

  constructor(options: OutboxOptions) {
    this.options = options;
  }

  send(messages: readonly Message[]): void {
    if (messages.length === 0) return;
    const { id, transport, isRemoved, sendSnapshot, heartbeats } = this.options;
    const out: Message[] = [];
    for (const message of messages) {
      if (message.to === id || isRemoved(message.to)) continue;
      if (message.type === "MsgHeartbeat") heartbeats.sent(message.to);
      if (message.type === "MsgSnap") sendSnapshot(message);
      else if (message.type === "MsgAppResp" && !message.reject) keepLargest(out, message);
      else out.push(message);
    }
    if (out.length > 0) transport.send(out);
  }
}

/** Of acknowledgements to one leader only the one that says most is worth sending: a turn's reads may have brought hundreds of MsgApp. */
function keepLargest(out: Message[], message: Message): void {
  const at = out.findIndex(
    ({ type, to, term, reject }) =>
      type === "MsgAppResp" && !reject && to === message.to && term === message.term,
  );
  if (at < 0) out.push(message);
  else if (message.index > (out[at] as Message).index) out[at] = message;
}
