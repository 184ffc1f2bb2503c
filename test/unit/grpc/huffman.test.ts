import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  decodeHuffman,
  huffmanCodeLength,
  huffmanCodes,
  huffmanDecodedMax,
} from "../../../node/grpc/huffman.ts";
import { huffman } from "./hpack-encoder.ts";

function decode(bytes: readonly number[]): string | undefined {
  const target = new Uint8Array(huffmanDecodedMax(bytes.length));
  const length = decodeHuffman(Uint8Array.from(bytes), 0, bytes.length, target);
  return length < 0 ? undefined : Buffer.from(target.subarray(0, length)).toString("latin1");
}

test("the code is that of RFC 7541 appendix B", () => {
  const codes = huffmanCodes();
  const rows: [number, number, number][] = [
    [0, 0x1ff8, 13],
    [10, 0x3ffffffc, 30],
    [32, 0x14, 6],
    [48, 0x0, 5],
    [97, 0x3, 5],
    [92, 0x7fff0, 19],
    [126, 0x1ffd, 13],
    [127, 0xffffffc, 28],
    [249, 0xffffffe, 28],
    [255, 0x3ffffee, 26],
    [256, 0x3fffffff, 30],
  ];
  for (const [symbol, code, length] of rows) {
    assert.equal(codes[symbol], code);
    assert.equal(huffmanCodeLength(symbol), length);
  }
});

test("any bytes survive encoding and decoding", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const text = Buffer.from(bytes).toString("latin1");
      assert.equal(decode(huffman(text)), text);
    }),
  );
});

test("padding must be less than a byte of ones, and EOS must not occur", () => {
  assert.equal(decode([]), "");
  assert.equal(decode([0x07]), "0");
  assert.equal(decode([0x00]), undefined, "zeros as padding");
  assert.equal(decode([0x07, 0xff]), undefined, "a whole byte of padding");
  assert.equal(decode([0xff, 0xff, 0xff, 0xff]), undefined, "EOS");
});
