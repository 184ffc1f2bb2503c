import assert from "node:assert/strict";
import { test } from "node:test";
import { pemBlocks, pemBytes } from "../../../node/tls/pem-blocks.ts";
import { TestCa } from "../../support/pki.ts";

const ca = TestCa.create("ca");
const other = TestCa.create("other");

test("blocks are found between comments, whatever the line ends are", () => {
  const text = `bag attributes\r\n${ca.certPem.replaceAll("\n", "\r\n")}# more\n${other.keyPem}the end`;
  const blocks = pemBlocks(text);
  assert.deepEqual(
    blocks.map(({ label }) => label),
    ["CERTIFICATE", "PRIVATE KEY"],
  );
  const [first] = blocks;
  assert.ok(first !== undefined);
  assert.deepEqual(Buffer.from(pemBytes(first)), ca.certificate.raw);
});

test("a text that ends anywhere but between two blocks throws, and never gives fewer certificates", () => {
  const whole = ca.certPem + other.certPem;
  const betweenBlocks = (length: number): boolean =>
    whole.slice(0, length).trimEnd() === ca.certPem.trimEnd() ||
    whole.slice(0, length).trimEnd() === whole.trimEnd();
  for (let length = 1; length < whole.length; length++) {
    const cut = whole.slice(0, length);
    if (betweenBlocks(length)) assert.ok(pemBlocks(cut).length >= 1);
    else
      assert.throws(
        () => pemBlocks(cut),
        /has no end|cut off/,
        `${length} bytes: ${cut.slice(-30)}`,
      );
  }
});

test("no text gives no blocks", () => {
  assert.deepEqual(pemBlocks(""), []);
  assert.deepEqual(pemBlocks("a comment\n"), []);
});
