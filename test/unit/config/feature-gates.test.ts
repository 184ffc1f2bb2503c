import assert from "node:assert/strict";
import { test } from "node:test";

import { parseFeatureGates } from "../../../node/config/feature-gates.ts";

test("gates that are named with etcd's defaults are taken", () => {
  const text = "FastLeaseKeepAlive=true, CompactHashCheck=false,LeaseCheckpoint=false";
  assert.equal(parseFeatureGates(text), text);
  assert.equal(parseFeatureGates(""), "");
});

test("a gate without effect is refused by name, not ignored", () => {
  assert.throws(
    () => parseFeatureGates("FastLeaseKeepAlive=true,LeaseCheckpoint=true"),
    /LeaseCheckpoint=true is not served in this version/,
  );
});

test("an unknown gate and a value that is none are refused", () => {
  assert.throws(() => parseFeatureGates("Nothing=true"), /there is no feature gate "Nothing"/);
  assert.throws(() => parseFeatureGates("LeaseCheckpoint=yes"), /expected LeaseCheckpoint=true/);
});
