/** The streams of a connection that are not closed, and the memory of those that closed lately. */
import type { Call } from "./call.ts";
import { noDeadline } from "./deadline.ts";
import { closedStreamsRemembered } from "./limits.ts";

export class CallTable {
  /** Highest stream id the client has used. */
  lastStreamId = 0;
  /** Of the header lists of the open streams, as HPACK counts them. */
  headerBytes = 0;
  private readonly open = new Map<number, Call>();
  /** The call added last, while it is open: most often the next frame is its own. */
  private newest: Call | undefined = undefined;
  private deadlines = 0;
  /** A ring of ids; negative when we reset the stream, so that frames of it may still be under way to us. */
  private readonly closed = new Int32Array(closedStreamsRemembered);
  private nextClosed = 0;

  get size(): number {
    return this.open.size;
  }

  get(streamId: number): Call | undefined {
    const { newest } = this;
    return newest !== undefined && newest.id === streamId ? newest : this.open.get(streamId);
  }

  values(): IterableIterator<Call> {
    return this.open.values();
  }

  add(call: Call): void {
    this.open.set(call.id, call);
    this.newest = call;
    this.headerBytes += call.head.listBytes;
    if (call.deadlineMs !== noDeadline) this.deadlines++;
  }

  /** False: it was not there. */
  remove(call: Call, isResetByUs: boolean): boolean {
    if (!this.open.delete(call.id)) return false;
    if (this.newest === call) this.newest = undefined;
    this.rememberClosed(call.id, isResetByUs);
    this.headerBytes -= call.head.listBytes;
    if (call.deadlineMs !== noDeadline) this.deadlines--;
    return true;
  }

  /** Calls may be removed while this runs. */
  forEachOverdue(nowMs: number, run: (call: Call) => void): void {
    if (this.deadlines === 0) return;
    for (const call of this.open.values()) {
      if (call.deadlineMs <= nowMs) run(call);
    }
  }

  rememberClosed(streamId: number, isResetByUs: boolean): void {
    this.closed[this.nextClosed] = isResetByUs ? -streamId : streamId;
    this.nextClosed = (this.nextClosed + 1) % closedStreamsRemembered;
  }

  /** Never opened: neither by a HEADERS frame of its own, nor passed over by one of a later stream. */
  isIdle(streamId: number): boolean {
    return streamId > this.lastStreamId || (streamId & 1) === 0;
  }

  wasClosedLately(streamId: number): boolean {
    return this.closed.includes(streamId) || this.closed.includes(-streamId);
  }

  /** Frames the client sent before it saw our RST_STREAM are to be ignored. */
  wasResetByUs(streamId: number): boolean {
    return this.closed.includes(-streamId);
  }
}
