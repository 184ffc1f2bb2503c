import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { memberListHash } from "../../../node/membership/member-list-hash.ts";
import { memberOf } from "./membership-lab.ts";

const two = [
  memberOf(0x8e9e05c52164694dn, { peerUrls: ["http://a:2380"] }),
  memberOf(0x91bc3c398fb3c146n, {
    peerUrls: ["http://c:2380", "http://b:2380"],
    isLearner: true,
  }),
];

test("the hash is that of the text that its description shows", () => {
  const text =
    '[["8e9e05c52164694d","voter",["http://a:2380"]],["91bc3c398fb3c146","learner",["http://b:2380","http://c:2380"]]]';
  assert.equal(memberListHash(two), createHash("sha256").update(text).digest("hex"));
});

test("it knows no order of members or URLs, and no names", () => {
  const hash = memberListHash(two);
  assert.equal(memberListHash([...two].reverse()), hash);
  const [first, second] = two.map((member) => ({
    ...member,
    name: "x",
    clientUrls: ["http://x:1"],
    peerUrls: [...member.peerUrls].reverse(),
  }));
  assert.equal(memberListHash([second, first].filter((one) => one !== undefined)), hash);
});

test("ids, votes, URLs and the number of members change it", () => {
  const [first, second] = two as [(typeof two)[0], (typeof two)[0]];
  const lists = [
    two,
    [first],
    [],
    [first, { ...second, isLearner: false }],
    [first, { ...second, peerUrls: ["http://b:2380"] }],
    [{ ...first, id: second.id }, second],
  ];
  const hashes = new Set(lists.map(memberListHash));
  assert.equal(hashes.size, lists.length);
});

test("ids are put in order as unsigned numbers", () => {
  const low = memberOf(2n ** 63n - 1n);
  const high = memberOf(2n ** 63n);
  const text = `[["7fffffffffffffff","voter",["${low.peerUrls[0]}"]],["8000000000000000","voter",["${high.peerUrls[0]}"]]]`;
  assert.equal(memberListHash([high, low]), createHash("sha256").update(text).digest("hex"));
});
