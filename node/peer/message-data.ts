/**
 * Where the data of received entries lives: copied out of the socket's memory into slabs, one behind the other. A slab lives as long
 * as one of its entries, and entries leave raft's log in the order they came: one allocation serves hundreds of them.
 */
import { emptyBytes } from "../lib/bytes.ts";

const slabBytes = 128 * 1024;
/** Longer data gets memory of its own, so that no slab ends with a large gap. */
const ownMemoryBytes = 16 * 1024;
/** Below this many bytes a loop is faster than the call into the runtime. */
const loopBytesMax = 32;

let slab = emptyBytes;
let used = 0;

/** A copy of source[start, end) that its user may keep; never changed afterwards. */
export function keptBytes(source: Uint8Array, start: number, end: number): Uint8Array {
  const length = end - start;
  if (length === 0) return emptyBytes;
  if (length > ownMemoryBytes) {
    const own = new Uint8Array(length);
    own.set(source.subarray(start, end));
    return own;
  }
  if (used + length > slab.length) {
    slab = new Uint8Array(slabBytes);
    used = 0;
  }
  const at = used;
  used += length;
  if (length <= loopBytesMax)
    for (let from = start, to = at; from < end; from++, to++) slab[to] = source[from] as number;
  else slab.set(source.subarray(start, end), at);
  return slab.subarray(at, used);
}
