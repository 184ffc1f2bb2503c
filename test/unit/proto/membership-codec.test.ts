/** Conf changes and what members publish against Go. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import fc from "fast-check";

import {
  type ConfChange,
  confChangeType,
  decodeConfChange,
  encodeConfChange,
} from "../../../node/proto/conf-change-codec.ts";
import {
  decodeClusterMemberAttrSet,
  decodeClusterVersionSet,
  encodeClusterMemberAttrSet,
  encodeClusterVersionSet,
} from "../../../node/proto/membership-codec.ts";
import { WireError } from "../../../node/proto/wire.ts";
import { needs } from "../../support/peers.ts";
import { anyMessage, bytes, toBase64, uint64 } from "./any-message.ts";
import { GoMarshal, type JsonObject } from "./go-marshal.ts";
import { asGogoWrote } from "./gogo.ts";
import { anyChoices, scramble } from "./scramble.ts";

const hexOf = (value: Uint8Array): string => Buffer.from(value).toString("hex");

const anyConfChange: fc.Arbitrary<ConfChange> = fc.record({
  id: uint64,
  type: fc.constantFrom(...Object.values(confChangeType)),
  nodeId: uint64,
  context: bytes,
});

const text = fc.string({ unit: "binary", maxLength: 20 });
const anyAttributes = fc.record(
  { memberId: uint64, name: text, clientUrls: fc.array(text, { maxLength: 4 }) },
  { noNullPrototype: true },
);

/** Etcd leaves an empty context out and sets all other fields. */
const confChangeJson = ({ id, type, nodeId, context }: ConfChange): JsonObject => ({
  id: String(id),
  type,
  node_id: String(nodeId),
  ...(context.length > 0 ? { context: toBase64(context) } : {}),
});

/** What Go's JSON says, zeros filled in. */
const seenByGo = (json: JsonObject): ConfChange => ({
  id: BigInt((json["id"] ?? 0) as string),
  type: (json["type"] ?? 0) as number,
  nodeId: BigInt((json["node_id"] ?? 0) as string),
  context: Buffer.from((json["context"] ?? "") as string, "base64"),
});

/** A negative type is no type at all: Infinity for us. */
const comparable = (change: ConfChange): object => ({
  ...change,
  type: change.type < 0 ? Infinity : change.type,
  context: hexOf(change.context),
});

suite("membership entries", needs("proto"), () => {
  let go: GoMarshal;
  before(() => {
    go = new GoMarshal();
  });
  after(() => {
    go.close();
  });

  test("a conf change is written byte for byte as etcd writes it", async () => {
    await fc.assert(
      fc.asyncProperty(anyConfChange, async (change) => {
        const theirs = await go.marshal("raftpb.ConfChange", confChangeJson(change));
        assert.equal(hexOf(encodeConfChange(change)), hexOf(theirs));
        assert.deepEqual(comparable(decodeConfChange(theirs)), comparable(change));
      }),
      { numRuns: 200 },
    );
  });

  test("a conf change is read as Go reads it, whatever fields are set, with zeros of etcd 3.6 or without", async () => {
    await fc.assert(
      fc.asyncProperty(anyMessage("raftpb.ConfChange"), anyChoices, async (json, choose) => {
        for (const given of [json, asGogoWrote("raftpb.ConfChange", json)]) {
          const plain = await go.marshal("raftpb.ConfChange", given);
          const scrambled = scramble("raftpb.ConfChange", plain, choose);
          const theirs = await go.remarshal("raftpb.ConfChange", scrambled);
          assert.ok(theirs);
          for (const some of [plain, scrambled])
            assert.deepEqual(comparable(decodeConfChange(some)), comparable(seenByGo(theirs.json)));
        }
      }),
      { numRuns: 100 },
    );
  });

  test("a member's attributes are written and read byte for byte as Go does", async () => {
    const name = "membershippb.ClusterMemberAttrSetRequest";
    await fc.assert(
      fc.asyncProperty(anyAttributes, anyChoices, async (request, choose) => {
        const theirs = await go.marshal(name, {
          member_ID: String(request.memberId),
          member_attributes: { name: request.name, client_urls: request.clientUrls },
        });
        assert.equal(hexOf(encodeClusterMemberAttrSet(request)), hexOf(theirs));
        for (const some of [theirs, scramble(name, theirs, choose)])
          assert.deepEqual(decodeClusterMemberAttrSet(some), request);
      }),
      { numRuns: 200 },
    );
  });

  test("the cluster's version is written and read byte for byte as Go does", async () => {
    const name = "membershippb.ClusterVersionSetRequest";
    await fc.assert(
      fc.asyncProperty(text, anyChoices, async (ver, choose) => {
        const theirs = await go.marshal(name, { ver });
        // Proto3 leaves an empty text out; etcd never sets one.
        if (ver !== "") assert.equal(hexOf(encodeClusterVersionSet(ver)), hexOf(theirs));
        for (const some of [theirs, scramble(name, theirs, choose)])
          assert.equal(decodeClusterVersionSet(some), ver);
      }),
      { numRuns: 100 },
    );
  });
});

test("bytes that are no membership entry are malformed, and nothing worse", () => {
  const decoders = [decodeConfChange, decodeClusterMemberAttrSet, decodeClusterVersionSet];
  fc.assert(
    fc.property(fc.uint8Array(), (some) => {
      for (const decode of decoders) {
        try {
          decode(some);
        } catch (error) {
          assert.ok(error instanceof WireError);
        }
      }
    }),
    { numRuns: 500 },
  );
});
