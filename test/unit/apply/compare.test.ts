import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareTarget } from "../../../node/proto/txn-request.ts";
import { type CompareFields, compare, Lab } from "./apply-lab.ts";

/** A compare whose enums hold any number, as they may on the wire. */
function withNumbers(
  fields: CompareFields,
  numbers: { readonly target?: number; readonly result?: number },
): CompareFields {
  const changed: unknown = { ...fields, ...numbers };
  return changed as CompareFields;
}

/** a: created at 2, changed at 4, version 2, value "v". b: created and changed at 3, version 1, no value. */
async function twoKeys(): Promise<Lab> {
  const lab = await Lab.open();
  lab.put("a", "u");
  lab.put("b", "");
  lab.put("a", "v");
  return lab;
}

test("each target is compared with each result", async () => {
  const lab = await twoKeys();
  for (const [target, actual] of [
    ["version", 2],
    ["create", 2],
    ["mod", 4],
    ["lease", 0],
  ] as const) {
    const outcomes = [actual - 1, actual, actual + 1].map((operand) =>
      (["=", "!=", ">", "<"] as const).map((sign) =>
        lab.holds(compare(target, "a", sign, operand)),
      ),
    );
    assert.deepEqual(
      outcomes,
      [
        [false, true, true, false],
        [true, false, false, false],
        [false, true, false, true],
      ],
      target,
    );
  }
});

test("values are compared as bytes, a prefix before what it begins", async () => {
  const lab = await twoKeys();
  lab.put("x", "m\xff");
  assert.ok(lab.holds(compare("value", "x", "=", "m\xff")));
  assert.ok(lab.holds(compare("value", "x", ">", "m\x7f")));
  assert.ok(lab.holds(compare("value", "x", ">", "m")));
  assert.ok(lab.holds(compare("value", "x", "<", "n")));
  assert.ok(lab.holds(compare("value", "x", "!=", "m")));
});

test("a missing key compares as zero", async () => {
  const lab = await twoKeys();
  for (const target of ["version", "create", "mod", "lease"] as const) {
    assert.ok(lab.holds(compare(target, "c", "=", 0)));
    assert.ok(lab.holds(compare(target, "c", "<", 1)));
    assert.ok(lab.holds(compare(target, "c", ">", -1)));
    assert.ok(!lab.holds(compare(target, "c", "!=", 0)));
  }
});

test("a missing key has no value: every comparison of it fails, an empty value's does not", async () => {
  const lab = await twoKeys();
  for (const sign of ["=", "!=", ">", "<"] as const) {
    assert.ok(!lab.holds(compare("value", "c", sign, "")));
    assert.ok(!lab.holds(compare("value", "c..d", sign, "v")));
  }
  assert.ok(lab.holds(compare("value", "b", "=", "")));
});

test("a deleted key compares as a missing one", async () => {
  const lab = await twoKeys();
  lab.delete("a");
  assert.ok(lab.holds(compare("create", "a", "=", 0)));
  assert.ok(!lab.holds(compare("value", "a", "=", "v")));
  lab.put("a", "again");
  assert.ok(lab.holds(compare("version", "a", "=", 1)));
});

test("a range holds if it holds for every key in it", async () => {
  const lab = await twoKeys();
  assert.ok(lab.holds(compare("mod", "a..c", ">", 2)));
  assert.ok(!lab.holds(compare("mod", "a..c", ">", 3)));
  assert.ok(lab.holds(compare("mod", "a..b", ">", 3)));
  assert.ok(!lab.holds(compare("value", "a..c", "=", "v")));
});

test("a range without a key compares once, as zero", async () => {
  const lab = await twoKeys();
  assert.ok(lab.holds(compare("version", "c..d", "=", 0)));
  assert.ok(!lab.holds(compare("version", "c..d", ">", 0)));
  assert.ok(lab.holds(compare("version", "b..a", "=", 0)));
});

test("a range end of one zero byte means every key from the first on", async () => {
  const lab = await twoKeys();
  assert.ok(lab.holds(compare("create", "a..\0", ">", 1)));
  assert.ok(!lab.holds(compare("version", "a..\0", ">", 1)));
  assert.ok(lab.holds(compare("version", "c..\0", "=", 0)));
});

test("all compares must hold; none at all hold", async () => {
  const lab = await twoKeys();
  assert.ok(lab.holds());
  assert.ok(lab.holds(compare("version", "a", "=", 2), compare("version", "b", "=", 1)));
  assert.ok(!lab.holds(compare("version", "a", "=", 2), compare("version", "b", "=", 2)));
});

test("operands of the whole int64 are compared exactly", async () => {
  const lab = await twoKeys();
  assert.ok(lab.holds(compare("mod", "a", "<", 2n ** 63n - 1n)));
  assert.ok(lab.holds(compare("mod", "a", ">", -(2n ** 63n))));
  assert.ok(lab.holds(compare("lease", "a", "!=", 2n ** 53n + 1n)));
});

test("an operand that belongs to another target counts as zero, as on etcd", async () => {
  const lab = await twoKeys();
  const asVersion = (fields: CompareFields) =>
    withNumbers(fields, { target: compareTarget.version });
  assert.ok(!lab.holds(asVersion(compare("mod", "a", "=", 4))));
  assert.ok(lab.holds(asVersion(compare("mod", "c", "=", 4))));
});

test("unknown targets are equal and unknown results hold, as on etcd", async () => {
  const lab = await twoKeys();
  assert.ok(lab.holds(withNumbers(compare("mod", "a", "=", 99), { target: 9 })));
  assert.ok(!lab.holds(withNumbers(compare("mod", "a", ">", 0), { target: 9 })));
  assert.ok(lab.holds(withNumbers(compare("mod", "a", "=", 99), { result: 9 })));
});

test("any two values compare as their bytes do", async () => {
  const lab = await Lab.open();
  const value = fc.array(fc.constantFrom("\0", "a", "\x7f", "\x80", "\xff"), { maxLength: 4 });
  fc.assert(
    fc.property(value, value, (a, b) => {
      lab.put("k", a.join(""));
      const order = Buffer.compare(
        Buffer.from(a.join(""), "latin1"),
        Buffer.from(b.join(""), "latin1"),
      );
      assert.equal(lab.holds(compare("value", "k", "=", b.join(""))), order === 0);
      assert.equal(lab.holds(compare("value", "k", ">", b.join(""))), order > 0);
      assert.equal(lab.holds(compare("value", "k", "<", b.join(""))), order < 0);
      assert.equal(lab.holds(compare("value", "k", "!=", b.join(""))), order !== 0);
    }),
  );
});
