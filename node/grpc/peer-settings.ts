/** The client's SETTINGS (RFC 9113 section 6.5), as far as a server heeds them. */
import { ConnectionError } from "./connection-error.ts";
import {
  errorCode,
  frameBytesMaxDefault,
  initialWindowBytes,
  readUint32,
  settingId,
  uint31Max,
} from "./frame.ts";

const settingBytes = 6;
const frameBytesUpperBound = 0xff_ffff;

export class PeerSettings {
  initialWindowBytes = initialWindowBytes;
  frameBytesMax = frameBytesMaxDefault;
  headerTableBytes = 4_096;

  /** Takes a SETTINGS payload; a later value of one frame wins. @throws ConnectionError */
  apply(bytes: Uint8Array, start: number, end: number): void {
    if ((end - start) % settingBytes !== 0)
      throw new ConnectionError(errorCode.frameSizeError, "SETTINGS of wrong size");
    for (let at = start; at < end; at += settingBytes) {
      const id = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
      this.set(id, readUint32(bytes, at + 2));
    }
  }

  private set(id: number, value: number): void {
    switch (id) {
      case settingId.headerTableSize:
        this.headerTableBytes = value;
        break;
      case settingId.enablePush:
        if (value > 1)
          throw new ConnectionError(errorCode.protocolError, "SETTINGS_ENABLE_PUSH out of range");
        break;
      case settingId.initialWindowSize:
        if (value > uint31Max)
          throw new ConnectionError(
            errorCode.flowControlError,
            "SETTINGS_INITIAL_WINDOW_SIZE out of range",
          );
        this.initialWindowBytes = value;
        break;
      case settingId.maxFrameSize:
        if (value < frameBytesMaxDefault || value > frameBytesUpperBound) {
          throw new ConnectionError(
            errorCode.protocolError,
            "SETTINGS_MAX_FRAME_SIZE out of range",
          );
        }
        this.frameBytesMax = value;
        break;
      default:
        // Limits on what we do not send, and settings we do not know.
        break;
    }
  }
}
