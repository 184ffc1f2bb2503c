/** Remembers the streams that ended last: a frame on one of them is late or wrong, and which of both depends on who ended it. */
import { closedStreamsRemembered } from "./limits.ts";

export class ClosedStreams {
  /** A ring of ids; negative when we reset the stream, so that frames of it may still be under way to us. */
  private readonly ids = new Int32Array(closedStreamsRemembered);
  private next = 0;

  add(streamId: number, isResetByUs: boolean): void {
    this.ids[this.next] = isResetByUs ? -streamId : streamId;
    this.next = (this.next + 1) % closedStreamsRemembered;
  }

  has(streamId: number): boolean {
    return this.ids.includes(streamId) || this.ids.includes(-streamId);
  }

  wasResetByUs(streamId: number): boolean {
    return this.ids.includes(-streamId);
  }
}
