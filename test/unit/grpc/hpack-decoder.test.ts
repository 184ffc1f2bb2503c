import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ConnectionError } from "../../../node/grpc/connection-error.ts";
import { errorCode } from "../../../node/grpc/frame.ts";
import type { HeaderField } from "../../../node/grpc/header-field.ts";
import { HpackDecoder } from "../../../node/grpc/hpack-decoder.ts";
import { integer, type TestField, TestHpackEncoder } from "./hpack-encoder.ts";

function decode(decoder: HpackDecoder, block: Uint8Array): string[] {
  const fields: string[] = [];
  const add = (field: HeaderField) => fields.push(`${field.name.text}: ${field.value}`);
  decoder.decode(block, 0, block.length, { add });
  return fields;
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

function refused(block: Uint8Array, decoder = new HpackDecoder(4096)): void {
  assert.throws(
    () => decode(decoder, block),
    (error: unknown) =>
      error instanceof ConnectionError && error.code === errorCode.compressionError,
  );
}

describe("the examples of RFC 7541 appendix C", () => {
  const firstRequest = [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"];
  const secondRequest = [...firstRequest, "cache-control: no-cache"];
  const thirdRequest = [
    ":method: GET",
    ":scheme: https",
    ":path: /index.html",
    ":authority: www.example.com",
    "custom-key: custom-value",
  ];

  test("C.2 single fields", () => {
    const added = "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572";
    assert.deepEqual(decode(new HpackDecoder(4096), hex(added)), ["custom-key: custom-header"]);
    const plain = "040c 2f73 616d 706c 652f 7061 7468";
    assert.deepEqual(decode(new HpackDecoder(4096), hex(plain)), [":path: /sample/path"]);
    const never = "1008 7061 7373 776f 7264 0673 6563 7265 74";
    assert.deepEqual(decode(new HpackDecoder(4096), hex(never)), ["password: secret"]);
    assert.deepEqual(decode(new HpackDecoder(4096), hex("82")), [":method: GET"]);
  });

  test("C.3 requests without Huffman coding", () => {
    const decoder = new HpackDecoder(4096);
    assert.deepEqual(
      decode(decoder, hex("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d")),
      firstRequest,
    );
    assert.deepEqual(decode(decoder, hex("8286 84be 5808 6e6f 2d63 6163 6865")), secondRequest);
    const third = "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65";
    assert.deepEqual(decode(decoder, hex(third)), thirdRequest);
  });

  test("C.4 requests with Huffman coding", () => {
    const decoder = new HpackDecoder(4096);
    assert.deepEqual(
      decode(decoder, hex("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff")),
      firstRequest,
    );
    assert.deepEqual(decode(decoder, hex("8286 84be 5886 a8eb 1064 9cbf")), secondRequest);
    const third = "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf";
    assert.deepEqual(decode(decoder, hex(third)), thirdRequest);
  });

  test("C.6 responses with eviction from a table of 256 bytes", () => {
    const decoder = new HpackDecoder(256);
    const first =
      "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3";
    assert.deepEqual(decode(decoder, hex(first)), [
      ":status: 302",
      "cache-control: private",
      "date: Mon, 21 Oct 2013 20:13:21 GMT",
      "location: https://www.example.com",
    ]);
    assert.equal(decode(decoder, hex("4883 640e ffc1 c0bf"))[0], ":status: 307");
    const third =
      "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07";
    assert.deepEqual(decode(decoder, hex(third)), [
      ":status: 200",
      "cache-control: private",
      "date: Mon, 21 Oct 2013 20:13:22 GMT",
      "location: https://www.example.com",
      "content-encoding: gzip",
      "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
    ]);
  });
});

test("any sequence of blocks decodes to what was encoded, with evictions and size changes", () => {
  const field = fc.record({
    name: fc.constantFrom("a", "token", "x-custom", "user-agent", ":path", "long-".repeat(20)),
    value: fc.oneof(
      fc.constantFrom("", "1", "v".repeat(900)),
      fc.string({ unit: "binary-ascii", maxLength: 30 }),
    ),
    as: fc.constantFrom("indexed", "added", "plain", "never"),
    isHuffman: fc.boolean(),
  }) satisfies fc.Arbitrary<TestField>;
  const block = fc.record({
    resize: fc.option(fc.integer({ min: 0, max: 4096 })),
    fields: fc.array(field, { maxLength: 12 }),
  });
  fc.assert(
    fc.property(fc.array(block, { maxLength: 8 }), (blocks) => {
      const encoder = new TestHpackEncoder();
      const decoder = new HpackDecoder(4096);
      for (const { resize, fields } of blocks) {
        const bytes = [
          ...(resize === null ? [] : encoder.resize(resize)),
          ...encoder.block(fields),
        ];
        assert.deepEqual(
          decode(decoder, Uint8Array.from(bytes)),
          fields.map(({ name, value }) => `${name}: ${value}`),
        );
      }
    }),
  );
});

test("any bytes are decoded or refused as COMPRESSION_ERROR", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        decode(new HpackDecoder(4096), bytes);
      } catch (error) {
        assert.ok(error instanceof ConnectionError);
        assert.equal(error.code, errorCode.compressionError);
      }
    }),
    { numRuns: 2_000 },
  );
});

test("index 0, an index without entry and a block that ends within a field are refused", () => {
  refused(hex("80"));
  refused(hex("be"));
  refused(hex("40"));
  refused(hex("400a63"));
  refused(hex("ff"));
  refused(hex("048cf1e3"));
});

test("an integer above every limit is refused, however it is padded", () => {
  refused(hex("ff ff ff ff ff ff ff ff 7f"));
  refused(hex("ff 80 80 80 80 80 80 80 00"));
});

test("a table size update is refused behind a field, and above what we promised", () => {
  const toSmall = integer(0x20, 5, 100);
  refused(Uint8Array.from([0x82, ...toSmall]));
  refused(Uint8Array.from(integer(0x20, 5, 4097)));
  assert.deepEqual(
    decode(new HpackDecoder(4096), Uint8Array.from([...toSmall, ...toSmall, 0x82])),
    [":method: GET"],
  );
});

test("an entry larger than the table empties it", () => {
  const encoder = new TestHpackEncoder();
  const decoder = new HpackDecoder(4096);
  decode(decoder, Uint8Array.from(encoder.block([{ name: "a", value: "1", as: "added" }])));
  decode(
    decoder,
    Uint8Array.from(encoder.block([{ name: "b", value: "x".repeat(5000), as: "added" }])),
  );
  refused(hex("be"), decoder);
});
