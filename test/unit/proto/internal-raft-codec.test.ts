/** Entry data against Go. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import fc from "fast-check";

import {
  encodeInternalRaft,
  InternalRaftView,
  internalRaftOverheadBytes,
  internalRequest,
} from "../../../node/proto/internal-raft-codec.ts";
import { WireError, Writer } from "../../../node/proto/wire.ts";
import { needs } from "../../support/peers.ts";
import { anyMessage, protoRoot, uint64 } from "./any-message.ts";
import { GoMarshal, type JsonObject } from "./go-marshal.ts";

/** Every request an entry can hold: field number, name in InternalRaftRequest, message. */
const requests: readonly [number, string, string][] = protoRoot
  .lookupType("etcdserverpb.InternalRaftRequest")
  .fieldsArray.filter(({ name }) => name !== "header" && name !== "ID")
  .map(({ id, name, resolvedType }) => [id, name, resolvedType?.fullName.slice(1) ?? ""]);

const anyAuth = fc.option(
  fc.record({ username: fc.string({ unit: "binary" }), revision: fc.maxSafeNat() }),
);
const high = (id: bigint): number => Number(id >> 32n);
const low = (id: bigint): number => Number(BigInt.asUintN(32, id));
const hexOf = (value: Uint8Array): string => Buffer.from(value).toString("hex");
const view = new InternalRaftView();

const seenId = (): bigint => (BigInt(view.idHigh) << 32n) | BigInt(view.idLow);

suite("entry data", needs("proto"), () => {
  let go: GoMarshal;
  before(() => {
    go = new GoMarshal();
  });
  after(() => {
    go.close();
  });

  for (const [field, member, type] of requests) {
    test(`${member} is put into an entry byte for byte as Go does, and found again`, async () => {
      await fc.assert(
        fc.asyncProperty(uint64, anyMessage(type), anyAuth, async (id, json, auth) => {
          const message = await go.marshal(type, json);
          const writer = new Writer(16);
          writer.byte(0xff);
          encodeInternalRaft(
            writer,
            high(id),
            low(id),
            field,
            message,
            0,
            message.length,
            auth ?? undefined,
          );
          const ours = writer.finish().subarray(1);
          const header: JsonObject =
            auth === null ? {} : { username: auth.username, auth_revision: String(auth.revision) };
          const request = { header: { ID: String(id), ...header }, [member]: json };
          const theirs = await go.marshal("etcdserverpb.InternalRaftRequest", request);
          assert.equal(hexOf(ours), hexOf(theirs));
          if (auth === null) assert.ok(ours.length - message.length <= internalRaftOverheadBytes);

          view.decode(writer.buffer, 1, writer.position);
          assert.equal(seenId(), id);
          assert.equal(view.field, field);
          assert.equal(hexOf(view.buffer.subarray(view.start, view.end)), hexOf(message));
          assert.equal(view.username, auth?.username ?? "");
          assert.equal(view.authRevision, auth?.revision ?? 0);
        }),
        { numRuns: 60 },
      );
    });
  }

  test("the requests that the member knows have the field numbers of the .proto file", () => {
    assert.equal(requests.length, 30);
    const numberOf = new Map(requests.map(([field, member]) => [member, field]));
    for (const [member, field] of Object.entries(internalRequest))
      assert.equal(numberOf.get(member), field, member);
  });

  test("the id of an old member's entry is found in its own field", async () => {
    const bytes = await go.marshal("etcdserverpb.InternalRaftRequest", {
      ID: String(2n ** 64n - 1n),
      put: {},
    });
    view.decode(bytes, 0, bytes.length);
    assert.equal(seenId(), 2n ** 64n - 1n);
    assert.deepEqual([view.field, view.end - view.start], [internalRequest.put, 0]);
  });

  test("nothing of the last entry is left in the view", async () => {
    const full = await go.marshal("etcdserverpb.InternalRaftRequest", {
      header: { ID: "7", username: "root", auth_revision: "3" },
      put: { key: "YQ==" },
    });
    view.decode(full, 0, full.length);
    view.decode(new Uint8Array(0), 0, 0);
    assert.deepEqual({ ...view, buffer: null }, { ...new InternalRaftView(), buffer: null });
  });
});

test("bytes that are no entry data are malformed, and nothing worse", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      try {
        view.decode(bytes, 0, bytes.length);
      } catch (error) {
        assert.ok(error instanceof WireError);
      }
    }),
    { numRuns: 500 },
  );
});
