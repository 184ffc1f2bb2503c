/**
 * A request of etcd's v2 API as it stands in logs that an etcd up to 3.5 wrote: in field 2 of InternalRaftRequest, or alone
 * (etcdserverpb.Request, which 3.7 has no more). Only what is needed to know what it sets is read.
 */
import { emptyBytes, toText } from "../lib/bytes.ts";
import { Reader, tagOf, WireError, wireType } from "./wire.ts";

export interface V2Request {
  /** "PUT" and others of HTTP's, in capitals. */
  readonly method: string;
  /** Below one of the store's two roots, "/0" for what etcd itself keeps. */
  readonly path: string;
  readonly value: string;
}

const methodTag = tagOf(2, wireType.bytes);
const pathTag = tagOf(3, wireType.bytes);
const valueTag = tagOf(4, wireType.bytes);

/** Throws WireError when buffer[start, end) is neither form. */
export function decodeV2Request(buffer: Uint8Array, start: number, end: number): V2Request {
  const inner = wrapped(buffer, start, end);
  const request = inner === undefined ? undefined : read(inner, 0, inner.length);
  const found = request ?? read(buffer, start, end);
  if (found === undefined) throw new WireError("no request of the v2 API");
  return found;
}

/** The last field 2, which is a message in one form and the name of the method in the other. */
function wrapped(buffer: Uint8Array, start: number, end: number): Uint8Array | undefined {
  const reader = new Reader(buffer, start, end);
  let found: Uint8Array | undefined;
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag === methodTag) found = reader.view();
    else reader.skip(tag);
  }
  return found;
}

/** Undefined when it has no path, or is no message at all. */
function read(buffer: Uint8Array, start: number, end: number): V2Request | undefined {
  const reader = new Reader(buffer, start, end);
  let [method, path, value] = [emptyBytes, emptyBytes, emptyBytes];
  try {
    while (!reader.isDone) {
      const tag = reader.tag();
      if (tag === methodTag) method = reader.view();
      else if (tag === pathTag) path = reader.view();
      else if (tag === valueTag) value = reader.view();
      else reader.skip(tag);
    }
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
  if (path.length === 0) return undefined;
  return { method: toText(method), path: toText(path), value: toText(value) };
}
