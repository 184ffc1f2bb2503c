import assert from "node:assert/strict";
import { test } from "node:test";
import { toText } from "../../../node/lib/bytes.ts";
import type { MemberId } from "../../../node/lib/units.ts";
import { encodeV2Store, type V2Member } from "../../../node/snap/v2-store.ts";

interface Node {
  readonly Path: string;
  readonly CreatedIndex: number;
  readonly ModifiedIndex: number;
  readonly Value: string;
  readonly Children: Readonly<Record<string, Node>> | null;
}

interface Store {
  readonly Root: Node;
  readonly WatcherHub: {
    readonly EventHistory: {
      readonly Queue: {
        readonly Events: readonly ({ readonly node: { readonly key: string } } | null)[];
        readonly Size: number;
        readonly Front: number;
        readonly Back: number;
      };
      readonly StartIndex: number;
      readonly LastIndex: number;
    };
  };
  readonly CurrentIndex: number;
}

const storeOf = (
  members: readonly V2Member[],
  removed: readonly bigint[] = [],
  version?: string,
): Store =>
  JSON.parse(toText(encodeV2Store({ members, removed: removed as MemberId[], version }))) as Store;

const member = (id: bigint, changes: Partial<V2Member> = {}): V2Member => ({
  id: id as MemberId,
  peerUrls: ["http://10.0.0.1:2380"],
  isLearner: false,
  name: "m1",
  clientUrls: ["http://10.0.0.1:2379"],
  ...changes,
});

/** Path and value of every leaf. */
function leaves(node: Node): [string, string][] {
  if (node.Children === null) return [[node.Path, node.Value]];
  return Object.values(node.Children).flatMap(leaves);
}

test("members, removed members and the version stand where etcd 3.6 looks for them", () => {
  const learner = member(0x1fn, { isLearner: true, name: "", clientUrls: [] });
  const { Root, CurrentIndex } = storeOf([learner, member(2n ** 64n - 1n)], [5n], "3.7.0");
  assert.deepEqual(leaves(Root), [
    ["/0/members/1f/raftAttributes", '{"peerURLs":["http://10.0.0.1:2380"],"isLearner":true}'],
    [
      "/0/members/ffffffffffffffff/attributes",
      '{"name":"m1","clientURLs":["http://10.0.0.1:2379"]}',
    ],
    ["/0/members/ffffffffffffffff/raftAttributes", '{"peerURLs":["http://10.0.0.1:2380"]}'],
    ["/0/removed_members/5", ""],
    ["/0/version", "3.7.0"],
  ]);
  assert.equal(CurrentIndex, 5);
  assert.deepEqual(Root.Children?.["1"]?.Children, {});
});

test("an empty membership is a store with its two directories and no event", () => {
  const { Root, CurrentIndex, WatcherHub } = storeOf([]);
  assert.deepEqual(Object.keys(Root.Children ?? {}), ["0", "1"]);
  assert.equal(CurrentIndex, 0);
  assert.equal(WatcherHub.EventHistory.StartIndex, 0);
});

test("a directory has the number of the event that made it", () => {
  const { Root } = storeOf([member(1n), member(2n)]);
  const members = Root.Children?.["0"]?.Children?.["members"];
  assert.equal(members?.CreatedIndex, 1);
  const second = members.Children?.["2"];
  assert.equal(second?.CreatedIndex, 3);
  assert.equal(second.Children?.["attributes"]?.ModifiedIndex, 4);
});

test("more events than the history holds: the ring keeps the last thousand", () => {
  const removed = Array.from({ length: 1003 }, (_, at) => BigInt(at + 1));
  const { Queue, StartIndex, LastIndex } = storeOf([], removed).WatcherHub.EventHistory;
  assert.deepEqual([Queue.Size, Queue.Front, Queue.Back], [1000, 3, 3]);
  assert.deepEqual([StartIndex, LastIndex], [4, 1003]);
  assert.equal(Queue.Events[2]?.node.key, `/0/removed_members/${(1003).toString(16)}`);
  assert.equal(Queue.Events[3]?.node.key, "/0/removed_members/4");
});

test("text is escaped as Go escapes it", () => {
  const json = toText(
    encodeV2Store({ members: [member(1n, { name: 'a<&>"\u2028' })], removed: [], version: "3" }),
  );
  assert.ok(json.includes(String.raw`{\"name\":\"a\\u003c\\u0026\\u003e\\\"\\u2028\"`), json);
});
