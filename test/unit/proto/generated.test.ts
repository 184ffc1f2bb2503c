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
import { asGogoWrote, isProto2 } from "./gogo.ts";
import { ourSchema } from "./our-schema.ts";
import { anyChoices, scramble } from "./scramble.ts";

interface Codec {
  encode(message: object): { finish(): Uint8Array };
  decode(bytes: Uint8Array): object;
}

function codecOf(name: string): Codec {
  return name
    .split(".")
    .reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], messages) as Codec;
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

suite("generated codecs", needs("proto"), () => {
  let go: GoMarshal;
  before(() => {
    go = new GoMarshal();
  });
  after(() => {
    go.close();
  });

  test("packages, messages, fields, enums and methods are Go's, one for one", async () => {
    const ours = ourSchema();
    assert.deepEqual(ours, await go.schema());
    const names = messageNames();
    assert.deepEqual(
      ours.flatMap((line) => (line.startsWith("message ") ? [line.slice(8)] : [])),
      names,
    );
    assert.ok(names.length > 130, `${names.length} messages`);
  });

  for (const name of messageNames()) {
    const codec = codecOf(name);

    test(`${name} is written and read byte for byte as Go does`, async () => {
      await fc.assert(
        fc.asyncProperty(anyMessage(name), async (json) => {
          const theirs = await go.marshal(name, json);
          assert.equal(hexOf(codec.encode(toGenerated(name, json)).finish()), hexOf(theirs));
          assert.equal(hexOf(codec.encode(codec.decode(theirs)).finish()), hexOf(theirs));
        }),
        { numRuns: 40 },
      );
    });

    test(`${name} is read out of all bytes that mean it, as Go does`, async () => {
      await fc.assert(
        fc.asyncProperty(anyMessage(name), anyChoices, async (json, choose) => {
          const plain = await go.marshal(name, json);
          const scrambled = scramble(name, plain, choose);
          const seenByGo = await go.remarshal(name, scrambled);
          assert.equal(seenByGo?.hex, hexOf(plain));
          assert.equal(hexOf(codec.encode(codec.decode(scrambled)).finish()), hexOf(plain));
        }),
        { numRuns: 20 },
      );
    });

    if (!isProto2(name)) continue;
    test(`${name} with the zeros that etcd up to 3.6 writes keeps them`, async () => {
      await fc.assert(
        fc.asyncProperty(anyMessage(name), async (json) => {
          const filled = asGogoWrote(name, json);
          const theirs = await go.marshal(name, filled);
          assert.equal(hexOf(codec.encode(codec.decode(theirs)).finish()), hexOf(theirs));
          assert.equal(hexOf(codec.encode(toGenerated(name, filled)).finish()), hexOf(theirs));
        }),
        { numRuns: 20 },
      );
    });
  }
});

test("the committed codecs are what the .proto files give", () => {
  execFileSync("sh", [join(import.meta.dirname, "../../../node/proto/generate.sh"), "--verify"], {
    stdio: "pipe",
  });
});
