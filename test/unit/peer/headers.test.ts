import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { clusterId, idToHex, memberId } from "../../../node/lib/units.ts";
import {
  checkCompatible,
  headersOf,
  parseId,
  type Self,
  senderOf,
} from "../../../node/peer/headers.ts";

const self: Self = {
  memberId: memberId(0xfedc_ba98_7654_3210n),
  clusterId: clusterId(0xcdf8_1818_e32d_0f4en),
  peerUrls: ["http://127.0.0.1:2380", "http://[::1]:2380"],
};

const received = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

test("a member says who it is, in etcd's words", () => {
  assert.deepEqual(headersOf(self), {
    "X-Server-From": "fedcba9876543210",
    "X-Server-Version": "3.7.1",
    "X-Min-Cluster-Version": "3.0.0",
    "X-Etcd-Cluster-ID": "cdf81818e32d0f4e",
    "X-PeerURLs": "http://127.0.0.1:2380,http://[::1]:2380",
    "X-Etcd-Ts": "1",
  });
});

test("what a member says is understood by another one", () => {
  const headers = received(headersOf(self));
  assert.deepEqual(senderOf(headers), {
    id: self.memberId,
    version: "3.7.1",
    peerUrls: self.peerUrls,
    isEtcdTs: true,
  });
  assert.equal(checkCompatible(headers, self), undefined);
});

test("a sender that says nothing is an etcd 2.0 of nobody knows whom", () => {
  const nobody = { id: undefined, version: "2.0.0", peerUrls: [], isEtcdTs: false };
  assert.deepEqual(senderOf({}), nobody);
});

test("addresses that are no URLs of http are passed over", () => {
  const urls = "ftp://a:1,nonsense,,http://,https://b:2380,http://c:99999999";
  assert.deepEqual(senderOf({ "x-peerurls": urls }).peerUrls, ["https://b:2380"]);
});

test("any id comes back from its hex, with leading zeros and capitals too", () => {
  fc.assert(
    fc.property(fc.bigInt(0n, 2n ** 64n - 1n), fc.nat(20), (id, zeros) => {
      const hex = "0".repeat(zeros) + idToHex(id);
      assert.equal(parseId(hex), id);
      assert.equal(parseId(hex.toUpperCase()), id);
    }),
  );
});

test("what is no id of 64 bits is none", () => {
  for (const text of ["", "g", "0x1", "-1", " 1", "1 ", "10000000000000000", "1_0"]) {
    assert.equal(parseId(text), undefined, text);
  }
});

const versions = (version: string, min = "3.0.0"): Record<string, string> => ({
  ...received(headersOf(self)),
  "x-server-version": version,
  "x-min-cluster-version": min,
});

test("versions from 3.0 on are compatible, and newer ones that still know ours", () => {
  for (const version of ["3.0.0", "3.4.1", "3.7.0-rc.1", "3.8.0", "4.0.0+build"]) {
    assert.equal(checkCompatible(versions(version), self), undefined, version);
  }
  assert.equal(checkCompatible(versions("3.9.0", "3.7.5"), self), undefined);
});

test("a version that one side does not know any more is refused, before its cluster is looked at", () => {
  const incompatible = { status: 412, text: "incompatible version" };
  assert.deepEqual(checkCompatible(versions("2.3.8", "2.1.0"), self), incompatible);
  assert.deepEqual(checkCompatible(versions("3.9.0", "3.8.0"), self), incompatible);
  assert.deepEqual(checkCompatible({}, self), incompatible);
  for (const version of ["3", "3.7", "three", "3.7.1.1", "99999999999.1.1"]) {
    assert.deepEqual(checkCompatible(versions(version), self), incompatible, version);
  }
});

test("a member of another cluster is refused, and one that does not say of which it is", () => {
  const mismatch = { status: 412, text: "cluster ID mismatch" };
  const headers = received(headersOf(self));
  assert.deepEqual(checkCompatible({ ...headers, "x-etcd-cluster-id": "1" }, self), mismatch);
  assert.deepEqual(checkCompatible({ ...headers, "x-etcd-cluster-id": "" }, self), mismatch);
});
