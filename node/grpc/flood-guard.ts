/** Counts what costs us work and the peer nothing; ends the connection when it becomes a flood. One per connection. */
import { ConnectionError } from "./connection-error.ts";
import { errorCode } from "./frame.ts";
import {
  idleFramesMax,
  idleFramesPerTick,
  resetStreamsMax,
  resetStreamsPerTick,
} from "./limits.ts";

export class FloodGuard {
  private idleFrames = 0;
  private resetStreams = 0;

  /** @throws ConnectionError ENHANCE_YOUR_CALM */
  countIdleFrame(): void {
    if (++this.idleFrames > idleFramesMax)
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
