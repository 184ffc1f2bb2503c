import assert from "node:assert/strict";
import { test } from "node:test";
import { failMalformed, failWith, statusOf } from "../../../node/rpc/errors.ts";
import { RecordedCall } from "./recorded-call.ts";

/** api/v3/v3rpc/rpctypes/error.go of etcd 3.7.1, with the codes of google.golang.org/grpc/codes. */
const goTable = {
  EmptyKey: [3, "etcdserver: key is not provided"],
  KeyNotFound: [3, "etcdserver: key not found"],
  ValueProvided: [3, "etcdserver: value is provided"],
  LeaseProvided: [3, "etcdserver: lease is provided"],
  TooManyOps: [3, "etcdserver: too many operations in txn request"],
  DuplicateKey: [3, "etcdserver: duplicate key given in txn request"],
  InvalidSortOption: [3, "etcdserver: invalid sort option"],
  RequestTooLarge: [3, "etcdserver: request is too large"],
  Compacted: [11, "etcdserver: mvcc: required revision has been compacted"],
  FutureRev: [11, "etcdserver: mvcc: required revision is a future revision"],
  NoSpace: [8, "etcdserver: mvcc: database space exceeded"],
  LeaseNotFound: [5, "etcdserver: requested lease not found"],
  NoLeader: [14, "etcdserver: no leader"],
  Stopped: [14, "etcdserver: server stopped"],
  Timeout: [14, "etcdserver: request timed out"],
} as const;

test("every refusal has the code and the text of etcd's rpctypes", () => {
  const rows = Object.entries(statusOf).map(([kind, { code, text }]) => [kind, [code, text]]);
  assert.deepEqual(Object.fromEntries(rows), goTable);
});

test("no two refusals share a text: clients decide by it", () => {
  const texts = Object.values(statusOf).map(({ text }) => text);
  assert.equal(new Set(texts).size, texts.length);
});

test("a refused call ends with the row of its kind", () => {
  const call = new RecordedCall();
  failWith(call, "FutureRev");
  assert.deepEqual(call.failures, [statusOf.FutureRev]);
});

test("bytes that are no message are grpc-go's internal error, with Go's text", () => {
  const call = new RecordedCall();
  failMalformed(call);
  const prefix = "grpc: error unmarshalling request: ";
  const text = `${prefix}proto: cannot parse invalid wire-format data`;
  assert.deepEqual(call.failures, [{ code: 13, text }]);
});
