import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { BucketName } from "../../../node/backend/backend.ts";
import { Buckets, bucketNamesAll } from "../../../node/backend/buckets.ts";
import { compareBytes, fromText } from "../../../node/lib/bytes.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const names = fc.constantFrom<BucketName>("meta", "lease", "auth");
const keys = fc.uint8Array({ maxLength: 2 });
const changes = fc.array(fc.tuple(names, keys, fc.option(fc.uint8Array({ maxLength: 5 }))), {
  maxLength: 60,
});

test("buckets hold what a plain map would, and their sums depend on the content only", () => {
  fc.assert(
    fc.property(changes, (list) => {
      const buckets = new Buckets();
      const model = new Map<string, { name: BucketName; key: Uint8Array; value: Uint8Array }>();
      const store = new Map<string, readonly [Uint8Array, Uint8Array]>();
      for (const [name, key, value] of list) {
        const id = `${name} ${Buffer.from(key).toString("hex")}`;
        if (value === null) {
          const storedKey = buckets.delete(name, key);
          assert.equal(storedKey !== undefined, model.delete(id));
          store.delete(id);
        } else {
          const stored = buckets.put(name, key, value);
          model.set(id, { name, key, value });
          store.set(id, [stored.key, stored.value]);
        }
      }
      const loaded = new Buckets();
      for (const [key, value] of [...store.values()].reverse())
        assert.equal(loaded.load(key, value), undefined);
      assert.deepEqual([loaded.count, loaded.sum], [buckets.count, buckets.sum]);
      assert.equal(buckets.count, model.size);
      for (const name of ["meta", "lease", "auth"] as const) {
        const expected = [...model.values()]
          .filter((entry) => entry.name === name)
          .sort((a, b) => compareBytes(a.key, b.key));
        const plain = expected.map(({ key, value }) => [hex(key), hex(value)]);
        for (const each of [buckets, loaded]) {
          assert.deepEqual(
            each.entries(name).map(({ key, value }) => [hex(key), hex(value)]),
            plain,
          );
        }
        for (const { key, value } of expected)
          assert.equal(hex(buckets.get(name, key) ?? fromText("?")), hex(value));
      }
    }),
  );
});

test("every bucket has its own number in the format", () => {
  const ids = bucketNamesAll.map(
    (name) => new Buckets().put(name, fromText("k"), fromText("v")).key[1],
  );
  assert.deepEqual(ids, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("a stored entry with a flipped bit is refused", () => {
  const stored = new Buckets().put("lease", fromText("key"), fromText("value"));
  for (const part of ["key", "value"] as const) {
    for (let bit = part === "key" ? 8 : 0; bit < stored[part].length * 8; bit++) {
      const flipped = { key: stored.key.slice(), value: stored.value.slice() };
      flipped[part][bit >> 3] = (flipped[part][bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.notEqual(new Buckets().load(flipped.key, flipped.value), undefined);
    }
  }
  assert.equal(new Buckets().load(stored.key, stored.value.subarray(0, 3)), "value too short");
});

test("entries handed out do not change when the bucket does", () => {
  const buckets = new Buckets();
  buckets.put("meta", fromText("a"), fromText("1"));
  const before = buckets.entries("meta");
  buckets.put("meta", fromText("b"), fromText("2"));
  assert.equal(before.length, 1);
  assert.equal(buckets.entries("meta").length, 2);
});
