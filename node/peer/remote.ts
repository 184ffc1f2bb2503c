/**
 * A member that writes to this one, and that this one does not know yet: it has not applied the entry that added it. It said where it can
 * be answered, and so raft can catch up (etcd rafthttp/remote.go). Pipeline only; losses are not logged, as it may be nobody at all.
 */
import type { MemberId } from "../lib/units.ts";
import type { Message } from "../raft/messages.ts";
import { type ChannelContext, WaitingBytes } from "./channel-context.ts";
import { PeerStatus } from "./peer-status.ts";
import { Pipeline } from "./pipeline.ts";
import { UrlPicker } from "./url-picker.ts";

export class Remote {
  readonly id: MemberId;
  readonly picker: UrlPicker;
  readonly status: PeerStatus;
  private readonly context: ChannelContext;
  private readonly pipeline: Pipeline;

  constructor(context: ChannelContext, id: MemberId, peerUrls: readonly string[]) {
    this.context = context;
    this.id = id;
    this.picker = new UrlPicker(peerUrls);
    const { clock, logger, stats } = context;
    this.status = new PeerStatus({ peerId: id, clock, logger, counters: stats.of(id) });
    const { picker, status } = this;
    const waiting = new WaitingBytes();
    this.pipeline = new Pipeline({ context, peerId: id, status, picker, waiting });
  }

  send(message: Message): void {
    if (!this.pipeline.offer(message)) this.context.stats.of(this.id).sentFailures += 1;
  }

  tick(): void {
    this.pipeline.tick();
  }

  stop(): void {
    this.pipeline.stop();
    this.status.forget();
  }
}
