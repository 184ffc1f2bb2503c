/** What a log line says of an entry: its id, its kind, the key and the sizes, and never a value (etcd's InternalRaftStringer). */
import { DeleteRangeRequestView } from "../proto/delete-range-request.ts";
import { InternalRaftView, internalRequest } from "../proto/internal-raft-codec.ts";
import { PutRequestView } from "../proto/put-request.ts";
import { type Entry, entryType } from "../raft/types.ts";

const keyBytesShown = 256;

const kindOf: ReadonlyMap<number, string> = new Map(
  Object.entries(internalRequest).map(([name, field]) => [field, name]),
);

export function entryText({ index, type, data }: Entry): string {
  if (type !== entryType.normal) return `conf_change:{index:${index}}`;
  const view = new InternalRaftView();
  view.decode(data, 0, data.length);
  const { field, buffer, start, end, idHigh, idLow } = view;
  const id = (BigInt(idHigh >>> 0) << 32n) | BigInt(idLow >>> 0);
  const bytes = buffer.subarray(start, end);
  return `header:<ID:${id}> ${requestText(field, bytes)}`;
}

function requestText(field: number, bytes: Uint8Array): string {
  const kind = (kindOf.get(field) ?? "request").replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
  if (field === internalRequest.put) {
    const put = new PutRequestView();
    put.decode(bytes, 0, bytes.length);
    const lease = put.lease === 0n ? "" : ` lease:${put.lease}`;
    const valueBytes = put.valueEnd - put.valueStart;
    return `put:<key:${keyText(put.buffer, put.keyStart, put.keyEnd)} value_size:${valueBytes}${lease}>`;
  }
  if (field === internalRequest.deleteRange) {
    const range = new DeleteRangeRequestView();
    range.decode(bytes, 0, bytes.length);
    const { buffer, keyStart, keyEnd, rangeEndStart, rangeEndEnd } = range;
    const key = keyText(buffer, keyStart, keyEnd);
    return rangeEndEnd === rangeEndStart
      ? `delete_range:<key:${key}>`
      : `delete_range:<key:${key} range_end:${keyText(buffer, rangeEndStart, rangeEndEnd)}>`;
  }
  return `${kind}:<size:${bytes.length}>`;
}

/** A key as protobuf's text format has it: bytes that are no plain characters as octal numbers; a long one is cut. */
export function keyText(buffer: Uint8Array, start: number, end: number): string {
  let text = "";
  for (const byte of buffer.subarray(start, Math.min(end, start + keyBytesShown))) {
    if (byte === 0x22 || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`;
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += `\\${byte.toString(8).padStart(3, "0")}`;
  }
  return end - start > keyBytesShown ? `"${text}…"` : `"${text}"`;
}
