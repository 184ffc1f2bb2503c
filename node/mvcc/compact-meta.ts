/** The two revisions of compaction in the `meta` bucket, as etcd stores them (server/storage/mvcc/store.go): as a key of a record. */
import type { Backend } from "../backend/backend.ts";
import { CorruptionError } from "../lib/corruption-error.ts";
import { revisionKeyBytes, writeRevisionKey } from "./revision-key.ts";

export const metaKey = {
  scheduledCompact: Buffer.from("scheduledCompactRev"),
  finishedCompact: Buffer.from("finishedCompactRev"),
} as const;

type MetaKey = (typeof metaKey)[keyof typeof metaKey];

/** Undefined when it was never written. */
export function readMetaRevision(backend: Backend, key: MetaKey): number | undefined {
  const bytes = backend.get("meta", key);
  if (bytes === undefined) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const main = bytes.length === revisionKeyBytes ? view.getBigUint64(0) : -1n;
  if (main < 0n || main > BigInt(Number.MAX_SAFE_INTEGER))
    throw new CorruptionError(
      `${key.toString()} in the meta bucket is no revision; rebuild this member's backend from its snapshot and log, or replace the member`,
    );
  return Number(main);
}

export function writeMetaRevision(backend: Backend, key: MetaKey, main: number): void {
  const bytes = new Uint8Array(revisionKeyBytes);
  writeRevisionKey(bytes, main, 0, false);
  backend.put("meta", key, bytes);
}
