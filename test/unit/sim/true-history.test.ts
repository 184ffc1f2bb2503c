import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type ModelLease, TrueHistory } from "../../sim/checkers/true-history.ts";
import {
  compactRequest,
  deleteRangeRequest,
  deleteRequest,
  grantRequest,
  putRequest,
  revokeRequest,
  txnRequest,
  type WriteRequest,
} from "../../sim/requests.ts";
import { entryOf } from "./entry-of.ts";

function newHistory(): { history: TrueHistory; ended: [bigint, boolean][] } {
  const ended: [bigint, boolean][] = [];
  const onRevoked = ({ id }: ModelLease, isByClient: boolean): void =>
    void ended.push([id, isByClient]);
  const history = new TrueHistory({ nowMs: () => 0, minTtlSeconds: 2, onRevoked });
  return { history, ended };
}

const all = { key: "\0", end: "\0" };
const told = (history: TrueHistory): readonly string[] =>
  history
    .between(all, 1, history.revision)
    .map(({ key, revision, put }) => `${key}@${revision}=${put?.value ?? "-"}`);

function fed(...requests: readonly WriteRequest[]): TrueHistory {
  const { history } = newHistory();
  for (const [at, request] of requests.entries()) history.committed(entryOf(at + 1, request));
  return history;
}

suite("the true history", () => {
  test("numbers what changes something, and nothing else", () => {
    const history = fed(
      putRequest("a", "1"),
      deleteRequest("b"),
      txnRequest([{ key: "a", value: "2", modRevision: undefined }], [{ key: "b", value: "1" }]),
      putRequest("a", "2"),
      deleteRequest("a"),
    );
    assert.deepEqual(told(history), ["a@2=1", "a@3=2", "a@4=-"]);
  });

  test("keeps the events of a transaction together, each with the key before it", () => {
    const puts = ["a", "b"].map((key) => ({ key, value: "1" }));
    const history = fed(txnRequest([], puts), deleteRangeRequest("a", "c"));
    assert.deepEqual(told(history), ["a@2=1", "b@2=1", "a@3=-", "b@3=-"]);
    const [, , first] = history.between(all, 1, 3);
    assert.equal(first?.before?.modRevision, 2);
  });

  test("waits for an entry that was not seen yet", () => {
    const { history } = newHistory();
    history.committed(entryOf(2, putRequest("a", "2")));
    assert.deepEqual([history.lastIndex, history.revision], [0, 1]);
    history.committed(entryOf(1, putRequest("a", "1")));
    assert.deepEqual(told(history), ["a@2=1", "a@3=2"]);
  });

  test("takes a put only while its lease lives, and deletes its keys in one revision", () => {
    const history = fed(
      grantRequest(7n, 5),
      putRequest("b", "1", 7n),
      putRequest("a", "1", 7n),
      revokeRequest(7n),
      putRequest("c", "1", 7n),
    );
    assert.deepEqual(told(history), ["b@2=1", "a@3=1", "a@4=-", "b@4=-"]);
    assert.equal(history.leases.size, 0);
  });

  test("knows what all leases were behind each entry, and of which lease a key is", () => {
    const history = fed(
      grantRequest(7n, 1),
      grantRequest(8n, 5),
      putRequest("a", "1", 7n),
      putRequest("a", "2", 8n),
      putRequest("a", "3"),
    );
    assert.equal(history.leasesAt(1), "7/2s[]");
    assert.equal(history.leasesAt(3), "7/2s[a] 8/5s[]");
    assert.equal(history.leasesAt(4), "7/2s[] 8/5s[a]");
    assert.equal(history.leasesAt(5), "7/2s[] 8/5s[]");
    assert.equal(history.leasesAt(6), undefined);
  });

  test("tells the leader's revocations from those of clients", () => {
    const { history, ended } = newHistory();
    const requests = [grantRequest(7n, 5), grantRequest(8n, 5)];
    for (const [at, request] of requests.entries()) history.committed(entryOf(at + 1, request));
    history.committed(entryOf(3, revokeRequest(7n), 0));
    history.committed(entryOf(4, revokeRequest(8n), 9));
    assert.deepEqual(ended, [
      [7n, false],
      [8n, true],
    ]);
  });

  test("compacts to what exists, and never back", () => {
    const history = fed(putRequest("a", "1"), compactRequest(9), compactRequest(2));
    assert.equal(history.compactRevision, 2);
    history.committed(entryOf(4, compactRequest(1)));
    assert.equal(history.compactRevision, 2);
  });
});
