import assert from "node:assert/strict";
import { test } from "node:test";

import { parseFeatureGates } from "../../../node/config/feature-gates.ts";

test("gates that are named with their defaults change nothing", () => {
  const text = "FastLeaseKeepAlive=true, CompactHashCheck=false,TxnModeWriteWithSharedBuffer=true";
  assert.deepEqual(parseFeatureGates(text), {
    leaseCheckpoint: false,
    stopGrpcServiceOnDefrag: false,
  });
  assert.deepEqual(parseFeatureGates("AllAlpha=f,AllBeta=1"), {
    leaseCheckpoint: false,
    stopGrpcServiceOnDefrag: false,
  });
  assert.deepEqual(parseFeatureGates(""), {
    leaseCheckpoint: false,
    stopGrpcServiceOnDefrag: false,
  });
});

test("LeaseCheckpoint can be switched on", () => {
  assert.deepEqual(parseFeatureGates("LeaseCheckpoint=true"), {
    leaseCheckpoint: true,
    stopGrpcServiceOnDefrag: false,
  });
});

test("a gate without effect is refused by name, not ignored", () => {
  assert.throws(
    () => parseFeatureGates("CompactHashCheck=true"),
    /CompactHashCheck=true is not served in this version/,
  );
});

test("all gates of a kind cannot be switched: most have no effect", () => {
  assert.throws(() => parseFeatureGates("AllAlpha=true"), /AllAlpha=true is not served/);
  assert.throws(() => parseFeatureGates("AllBeta=false"), /AllBeta=false is not served/);
  assert.throws(() => parseFeatureGates("constructor=true"), /there is no feature gate/);
});

test("an unknown gate, a value that is none, and half of a pair are refused", () => {
  assert.throws(() => parseFeatureGates("Nothing=true"), /there is no feature gate "Nothing"/);
  assert.throws(() => parseFeatureGates("LeaseCheckpoint=yes"), /expected LeaseCheckpoint=true/);
  assert.throws(
    () => parseFeatureGates("LeaseCheckpointPersist=true"),
    /requires enabling feature gate LeaseCheckpoint$/,
  );
});
