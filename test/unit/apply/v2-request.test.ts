/** Requests of the v2 API, in the bytes that an etcd up to 3.5 wrote them: gogo's, with every field that is not nullable. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Applier } from "../../../node/apply/applier.ts";
import { fromText } from "../../../node/lib/bytes.ts";
import { CorruptionError } from "../../../node/lib/corruption-error.ts";
import { memberId } from "../../../node/lib/units.ts";
import { emptyConfState } from "../../../node/membership/conf-state-json.ts";
import { InternalRaftView } from "../../../node/proto/internal-raft-codec.ts";
import { WireError, Writer } from "../../../node/proto/wire.ts";
import { Lab } from "./apply-lab.ts";

const id = memberId(0xf00d_0000_0000_0001n);
const attributes = "/0/members/f00d000000000001/attributes";

/** etcdserverpb.Request of 3.5: ID, method, path, value, and twelve more of which only Refresh may be missing. */
function v2Request(method: string, path: string, value: string): Uint8Array {
  const writer = new Writer();
  writer.bigintField(1, 2n ** 63n + 5n);
  writer.bytesField(2, fromText(method));
  writer.bytesField(3, fromText(path));
  writer.bytesField(4, fromText(value));
  writer.raw(fromText("\x28\x00\x32\x00\x38\x00\x40\x00"), 0, 8);
  writer.raw(fromText("\x50\x00\x58\x00\x60\x00\x68\x00\x70\x00\x78\x00"), 0, 12);
  writer.raw(new Uint8Array([0x80, 0x01, 0x00]), 0, 3);
  return writer.finish();
}

/** The same in field 2 of InternalRaftRequest, behind its header. */
function wrapped(request: Uint8Array): Uint8Array {
  const writer = new Writer();
  writer.bytesField(2, request);
  writer.bytesField(100, new Uint8Array([8, 7]));
  return writer.finish();
}

async function cluster(): Promise<{ readonly lab: Lab; apply(entry: Uint8Array): void }> {
  const lab = await Lab.open();
  const member = {
    id,
    peerUrls: ["http://a:2380"],
    isLearner: false,
    name: "",
    clientUrls: [],
  };
  lab.cluster.applyChange([{ kind: "add", member }], { ...emptyConfState, voters: [id] });
  const applier = new Applier(lab);
  const view = new InternalRaftView();
  const apply = (entry: Uint8Array): void => {
    view.decode(entry, 0, entry.length);
    assert.deepEqual(applier.apply(view), { kind: "done" });
  };
  return { lab, apply };
}

const forms: readonly (readonly [string, (request: Uint8Array) => Uint8Array])[] = [
  ["alone", (request) => request],
  ["in a raft request", wrapped],
];

for (const [form, entry] of forms) {
  test(`a member's attributes and the cluster's version that came by the v2 API are taken in (${form})`, async () => {
    const { lab, apply } = await cluster();
    const value = '{"name":"a","clientURLs":["http://a:2379"]}';
    apply(entry(v2Request("PUT", attributes, value)));
    apply(entry(v2Request("PUT", "/0/version", "3.5.0")));
    assert.equal(lab.cluster.member(id)?.name, "a");
    assert.deepEqual(lab.cluster.member(id)?.clientUrls, ["http://a:2379"]);
    assert.equal(lab.cluster.version, "3.5.0");
    assert.equal(lab.store.currentRevision, 1);
  });

  test(`what else the v2 API may have set stops the member and is named (${form})`, async () => {
    const { apply } = await cluster();
    for (const [method, path, value] of [
      ["PUT", "/1/foo", "bar"],
      ["DELETE", "/0/version", ""],
      ["SYNC", "/1", ""],
      ["PUT", `${attributes}/more`, "{}"],
      ["PUT", attributes, "no json"],
      ["PUT", attributes, '{"name":7}'],
    ] as const) {
      assert.throws(
        () => apply(entry(v2Request(method, path, value))),
        (error) => error instanceof CorruptionError && error.message.includes(path),
      );
    }
  });
}

test("the id of a v2 request is known to who proposed it", () => {
  const view = new InternalRaftView();
  const entry = v2Request("PUT", "/0/version", "3.5.0");
  view.decode(entry, 0, entry.length);
  assert.deepEqual([view.isV2, view.idHigh, view.idLow], [true, 0x8000_0000, 5]);
});

test("bytes that only look like a v2 request are no request", async () => {
  const { apply } = await cluster();
  const writer = new Writer();
  writer.bytesField(2, fromText("PUT"));
  assert.throws(() => apply(writer.finish()), WireError);
});
