/** The revisions of compaction in the bucket `meta`: as keys of records, with sub 0 (etcd storage/mvcc/util.go). */
import { compareBytes, fromText } from "../../lib/bytes.ts";
import type { BucketEntry } from "../buckets.ts";
import { viewOf } from "./format.ts";
import { metaName } from "./meta-entries.ts";
import { RevisionKeyReader } from "./revision-key.ts";

const keys = [metaName.scheduledCompact, metaName.finishedCompact].map(fromText);

/** The higher of the two, 0 for none; undefined when one is no revision. */
export function compactedRevision(meta: readonly BucketEntry[]): number | undefined {
  const reader = new RevisionKeyReader();
  let highest = 0;
  for (const { key, value } of meta) {
    if (!keys.some((name) => compareBytes(name, key) === 0)) continue;
    if (value.length !== 17 || reader.read(value, viewOf(value), 0, 17) !== undefined)
      return undefined;
    highest = Math.max(highest, reader.main);
  }
  return highest;
}
