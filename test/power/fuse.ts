/**
 * The few messages of the Linux FUSE protocol (linux/fuse.h, version 7.31) that a file system of one flat directory
 * with fixed-size files needs. Owns the byte layout only; what a request does stands in disk-process.ts.
 */

export const opcode = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  flush: 25,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  access: 34,
  interrupt: 36,
  destroy: 38,
  batchForget: 42,
  fallocate: 43,
} as const;

export const errno = { ENOENT: 2, EIO: 5, EINVAL: 22, ENOSYS: 38 } as const;

/** Largest data of one write, and with the headers the least size of the buffer that requests are read into. */
const writeBytesMax = 1 << 20;
export const requestBytesMax = writeBytesMax + 64 * 1024;

const inHeaderBytes = 40;
const outHeaderBytes = 16;
const kernelMinor = 31;
const flagAsyncRead = 1 << 0;
const flagBigWrites = 1 << 5;
const flagMaxPages = 1 << 22;
/** Every read and write reaches this program; the kernel keeps no page cache for the file. */
const openDirectIo = 1;

export interface FuseRequest {
  readonly opcode: number;
  readonly unique: bigint;
  readonly node: number;
  /** What follows the header; valid until the next request is read. */
  readonly body: Buffer;
}

export interface FuseNode {
  readonly node: number;
  readonly isDirectory: boolean;
  readonly size: number;
}

export function decodeRequest(bytes: Buffer): FuseRequest {
  return {
    opcode: bytes.readUInt32LE(4),
    unique: bytes.readBigUInt64LE(8),
    node: Number(bytes.readBigUInt64LE(16)),
    body: bytes.subarray(inHeaderBytes, bytes.readUInt32LE(0)),
  };
}

/** A whole answer: header and payload; `error` is a positive errno or 0. */
export function encodeReply(
  unique: bigint,
  error: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const reply = Buffer.allocUnsafe(outHeaderBytes + payload.length);
  reply.writeUInt32LE(reply.length, 0);
  reply.writeInt32LE(-error, 4);
  reply.writeBigUInt64LE(unique, 8);
  reply.set(payload, outHeaderBytes);
  return reply;
}

export function initReply(): Buffer {
  const out = Buffer.alloc(64);
  out.writeUInt32LE(7, 0);
  out.writeUInt32LE(kernelMinor, 4);
  out.writeUInt32LE(writeBytesMax, 8);
  out.writeUInt32LE((flagAsyncRead | flagBigWrites | flagMaxPages) >>> 0, 12);
  out.writeUInt16LE(64, 16);
  out.writeUInt16LE(48, 18);
  out.writeUInt32LE(writeBytesMax, 20);
  out.writeUInt32LE(1, 24);
  out.writeUInt16LE(writeBytesMax / 4096, 28);
  return out;
}

function attributes(of: FuseNode): Buffer {
  const out = Buffer.alloc(88);
  out.writeBigUInt64LE(BigInt(of.node), 0);
  out.writeBigUInt64LE(BigInt(of.size), 8);
  out.writeBigUInt64LE(BigInt(Math.ceil(of.size / 512)), 16);
  out.writeUInt32LE(of.isDirectory ? 0o40700 : 0o100600, 60);
  out.writeUInt32LE(1, 64);
  out.writeUInt32LE(4096, 80);
  return out;
}

/** Attributes and names never change, so the kernel may keep them for a day. */
const validSeconds = 86_400n;

export function entryReply(of: FuseNode): Buffer {
  const head = Buffer.alloc(40);
  head.writeBigUInt64LE(BigInt(of.node), 0);
  head.writeBigUInt64LE(validSeconds, 16);
  head.writeBigUInt64LE(validSeconds, 24);
  return Buffer.concat([head, attributes(of)]);
}

export function attributesReply(of: FuseNode): Buffer {
  const head = Buffer.alloc(16);
  head.writeBigUInt64LE(validSeconds, 0);
  return Buffer.concat([head, attributes(of)]);
}

export function openReply(): Buffer {
  const out = Buffer.alloc(16);
  out.writeUInt32LE(openDirectIo, 8);
  return out;
}

export function readArguments(body: Buffer): { offset: number; size: number } {
  return { offset: Number(body.readBigUInt64LE(8)), size: body.readUInt32LE(16) };
}

export function writeArguments(body: Buffer): { offset: number; data: Buffer } {
  return {
    offset: Number(body.readBigUInt64LE(8)),
    data: body.subarray(40, 40 + body.readUInt32LE(16)),
  };
}

export function writeReply(size: number): Buffer {
  const out = Buffer.alloc(8);
  out.writeUInt32LE(size, 0);
  return out;
}

/** Names end with a NUL byte. */
export function nameArgument(body: Buffer): string {
  return body.subarray(0, body.indexOf(0)).toString();
}
