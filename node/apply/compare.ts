/** The compares of a transaction (etcd server/etcdserver/txn/txn.go, applyCompare). */

import { compareBytes } from "../lib/bytes.ts";
import type { KvStore } from "../mvcc/kv-store.ts";
import { KeyValueView } from "../proto/key-value.ts";
import { type Compare, compareResult, compareTarget } from "../proto/txn-request.ts";

/** True if every compare holds for every key it names. */
export function compareAll(store: KvStore, compares: readonly Compare[]): boolean {
  return compares.every((compare) => compareHolds(store, compare));
}

const found = new KeyValueView();
/** What a missing key compares as: all zero. */
const missing = new KeyValueView();

function compareHolds(store: KvStore, compare: Compare): boolean {
  if (compare.rangeEnd.length === 0) {
    const place = store.get(compare.key, 0, compare.key.length);
    if (place === undefined) return missingHolds(compare);
    found.decode(place.bytes, place.start, place.end);
    return keyValueHolds(compare, found);
  }
  let holds = true;
  let count = 0;
  const query = {
    key: compare.key,
    rangeEnd: compare.rangeEnd,
    revision: 0,
    limit: 0,
    countOnly: false,
  };
  store.range(query, (bytes, start, end) => {
    count += 1;
    if (!holds) return;
    found.decode(bytes, start, end);
    holds = keyValueHolds(compare, found);
  });
  return count === 0 ? missingHolds(compare) : holds;
}

/** A missing key has no value, not even an empty one, so that comparing its value always fails. */
function missingHolds(compare: Compare): boolean {
  return compare.target !== compareTarget.value && keyValueHolds(compare, missing);
}

function keyValueHolds(compare: Compare, keyValue: KeyValueView): boolean {
  const difference = differenceOf(compare, keyValue);
  switch (compare.result) {
    case compareResult.equal:
      return difference === 0;
    case compareResult.notEqual:
      return difference !== 0;
    case compareResult.greater:
      return difference > 0;
    case compareResult.less:
      return difference < 0;
    default:
      // An unknown result holds, as on etcd.
      return true;
  }
}

function differenceOf(compare: Compare, keyValue: KeyValueView): number {
  switch (compare.target) {
    case compareTarget.value: {
      const { buffer, valueStart, valueEnd } = keyValue;
      return compareBytes(buffer.subarray(valueStart, valueEnd), compare.value);
    }
    case compareTarget.version:
      return compareNumbers(keyValue.version, compare.operand);
    case compareTarget.create:
      return compareNumbers(keyValue.createRevision, compare.operand);
    case compareTarget.mod:
      return compareNumbers(keyValue.modRevision, compare.operand);
    case compareTarget.lease:
      return compareNumbers(keyValue.lease, compare.operand);
    default:
      return 0;
  }
}

/** JavaScript compares a number with a bigint exactly. */
function compareNumbers(ours: number | bigint, theirs: bigint): number {
  if (ours < theirs) return -1;
  return ours > theirs ? 1 : 0;
}
