/** Writes the small frames that are not answers to calls. */
import {
  errorCode,
  frameFlag,
  frameHeaderBytes,
  frameType,
  initialWindowBytes,
  settingId,
  writeFrameHeader,
  writeUint32,
} from "./frame.ts";
import { connectionWindowBytes, headerListBytesMax, streamWindowBytes } from "./limits.ts";
import type { OutputBuffer } from "./output-buffer.ts";

/** Our half of the preface: SETTINGS, and the connection's window, which settings do not cover. */
export function writePreface(out: OutputBuffer, maxConcurrentStreams: number): void {
  const settings = [
    [settingId.maxConcurrentStreams, maxConcurrentStreams],
    [settingId.initialWindowSize, streamWindowBytes],
    [settingId.maxHeaderListSize, headerListBytesMax],
  ] as const;
  const length = settings.length * 6;
  let at = out.reserve(frameHeaderBytes + length);
  at = writeFrameHeader(out.bytes, at, length, frameType.settings, 0, 0);
  for (const [id, value] of settings) {
    out.bytes[at] = 0;
    out.bytes[at + 1] = id;
    writeUint32(out.bytes, at + 2, value);
    at += 6;
  }
  writeWindowUpdate(out, 0, connectionWindowBytes - initialWindowBytes);
}

export function writeSettingsAck(out: OutputBuffer): void {
  const at = out.reserve(frameHeaderBytes);
  writeFrameHeader(out.bytes, at, 0, frameType.settings, frameFlag.ack, 0);
}

/** `opaque` holds the 8 bytes from `start`. */
export function writePing(
  out: OutputBuffer,
  flags: number,
  opaque: Uint8Array,
  start: number,
): void {
  let at = out.reserve(frameHeaderBytes + 8);
  at = writeFrameHeader(out.bytes, at, 8, frameType.ping, flags, 0);
  for (let index = 0; index < 8; index++) out.bytes[at + index] = opaque[start + index] as number;
}

export function writeWindowUpdate(out: OutputBuffer, streamId: number, increment: number): void {
  writeNumberFrame(out, frameType.windowUpdate, streamId, increment);
}

export function writeRstStream(out: OutputBuffer, streamId: number, code: number): void {
  writeNumberFrame(out, frameType.rstStream, streamId, code);
}

export function writeGoAway(
  out: OutputBuffer,
  lastStreamId: number,
  code: number,
  debugText: string,
): void {
  const text = code === errorCode.noError ? Buffer.alloc(0) : Buffer.from(debugText, "latin1");
  const length = 8 + text.length;
  let at = out.reserve(frameHeaderBytes + length);
  at = writeFrameHeader(out.bytes, at, length, frameType.goAway, 0, 0);
  writeUint32(out.bytes, at, lastStreamId);
  writeUint32(out.bytes, at + 4, code);
  out.bytes.set(text, at + 8);
}

function writeNumberFrame(out: OutputBuffer, type: number, streamId: number, value: number): void {
  let at = out.reserve(frameHeaderBytes + 4);
  at = writeFrameHeader(out.bytes, at, 4, type, 0, streamId);
  writeUint32(out.bytes, at, value);
}
