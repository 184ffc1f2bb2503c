import assert from "node:assert/strict";
import { test } from "node:test";
import { sortOrder, sortTarget } from "../../../node/proto/range-request.ts";
import { kv, Lab, type RangeOptions } from "./apply-lab.ts";

const { none, ascend, descend } = sortOrder;
const all: RangeOptions = { end: "\0" };

/** Key, create, mod, version, value: a 2 7 2 z · b 3 3 1 y · c 4 6 3 x · d 8 8 1 w. Revision 8. */
async function fourKeys(): Promise<Lab> {
  const lab = await Lab.open();
  lab.put("a", "first");
  lab.put("b", "y");
  lab.put("c", "1");
  lab.put("c", "2");
  lab.put("c", "x");
  lab.put("a", "z");
  lab.put("d", "w");
  return lab;
}

test("a single key, half-open ranges, all keys from one on, and ranges that hold none", async () => {
  const lab = await fourKeys();
  assert.equal(lab.keys("b"), "b");
  assert.equal(lab.keys("bb"), "");
  assert.equal(lab.keys("a", { end: "c" }), "a b");
  assert.equal(lab.keys("b", { end: "\0" }), "b c d");
  assert.equal(lab.keys("\0", { end: "\0" }), "a b c d");
  assert.equal(lab.keys("c", { end: "a" }), "");
  assert.equal(lab.keys("c", { end: "c" }), "");
});

test("the pairs come whole", async () => {
  const lab = await fourKeys();
  assert.deepEqual(lab.range("a", { end: "c" }), {
    revision: 8,
    kvs: [kv("a", "z", 2, 7, 2), kv("b", "y", 3, 3, 1)],
    count: 2,
    more: false,
  });
});

test("a limit cuts the pairs and says that there are more; the count is that of the range", async () => {
  const lab = await fourKeys();
  for (const [limit, keys, more] of [
    [0, "a b c d", false],
    [-1, "a b c d", false],
    [1, "a", true],
    [3, "a b c", true],
    [4, "a b c d", false],
    [5, "a b c d", false],
  ] as const) {
    const answer = lab.range("a", { ...all, limit });
    assert.ok(typeof answer === "object");
    assert.equal(answer.kvs.map(({ key }) => key).join(" "), keys);
    assert.equal(answer.more, more, `limit ${limit}`);
    assert.equal(answer.count, 4);
  }
});

test("count_only gives the count and no pairs, whatever the limit", async () => {
  const lab = await fourKeys();
  for (const limit of [0, 1]) {
    assert.deepEqual(lab.range("b", { end: "d", countOnly: true, limit }), {
      revision: 8,
      kvs: [],
      count: 2,
      more: false,
    });
  }
  assert.deepEqual(lab.range("b", { end: "d", countOnly: true, target: 4, order: descend }), {
    revision: 8,
    kvs: [],
    count: 2,
    more: false,
  });
});

test("keys_only gives keys and revisions without values", async () => {
  const lab = await fourKeys();
  assert.deepEqual(lab.range("a", { end: "c", keysOnly: true }), {
    revision: 8,
    kvs: [kv("a", "", 2, 7, 2), kv("b", "", 3, 3, 1)],
    count: 2,
    more: false,
  });
});

test("keys_only with an order by value still sorts by the values", async () => {
  const lab = await fourKeys();
  const answer = lab.range("a", {
    ...all,
    keysOnly: true,
    target: sortTarget.value,
    order: ascend,
  });
  assert.ok(typeof answer === "object");
  assert.deepEqual(
    answer.kvs.map(({ key, value }) => key + value),
    ["d", "c", "b", "a"],
  );
});

test("each target sorts in each order", async () => {
  const lab = await fourKeys();
  const rows = {
    key: ["a b c d", "a b c d", "d c b a"],
    version: ["b d a c", "b d a c", "c a b d"],
    create: ["a b c d", "a b c d", "d c b a"],
    mod: ["b c a d", "b c a d", "d a c b"],
    value: ["d c b a", "d c b a", "a b c d"],
  } as const;
  for (const [name, expected] of Object.entries(rows)) {
    const target = sortTarget[name as keyof typeof sortTarget];
    const found = [none, ascend, descend].map((order) => lab.keys("a", { ...all, target, order }));
    assert.deepEqual(found, expected, name);
  }
});

