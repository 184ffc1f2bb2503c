/** Counts what costs us work and the peer nothing; ends the connection when it becomes a flood. One per connection. */
import { ConnectionError } from "./connection-error.ts";
import { errorCode } from "./frame.ts";
import {
  idleFramesMax,
  idleFramesPerTick,
  resetStreamsMax,
  resetStreamsPerTick,
  streamsMovedPerIdleFrame,
} from "./limits.ts";

export class FloodGuard {
  private idleFrames = 0;
  private resetStreams = 0;

  /** @throws ConnectionError ENHANCE_YOUR_CALM */
  countIdleFrame(): void {
    this.addIdleFrames(1);
  }

  /** The windows of so many streams were moved by a SETTINGS frame. @throws ConnectionError ENHANCE_YOUR_CALM */
  countMovedStreams(streams: number): void {
    this.addIdleFrames(Math.min(streams / streamsMovedPerIdleFrame, idleFramesMax / 4));
  }

  private addIdleFrames(count: number): void {
    this.idleFrames += count;
    if (this.idleFrames > idleFramesMax)
      throw new ConnectionError(errorCode.enhanceYourCalm, "too many frames without request");
  }

  /** @throws ConnectionError ENHANCE_YOUR_CALM */
  countReset(): void {
    if (++this.resetStreams > resetStreamsMax)
      throw new ConnectionError(errorCode.enhanceYourCalm, "too many streams reset");
  }

  /** Every limits.ts `tickMs`. */
  tick(): void {
    this.idleFrames = Math.max(0, this.idleFrames - idleFramesPerTick);
    this.resetStreams = Math.max(0, this.resetStreams - resetStreamsPerTick);
  }
}
