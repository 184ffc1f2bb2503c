/** The hand-written encoders of the KV service's answers against Go. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import fc from "fast-check";

import { KeyValueView, writeKeyValue } from "../../../node/proto/key-value.ts";
import {
  appendDeleted,
  appendDeletedPrevKv,
  appendEmptyResponseOp,
  appendPutPrevKv,
  appendRangeKv,
  appendTxnSucceeded,
  beginResponseOp,
  endResponseOp,
  finishRange,
  responseOp,
} from "../../../node/proto/kv-response.ts";
import {
  ResponseHeaderTemplate,
  writeResponseHeader,
  writeRevisionHeader,
} from "../../../node/proto/response-header.ts";
import { Writer } from "../../../node/proto/wire.ts";
import { needs } from "../../support/peers.ts";
import { bytes, int64, toBase64, uint64 } from "./any-message.ts";
import { GoMarshal, type JsonObject } from "./go-marshal.ts";

const counter = fc.oneof(
  fc.constantFrom(0, 1, 127, 128, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER),
  fc.maxSafeNat(),
);

interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease: bigint;
}

const anyKeyValue: fc.Arbitrary<KeyValue> = fc.record({
  key: bytes,
  value: fc.oneof(bytes, fc.uint8Array({ minLength: 120, maxLength: 300 })),
  createRevision: counter,
  modRevision: counter,
  version: counter,
  lease: int64,
});

const keyValueJson = (kv: KeyValue): JsonObject => ({
  key: toBase64(kv.key),
  value: toBase64(kv.value),
  create_revision: String(kv.createRevision),
  mod_revision: String(kv.modRevision),
  version: String(kv.version),
  lease: String(kv.lease),
});

const whole = (buffer: Uint8Array): { buffer: Uint8Array; start: number; end: number } => ({
  buffer,
  start: 0,
  end: buffer.length,
});

function encodeKeyValue(kv: KeyValue): Uint8Array {
  const writer = new Writer(16);
  writeKeyValue(writer, whole(kv.key), whole(kv.value), kv);
  return writer.finish();
}

const anyHeader = fc.record({
  clusterId: uint64,
  memberId: uint64,
  revision: counter,
  raftTerm: counter,
});
const anyRange = fc.record({
  kvs: fc.array(anyKeyValue, { maxLength: 4 }),
  more: fc.boolean(),
  count: counter,
});
const anyDelete = fc.record({ deleted: counter, prevKvs: fc.array(anyKeyValue, { maxLength: 3 }) });
const anyPut = fc.record({ prevKv: fc.option(anyKeyValue) });

/** An operation's answer: how we write it behind its header, and how Go is told of it. */
interface Answer {
  readonly field: (typeof responseOp)[keyof typeof responseOp];
  readonly json: JsonObject;
  write(writer: Writer): void;
}

const rangeAnswer = anyRange.map(
  ({ kvs, more, count }): Answer => ({
    field: responseOp.range,
    json: { kvs: kvs.map(keyValueJson), more, count: String(count) },
    write(writer) {
      for (const kv of kvs.map(encodeKeyValue)) appendRangeKv(writer, kv, 0, kv.length);
      finishRange(writer, more, count);
    },
  }),
);
const putAnswer = anyPut.map(
  ({ prevKv }): Answer => ({
    field: responseOp.put,
    json: prevKv === null ? {} : { prev_kv: keyValueJson(prevKv) },
    write(writer) {
      if (prevKv === null) return;
      const kv = encodeKeyValue(prevKv);
      appendPutPrevKv(writer, kv, 0, kv.length);
    },
  }),
);
const deleteAnswer = anyDelete.map(
  ({ deleted, prevKvs }): Answer => ({
    field: responseOp.deleteRange,
    json: { deleted: String(deleted), prev_kvs: prevKvs.map(keyValueJson) },
    write(writer) {
      appendDeleted(writer, deleted);
      for (const kv of prevKvs.map(encodeKeyValue)) appendDeletedPrevKv(writer, kv, 0, kv.length);
    },
  }),
);

