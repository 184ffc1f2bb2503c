/** How large entries count, where a limit is in bytes. */
import type { Entry } from "./types.ts";

/**
 * Bytes of an entry as raftpb.Entry, which is what `messageBytesMax` bounds (etcd raft/util.go, entsSize). A normal entry's type and
 * empty data are not written, as etcd proposes them.
 */
export function entrySize(entry: Entry): number {
  const length = entry.data.length;
  return (
    2 +
    varintSize(entry.term) +
    varintSize(entry.index) +
    (entry.type === 0 ? 0 : 2) +
    (length === 0 ? 0 : 1 + varintSize(length) + length)
  );
}

/** Bytes of data alone: what is in flight, or uncommitted, is counted so (etcd raft/util.go, payloadsSize). */
export function payloadBytes(entries: readonly { readonly data: Uint8Array }[]): number {
  let bytes = 0;
  for (const { data } of entries) bytes += data.length;
  return bytes;
}

/** Seven bits a byte; numbers stay below 2^53, so eight bytes are enough. */
function varintSize(value: number): number {
  if (value < 2 ** 7) return 1;
  if (value < 2 ** 14) return 2;
  if (value < 2 ** 21) return 3;
  if (value < 2 ** 28) return 4;
  if (value < 2 ** 35) return 5;
  if (value < 2 ** 42) return 6;
  return value < 2 ** 49 ? 7 : 8;
}
