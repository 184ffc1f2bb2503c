/** raftpb.ConfChange and raftpb.ConfChangeV2: the data of entries that change who votes. */
import { cloneBytes, emptyBytes } from "../lib/bytes.ts";
import { Reader, Writer } from "./wire.ts";

/** raftpb.ConfChangeType. */
export const confChangeType = {
  addNode: 0,
  removeNode: 1,
  updateNode: 2,
  addLearnerNode: 3,
} as const;

/** raftpb.ConfChangeTransition: how a change of several voters goes through the joint configuration. */
export const confChangeTransition = {
  /** Simple if one change is enough, otherwise joint and left by itself. */
  auto: 0,
  /** Joint, left by itself. */
  jointImplicit: 1,
  /** Joint until an empty ConfChangeV2 leaves it. */
  jointExplicit: 2,
} as const;

export interface ConfChange {
  readonly id: bigint;
  /** One of `confChangeType`; unknown values come through. */
  readonly type: number;
  /** 0n makes the change a no-op. */
  readonly nodeId: bigint;
  /** etcd puts the member's JSON here. */
  readonly context: Uint8Array;
}

export interface ConfChangeSingle {
  readonly type: number;
  readonly nodeId: bigint;
}

/** Without changes, and with transition auto, it leaves a joint configuration. */
export interface ConfChangeV2 {
  readonly transition: number;
  readonly changes: readonly ConfChangeSingle[];
  readonly context: Uint8Array;
}

/** The same change in the newer form. */
export const asConfChangeV2 = ({ type, nodeId, context }: ConfChange): ConfChangeV2 => ({
  transition: confChangeTransition.auto,
  changes: [{ type, nodeId }],
  context,
});

export function encodeConfChange(change: ConfChange): Uint8Array {
  const writer = new Writer(256);
  // raftpb is proto2 and etcd sets every field but an empty context: zeros are written.
  writer.byte(0x08);
  writer.varint64(change.id);
  writer.byte(0x10);
  writer.varint(change.type);
  writer.byte(0x18);
  writer.varint64(change.nodeId);
  if (change.context.length > 0) writer.bytesField(4, change.context);
  return writer.finish();
}

/** Throws WireError for malformed bytes. */
export function decodeConfChange(bytes: Uint8Array): ConfChange {
  const reader = new Reader(bytes);
  let id = 0n;
  let type = 0;
  let nodeId = 0n;
  let context: Uint8Array = emptyBytes;
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag === 0x08) id = reader.varint64();
    else if (tag === 0x10) type = reader.varint();
    else if (tag === 0x18) nodeId = reader.varint64();
    else if (tag === 0x22) context = cloneBytes(reader.view());
    else reader.skip(tag);
  }
  return { id, type, nodeId, context };
}

export function encodeConfChangeV2(change: ConfChangeV2): Uint8Array {
  const writer = new Writer(256);
  writer.byte(0x08);
  writer.varint(change.transition);
  for (const { type, nodeId } of change.changes) {
    const mark = writer.beginMessage(2);
    writer.byte(0x08);
    writer.varint(type);
    writer.byte(0x10);
    writer.varint64(nodeId);
    writer.endMessage(mark);
  }
  if (change.context.length > 0) writer.bytesField(3, change.context);
  return writer.finish();
}

/** Throws WireError for malformed bytes. No bytes at all are the change that leaves a joint configuration. */
export function decodeConfChangeV2(bytes: Uint8Array): ConfChangeV2 {
  const reader = new Reader(bytes);
  let transition = 0;
  const changes: ConfChangeSingle[] = [];
  let context: Uint8Array = emptyBytes;
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag === 0x08) transition = reader.varint();
    else if (tag === 0x12) changes.push(decodeSingle(new Reader(reader.view())));
    else if (tag === 0x1a) context = cloneBytes(reader.view());
    else reader.skip(tag);
  }
  return { transition, changes, context };
}

function decodeSingle(reader: Reader): ConfChangeSingle {
  let type = 0;
  let nodeId = 0n;
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag === 0x08) type = reader.varint();
    else if (tag === 0x10) nodeId = reader.varint64();
    else reader.skip(tag);
  }
  return { type, nodeId };
}
