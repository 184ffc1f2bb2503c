/**
 * One other member of the cluster: its two streams in each direction, its pipeline, and the rule which of them takes a message (etcd
 * rafthttp/peer.go). What cannot wait is dropped, and raft is told.
 *
 *     MsgApp, msgapp stream up ──▶ msgapp stream     else, message stream up ──▶ message stream     else ──▶ pipeline
 */
import type { ServerResponse } from "node:http";
import { idToHex, type MemberId } from "../lib/units.ts";
import type { Message } from "../raft/messages.ts";
import { type ChannelContext, WaitingBytes } from "./channel-context.ts";
import { PeerStatus } from "./peer-status.ts";
import { Pipeline } from "./pipeline.ts";
import type { StreamKind } from "./stream-kind.ts";
import { StreamReader } from "./stream-reader.ts";
import { StreamWriter } from "./stream-writer.ts";
import { UrlPicker } from "./url-picker.ts";

export class Peer {
  readonly id: MemberId;
  readonly picker: UrlPicker;
  readonly status: PeerStatus;
  private readonly context: ChannelContext;
  private readonly writers: Readonly<Record<StreamKind, StreamWriter>>;
  private readonly readers: Readonly<Record<StreamKind, StreamReader>>;
  private readonly pipeline: Pipeline;
  private readonly waiting = new WaitingBytes();
  private isDropping = false;

  /** Begins to dial. */
  constructor(context: ChannelContext, id: MemberId, peerUrls: readonly string[]) {
    this.id = id;
    this.context = context;
    const { clock, logger, stats } = context;
    const picker = new UrlPicker(peerUrls);
    const status = new PeerStatus({ peerId: id, clock, logger, counters: stats.of(id) });
    this.picker = picker;
    this.status = status;
    const { waiting } = this;
    const writer = (kind: StreamKind): StreamWriter =>
      new StreamWriter({ context, peerId: id, kind, status, waiting });
    const reader = (kind: StreamKind): StreamReader =>
      new StreamReader({ context, peerId: id, kind, status, picker });
    this.writers = { msgapp: writer("msgapp"), message: writer("message") };
    this.readers = { msgapp: reader("msgapp"), message: reader("message") };
    this.pipeline = new Pipeline({ context, peerId: id, status, picker, waiting });
    for (const each of Object.values(this.readers)) each.start();
  }

  get activeSinceMs(): number | undefined {
    return this.status.activeSinceMs;
  }

  /** Some connection that is open now says so, and none says otherwise: a connection may outlive the process at its other end for a while. */
  get isEtcdTs(): boolean {
    const said = [this.writers, this.readers].flatMap(({ msgapp, message }) => [
      msgapp.isEtcdTs,
      message.isEtcdTs,
    ]);
    return this.status.isActive && said.includes(true) && !said.includes(false);
  }

  /** Takes a message; `flush` sends it. */
  send(message: Message): void {
    const [channel, name] = this.pick(message);
    if (channel.offer(message)) {
      this.isDropping = false;
      return;
    }
    const { context, id } = this;
    context.stats.of(id).sentFailures += 1;
    context.unreachable(id);
    if (this.isDropping) return;
    this.isDropping = true;
    context.logger.warn("dropped internal Raft message since sending buffer is full", {
      "message-type": message.type,
      "local-member-id": idToHex(context.self.memberId),
      from: idToHex(message.from),
      "remote-peer-id": idToHex(id),
      "remote-peer-name": name,
      "remote-peer-active": this.status.isActive,
    });
  }

  flush(): void {
    this.writers.msgapp.flush();
    this.writers.message.flush();
  }

  /** The member dialled, to receive the stream `kind` in the body of this answer. */
  attach(kind: StreamKind, response: ServerResponse, isEtcdTs: boolean): void {
    this.writers[kind].attach(response, isEtcdTs);
  }

  tick(): void {
    for (const each of Object.values(this.writers)) each.tick();
    for (const each of Object.values(this.readers)) each.tick();
    this.pipeline.tick();
  }

  stop(): void {
    for (const each of Object.values(this.writers)) each.stop();
    for (const each of Object.values(this.readers)) each.stop();
    this.pipeline.stop();
    this.status.forget();
  }

  private pick(message: Message): readonly [StreamWriter | Pipeline, string] {
    const { msgapp, message: other } = this.writers;
    if (message.type === "MsgApp" && msgapp.isAttached) return [msgapp, "streamMsgAppV2"];
    return other.isAttached ? [other, "streamMsg"] : [this.pipeline, "pipeline"];
  }
}
