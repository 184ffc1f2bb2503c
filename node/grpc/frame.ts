/** HTTP/2 frame layout and numbers (RFC 9113 sections 4.1, 6, 7). No state. */

/*
 *  +-----------------------------------------------+
 *  |                 length (24)                   |
 *  +---------------+---------------+---------------+
 *  |    type (8)   |    flags (8)  |
 *  +-+-------------+---------------+-------------------------------+
 *  |R|                  stream identifier (31)                     |
 *  +=+=============================================================+
 *  |                   payload (0...)                              |
 */
export const frameHeaderBytes = 9;

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const frameFlag = {
  endStream: 0x1,
  ack: 0x1,
  endHeaders: 0x4,
  padded: 0x8,
  priority: 0x20,
} as const;

export const errorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  connectError: 10,
  enhanceYourCalm: 11,
} as const;

export const settingId = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** Flow-control windows and stream ids end here. */
export const uint31Max = 0x7fff_ffff;
/** Both hold until SETTINGS say otherwise (RFC 9113 section 6.5.2). */
export const initialWindowBytes = 65_535;
export const frameBytesMaxDefault = 16_384;

export function readUint24(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number)
  );
}

/** Unsigned; a number above 2^31 costs more than one below, so use readUint31 where the top bit is reserved. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at) >>> 0;
}

/** Ignores the reserved top bit. */
export function readUint31(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at) & uint31Max;
}

function readInt32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}

export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Writes the 9 bytes in front of a payload; returns where the payload begins. */
export function writeFrameHeader(
  bytes: Uint8Array,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): number {
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  writeUint32(bytes, at + 5, streamId);
  return at + frameHeaderBytes;
}