const memberOf = ["", "response_range", "response_put", "response_delete_range", "response_txn"];

/** null stands for an operation without an answer. */
function txnAnswer(op: fc.Arbitrary<Answer | null>): fc.Arbitrary<Answer> {
  const any = fc.record({
    succeeded: fc.boolean(),
    revision: counter,
    ops: fc.array(op, { maxLength: 3 }),
  });
  return any.map(({ succeeded, revision, ops }) => ({
    field: responseOp.txn,
    json: {
      succeeded,
      responses: ops.map((one) =>
        one === null
          ? {}
          : {
              [memberOf[one.field] as string]: {
                header: { revision: String(revision) },
                ...one.json,
              },
            },
      ),
    },
    write(writer) {
      appendTxnSucceeded(writer, succeeded);
      for (const one of ops) {
        if (one === null) {
          appendEmptyResponseOp(writer);
          continue;
        }
        const mark = beginResponseOp(writer, one.field);
        writeRevisionHeader(writer, revision);
        one.write(writer);
        endResponseOp(writer, mark);
      }
    },
  }));
}

const anyOp = fc.oneof(fc.constant(null), rangeAnswer, putAnswer, deleteAnswer);

const answers: Record<string, fc.Arbitrary<Answer>> = {
  RangeResponse: rangeAnswer,
  PutResponse: putAnswer,
  DeleteRangeResponse: deleteAnswer,
  TxnResponse: txnAnswer(fc.oneof(anyOp, txnAnswer(anyOp))),
};

const hexOf = (value: Uint8Array): string => Buffer.from(value).toString("hex");

suite("KV answers", needs("proto"), () => {
  let go: GoMarshal;
  before(() => {
    go = new GoMarshal();
  });
  after(() => {
    go.close();
  });

  for (const [name, answer] of Object.entries(answers)) {
    test(`${name} is written byte for byte as Go writes it`, async () => {
      await fc.assert(
        fc.asyncProperty(anyHeader, answer, async (header, { json, write }) => {
          const writer = new Writer(16);
          new ResponseHeaderTemplate(header).write(writer, header.revision, header.raftTerm);
          write(writer);
          const headerJson = {
            cluster_id: String(header.clusterId),
            member_id: String(header.memberId),
            revision: String(header.revision),
            raft_term: String(header.raftTerm),
          };
          const theirs = await go.marshal(`etcdserverpb.${name}`, { header: headerJson, ...json });
          assert.equal(hexOf(writer.finish()), hexOf(theirs));
        }),
        { numRuns: 150 },
      );
    });
  }

  test("mvccpb.KeyValue is written byte for byte as Go writes it, and read back in place", async () => {
    const view = new KeyValueView();
    await fc.assert(
      fc.asyncProperty(anyKeyValue, async (kv) => {
        const theirs = await go.marshal("mvccpb.KeyValue", keyValueJson(kv));
        assert.equal(hexOf(encodeKeyValue(kv)), hexOf(theirs));
        view.decode(Buffer.concat([Buffer.from([0xff]), theirs]), 1, 1 + theirs.length);
        const {
          buffer,
          keyStart,
          keyEnd,
          valueStart,
          valueEnd,
          createRevision,
          modRevision,
          version,
          lease,
        } = view;
        const key = new Uint8Array(buffer.subarray(keyStart, keyEnd));
        const value = new Uint8Array(buffer.subarray(valueStart, valueEnd));
        assert.deepEqual({ key, value, createRevision, modRevision, version, lease }, { ...kv });
      }),
      { numRuns: 150 },
    );
  });
});

test("a header of no template is the same as one of a template", () => {
  fc.assert(
    fc.property(anyHeader, (header) => {
      const [one, other] = [new Writer(), new Writer()];
      writeResponseHeader(one, header);
      new ResponseHeaderTemplate(header).write(other, header.revision, header.raftTerm);
      assert.deepEqual(one.finish(), other.finish());
    }),
  );
});
