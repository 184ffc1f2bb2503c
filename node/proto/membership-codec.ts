/** The requests by which the cluster learns of its members and its version: two of membershippb. */
import { fromText, toText } from "../lib/bytes.ts";
import { Reader, Writer, wireType } from "./wire.ts";

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
