/** The Compact request: revisions below the one it names are given up (etcd server/storage/mvcc/kvstore.go, updateCompactRev). */
import { emptyBytes } from "../lib/bytes.ts";
import type { Revision } from "../lib/units.ts";
import type { KvStore } from "../mvcc/kv-store.ts";
import { readSaturatedInt64 } from "../proto/int64.ts";
import { Reader } from "../proto/wire.ts";
import { type ApplyResult, refuse } from "./result.ts";

/** etcdserverpb.CompactionRequest decoded in place; reused. */
export class CompactionRequestView {
  revision = 0;
  /** Answered when the old records are gone and not as soon as it is agreed on; nothing to apply/. */
  physical = false;

  /** Throws WireError when buffer[start, end) is malformed; the view is then undefined. */
  decode(buffer: Uint8Array, start: number, end: number): void {
    this.revision = 0;
    this.physical = false;
    reader.reset(buffer, start, end);
    while (!reader.isDone) {
      const tag = reader.tag();
      if (tag === 0x08) this.revision = readSaturatedInt64(reader);
      else if (tag === 0x10) this.physical = reader.bool();
      else reader.skip(tag);
    }
  }
}

const reader = new Reader(emptyBytes);

/** The part of the store that compacts. */
export type CompactableStore = Pick<KvStore, "compact">;

export function applyCompaction(
  store: CompactableStore,
  request: CompactionRequestView,
): ApplyResult {
  switch (store.compact(request.revision as Revision)) {
    case "ok":
      return { kind: "compaction" };
    case "compacted":
      return refuse("Compacted");
    case "futureRevision":
      return refuse("FutureRev");
  }
}