test("a sorted answer is cut by the limit after it was sorted", async () => {
  const lab = await fourKeys();
  const answer = lab.range("a", { ...all, target: sortTarget.mod, order: descend, limit: 2 });
  assert.ok(typeof answer === "object");
  assert.equal(answer.kvs.map(({ key }) => key).join(" "), "d a");
  assert.equal(answer.more, true);
  assert.equal(answer.count, 4);
});

test("order NONE with another target sorts only the first limit + 1 keys, as on etcd", async () => {
  const lab = await fourKeys();
  // By key the first three are a, b, c; by mod revision those are b, c, a.
  assert.equal(lab.keys("a", { ...all, target: sortTarget.mod, order: none, limit: 2 }), "b c");
  assert.equal(lab.keys("a", { ...all, target: sortTarget.mod, order: ascend, limit: 1 }), "b");
});

test("revision filters keep what lies inside, and leave the count as it was", async () => {
  const lab = await fourKeys();
  const cases: readonly [RangeOptions, string][] = [
    [{ minMod: 7 }, "a d"],
    [{ maxMod: 6 }, "b c"],
    [{ minMod: 6, maxMod: 7 }, "a c"],
    [{ minCreate: 4 }, "c d"],
    [{ maxCreate: 3 }, "a b"],
    [{ minCreate: 3, maxCreate: 4, maxMod: 3 }, "b"],
    [{ minMod: 9 }, ""],
    [{ maxMod: -1 }, ""],
    [{ minMod: -1 }, "a b c d"],
  ];
  for (const [filters, keys] of cases) {
    const answer = lab.range("a", { ...all, ...filters });
    assert.ok(typeof answer === "object");
    assert.equal(answer.kvs.map(({ key }) => key).join(" "), keys, JSON.stringify(filters));
    assert.equal(answer.count, 4);
    assert.equal(answer.more, false);
  }
});

test("the limit counts after the filters", async () => {
  const lab = await fourKeys();
  const options = { ...all, minMod: 6, limit: 2 };
  const answer = lab.range("a", options);
  assert.ok(typeof answer === "object");
  assert.equal(answer.kvs.map(({ key }) => key).join(" "), "a c");
  assert.equal(answer.more, true);
  assert.equal(lab.keys("a", { ...options, limit: 3 }), "a c d");
});

test("keys_only with filters has revisions of the index", async () => {
  const lab = await fourKeys();
  assert.deepEqual(lab.range("a", { ...all, keysOnly: true, minMod: 8 }), {
    revision: 8,
    kvs: [kv("d", "", 8, 8, 1)],
    count: 4,
    more: false,
  });
});

test("an older revision shows what was there then, under today's header", async () => {
  const lab = await fourKeys();
  assert.deepEqual(lab.range("a", { ...all, revision: 4 }), {
    revision: 8,
    kvs: [kv("a", "first", 2, 2, 1), kv("b", "y", 3, 3, 1), kv("c", "1", 4, 4, 1)],
    count: 3,
    more: false,
  });
  lab.delete("a", "\0");
  assert.equal(lab.keys("a", all), "");
  assert.equal(lab.keys("a", { ...all, revision: 8 }), "a b c d");
  assert.equal(
    lab.keys("a", { ...all, revision: 5, target: sortTarget.mod, order: descend }),
    "c b a",
  );
});

test("a revision of 0 or less is the newest, one that is not there yet is refused", async () => {
  const lab = await fourKeys();
  assert.equal(lab.keys("a", { ...all, revision: -3 }), "a b c d");
  assert.equal(lab.keys("a", { ...all, revision: 8 }), "a b c d");
  assert.equal(lab.keys("a", { ...all, revision: 9 }), "FutureRev");
  assert.equal(lab.keys("a", { ...all, revision: 9, order: descend }), "FutureRev");
  assert.equal(lab.keys("a", { ...all, revision: Number.MAX_SAFE_INTEGER }), "FutureRev");
});
