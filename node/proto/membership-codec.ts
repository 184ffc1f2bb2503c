/** The entries that change what the cluster knows of its members: raftpb.ConfChange and two requests of membershippb. */
import { cloneBytes, fromText, toText } from "../lib/bytes.ts";
import { Reader, Writer, wireType } from "./wire.ts";

/** raftpb.ConfChangeType. */
export const confChangeType = {
  addNode: 0,
  removeNode: 1,
  updateNode: 2,
  addLearnerNode: 3,
} as const;

export interface ConfChange {
  readonly id: bigint;
  /** One of `confChangeType`; unknown values come through. */
  readonly type: number;
  readonly nodeId: bigint;
  /** etcd puts the member's JSON here. */
  readonly context: Uint8Array;
}

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
  let context: Uint8Array = new Uint8Array(0);
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

/** What a member publishes of itself (membershippb.ClusterMemberAttrSetRequest). */
export interface ClusterMemberAttrSet {
  readonly memberId: bigint;
  readonly name: string;
  readonly clientUrls: readonly string[];
}

export function encodeClusterMemberAttrSet(request: ClusterMemberAttrSet): Uint8Array {
  const writer = new Writer(256);
  writer.bigintField(1, request.memberId);
  const mark = writer.beginMessage(2);
  if (request.name !== "") writer.bytesField(1, fromText(request.name));
  for (const url of request.clientUrls) writer.bytesField(2, fromText(url));
  writer.endMessage(mark);
  return writer.finish();
}

export function decodeClusterMemberAttrSet(bytes: Uint8Array): ClusterMemberAttrSet {
  const reader = new Reader(bytes);
  let memberId = 0n;
  let name = "";
  const clientUrls: string[] = [];
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag === 0x08) {
      memberId = reader.varint64();
    } else if (tag === 0x12) {
      const attributes = new Reader(reader.view());
      while (!attributes.isDone) {
        const inner = attributes.tag();
        if (inner === 0x0a) name = toText(attributes.view());
        else if (inner === 0x12) clientUrls.push(toText(attributes.view()));
        else attributes.skip(inner);
      }
    } else {
      reader.skip(tag);
    }
  }
  return { memberId, name, clientUrls };
}

/** membershippb.ClusterVersionSetRequest. */
export function encodeClusterVersionSet(version: string): Uint8Array {
  const writer = new Writer(32);
  writer.bytesField(1, fromText(version));
  return writer.finish();
}

export function decodeClusterVersionSet(bytes: Uint8Array): string {
  const reader = new Reader(bytes);
  let version = "";
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag >>> 3 === 1 && (tag & 7) === wireType.bytes) version = toText(reader.view());
    else reader.skip(tag);
  }
  return version;
}
