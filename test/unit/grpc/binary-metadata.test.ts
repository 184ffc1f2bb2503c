import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { base64Problem } from "../../../node/grpc/binary-metadata.ts";

/** What a real etcd 3.7.1 answered: the input byte of its complaint, -1 for none. */
const seen: readonly [string, number][] = [
  ["", -1],
  ["AAECAw==", -1],
  ["AAECAw", -1],
  ["AA", -1],
  ["AAA", -1],
  ["A", 0],
  ["AAAA=", 4],
  ["****", 0],
  ["AA*A", 2],
  ["AAEC=w==", 4],
  ["AA=A", 2],
  ["AAECA", 4],
  ["AAECA===", 5],
  ["A=AA", 1],
  ["AAAA,AAAA", 4],
  ["AA==AAAA", 4],
];

test("complains of the bytes of which etcd complains", () => {
  assert.deepEqual(
    seen.map(([text]) => [text, base64Problem(text)]),
    seen,
  );
});

test("takes everything that is encoded, padded or not", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const text = Buffer.from(bytes).toString("base64");
      assert.equal(base64Problem(text), -1);
      assert.equal(base64Problem(text.replace(/=+$/, "")), -1);
    }),
  );
});
