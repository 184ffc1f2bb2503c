/** The generated codecs against Go's, for every message of node/proto. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";

import fc from "fast-check";

import * as messages from "../../../node/proto/generated/messages.js";
import { needs } from "../../support/peers.ts";
import { anyMessage, messageNames, toGenerated } from "./any-message.ts";
import { GoMarshal } from "./go-marshal.ts";

interface Codec {
  encode(message: object): { finish(): Uint8Array };
  decode(bytes: Uint8Array): object;
}

function codecOf(name: string): Codec {
  const [namespace = "", ...path] = name.split(".");
  const all = messages as unknown as Record<string, Record<string, unknown>>;
  return path.reduce<unknown>(
    (at, part) => (at as Record<string, unknown>)[part],
    all[namespace],
  ) as Codec;
}

/**
 * Go writes the members of a oneof behind all other fields, and Compare has another field behind its oneof. What
 * contains a Compare is therefore compared after Go has read it.
 */
const inGoOrder = (name: string): boolean =>
  !/Compare|RequestOp|TxnRequest|InternalRaftRequest/.test(name);

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

suite("generated codecs", needs("proto"), () => {
  let go: GoMarshal;
  before(() => {
    go = new GoMarshal();
  });
  after(() => {
    go.close();
  });

  for (const name of messageNames()) {
    test(`${name} is written and read byte for byte as Go does`, async () => {
      const codec = codecOf(name);
      await fc.assert(
        fc.asyncProperty(anyMessage(name), async (json) => {
          const theirs = await go.marshal(name, json);
          const ours = codec.encode(toGenerated(name, json)).finish();
          const again = codec.encode(codec.decode(theirs)).finish();
          for (const bytes of [ours, again]) {
            if (inGoOrder(name)) assert.equal(hexOf(bytes), hexOf(theirs));
            assert.equal((await go.remarshal(name, bytes))?.hex, hexOf(theirs));
          }
        }),
        { numRuns: 40 },
      );
    });
  }

  test("unknown fields are skipped", async () => {
    const known = await go.marshal("etcdserverpb.Member", { ID: "9223372036854775808", name: "a" });
    const bytes = Buffer.concat([Buffer.from("9a060568656c6c6f", "hex"), known]);
    const codec = codecOf("etcdserverpb.Member");
    assert.equal(hexOf(codec.encode(codec.decode(bytes)).finish()), hexOf(known));
  });
});

test("the committed codecs are what the .proto files give", () => {
  execFileSync("sh", [join(import.meta.dirname, "../../../node/proto/generate.sh"), "--verify"], {
    stdio: "pipe",
  });
});
