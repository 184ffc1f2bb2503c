import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AssertionError } from "../../../node/lib/assert.ts";
import { idToHex, memberId } from "../../../node/lib/units.ts";
import {
  bootstrapClusterId,
  bootstrapMemberId,
  isStarted,
  type Member,
  memberFromJson,
  memberToJson,
  runtimeMemberId,
} from "../../../node/membership/member.ts";

const fresh: Member = {
  id: memberId(0x8e9e05c52164694dn),
  peerUrls: ["http://localhost:2380"],
  isLearner: false,
  name: "",
  clientUrls: [],
};

const parse = (json: string): Member => memberFromJson(Buffer.from(json));

test("one member with etcd's default URL and token has etcd's well-known ids", () => {
  const id = bootstrapMemberId(["http://localhost:2380"], "etcd-cluster");
  assert.equal(idToHex(id), "8e9e05c52164694d");
  assert.equal(idToHex(bootstrapClusterId([id])), "cdf818194e3a8c32");
});

test("ids depend on URLs and token, not on the order of the URLs or of the members", () => {
  const [one, two] = ["http://a:2380", "http://b:2380"];
  assert.equal(bootstrapMemberId([one, two], "t"), bootstrapMemberId([two, one], "t"));
  assert.notEqual(bootstrapMemberId([one], "t"), bootstrapMemberId([two], "t"));
  assert.notEqual(bootstrapMemberId([one], "t"), bootstrapMemberId([one], "u"));
  const members = [1n, 2n ** 63n + 1n, 5n].map(memberId);
  assert.equal(bootstrapClusterId(members), bootstrapClusterId([...members].reverse()));
});

test("a member that is added later has an id of its URLs and the second, so that URLs can be used again", () => {
  const urls = ["http://b:2380", "http://a:2380"];
  // The same as Go's: sha1("http://a:2380http://b:2380" + "1700000000").
  const id = runtimeMemberId(urls, 1_700_000_000_999);
  assert.equal(id, bootstrapMemberId(urls, "1700000000"));
  assert.equal(id, runtimeMemberId([...urls].reverse(), 1_700_000_000_000));
  assert.notEqual(id, runtimeMemberId(urls, 1_700_000_001_000));
});

test("a member has started when it has told its name", () => {
  assert.equal(isStarted(fresh), false);
  assert.equal(isStarted({ ...fresh, name: "m1" }), true);
});

test("computing ids leaves the caller's lists as they were", () => {
  const urls = ["http://b:2380", "http://a:2380"];
  bootstrapMemberId(urls, "t");
  assert.deepEqual(urls, ["http://b:2380", "http://a:2380"]);
});

test("a member that has not started is etcd's JSON without name and client URLs", () => {
  assert.equal(
    memberToJson(fresh),
    '{"id":10276657743932975437,"peerURLs":["http://localhost:2380"]}',
  );
});

test("the JSON has etcd's field order: id, peerURLs, isLearner, name, clientURLs", () => {
  const member = { ...fresh, isLearner: true, name: "m1", clientUrls: ["http://localhost:2379"] };
  assert.equal(
    memberToJson(member),
    '{"id":10276657743932975437,"peerURLs":["http://localhost:2380"],"isLearner":true,' +
      '"name":"m1","clientURLs":["http://localhost:2379"]}',
  );
});

test("ids above 2^53, at 2^63 + 1 and at the top survive JSON", () => {
  for (const id of [1n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 63n + 1n, 2n ** 64n - 1n]) {
    const json = memberToJson({ ...fresh, id: memberId(id) });
    assert.ok(json.startsWith(`{"id":${id},`));
    assert.equal(parse(json).id, id);
  }
});

test("every member survives JSON", () => {
  const member = fc.record({
    id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(memberId),
    peerUrls: fc.array(fc.string(), { maxLength: 3 }),
    isLearner: fc.boolean(),
    name: fc.string({ unit: "binary" }),
    clientUrls: fc.array(fc.webUrl(), { maxLength: 3 }),
  });
  fc.assert(fc.property(member, (one) => assert.deepEqual(parse(memberToJson(one)), { ...one })));
});

test("fields that etcd leaves out or writes as null read as empty", () => {
  assert.deepEqual(parse('{"id":1,"peerURLs":null,"clientURLs":null}'), {
    id: 1n,
    peerUrls: [],
    isLearner: false,
    name: "",
    clientUrls: [],
  });
});

test("Go's escapes in a name are read, and fields in any order, and unknown ones passed over", () => {
  const json =
    '{"name":"a\\u0026b","more":{"id":7},"peerURLs":["http://a:1"],"id":18446744073709551615}';
  const member = parse(json);
  assert.equal(member.name, "a&b");
  assert.equal(member.id, 2n ** 64n - 1n);
});

test("a member without an id and bytes that are no JSON are refused", () => {
  assert.throws(() => parse('{"name":"m"}'), AssertionError);
  assert.throws(() => parse('{"id":'), SyntaxError);
});
