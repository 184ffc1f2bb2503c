import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeStatusText } from "../../../node/grpc/status.ts";

test("grpc-message is percent-encoded: everything but printable ASCII, and the percent sign", () => {
  assert.equal(
    encodeStatusText("etcdserver: key not found", 100).toString(),
    "etcdserver: key not found",
  );
  assert.equal(encodeStatusText("100% ü\n", 100).toString(), "100%25 %C3%BC%0A");
});

test("any text survives, and a cut never splits an escape", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.nat(40), (text, max) => {
      assert.equal(
        decodeURIComponent(encodeStatusText(text, 10_000).toString()),
        text.toWellFormed(),
      );
      const cut = encodeStatusText(text, max).toString();
      assert.ok(cut.length <= max);
      assert.match(cut, /^(?:[^%]|%[0-9A-F]{2})*$/);
    }),
  );
});
