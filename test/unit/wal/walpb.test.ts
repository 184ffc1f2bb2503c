/** The messages inside log records against Go, as etcd 3.7 writes them and as etcd up to 3.6 did. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import fc from "fast-check";

import { Reader, Writer } from "../../../node/proto/wire.ts";
import type { ConfState, Entry, HardState } from "../../../node/raft/types.ts";
import { parseRecord, RecordView } from "../../../node/wal/record.ts";
import { RecordEncoder } from "../../../node/wal/record-encoder.ts";
import {
  decodeEntry,
  decodeHardState,
  decodeMetadata,
  decodeSnapshot,
  encodeMetadata,
  encodeSnapshot,
  type WalMetadata,
  type WalSnapshot,
  writeHardState,
} from "../../../node/wal/walpb.ts";
import { needs } from "../../support/peers.ts";
import { bytes, toBase64, uint64 } from "../proto/any-message.ts";
import { GoMarshal, type JsonObject } from "../proto/go-marshal.ts";
import { asGogoWrote } from "../proto/gogo.ts";

const hexOf = (value: Uint8Array): string => Buffer.from(value).toString("hex");

const counter = fc.oneof(fc.constantFrom(0, 1, 127, 128, 2 ** 32, 2 ** 53 - 1), fc.maxSafeNat());
const positive = counter.map((value) => Math.max(value, 1));
const ids = fc.array(uint64, { maxLength: 4 });

/** Any object with these fields; fast-check knows nothing of branded numbers. */
const record = <T>(fields: { [Key in keyof T]: fc.Arbitrary<unknown> }): fc.Arbitrary<T> =>
  fc.record<unknown>(fields, { noNullPrototype: true }) as fc.Arbitrary<T>;

const anyConfState = record<ConfState>({
  voters: ids,
  learners: ids,
  votersOutgoing: ids,
  learnersNext: ids,
  autoLeave: fc.boolean(),
});
const anyEntry = record<Entry>({
  type: fc.constantFrom(0, 1, 2),
  term: positive,
  index: positive,
  data: bytes,
});
const anyHardState = record<HardState>({ term: counter, vote: uint64, commit: counter });
const anyMetadata = record<WalMetadata>({ nodeId: uint64, clusterId: uint64 });
const anySnapshot = fc.oneof(
  record<WalSnapshot>({ index: counter, term: counter }),
  record<WalSnapshot>({ index: counter, term: counter, confState: anyConfState }),
);

/** What etcd 3.7 sets. */
const entryJson = ({ type, term, index, data }: Entry): JsonObject => ({
  ...(type === 0 ? {} : { Type: type }),
  Term: String(term),
  Index: String(index),
  ...(data.length === 0 ? {} : { Data: toBase64(data) }),
});

const hardStateJson = ({ term, vote, commit }: HardState): JsonObject => ({
  term: String(term),
  vote: String(vote),
  commit: String(commit),
});

const metadataJson = ({ nodeId, clusterId }: WalMetadata): JsonObject => ({
  NodeID: String(nodeId),
  ClusterID: String(clusterId),
});

const confStateJson = (state: ConfState): JsonObject => ({
  voters: state.voters.map(String),
  learners: state.learners.map(String),
  voters_outgoing: state.votersOutgoing.map(String),
  learners_next: state.learnersNext.map(String),
  auto_leave: state.autoLeave,
});

const snapshotJson = ({ index, term, confState }: WalSnapshot): JsonObject => ({
  index: String(index),
  term: String(term),
  ...(confState === undefined ? {} : { conf_state: confStateJson(confState) }),
});

function encodedHardState(state: HardState): Uint8Array {
  const out = new Writer(64);
  writeHardState(out, state);
  return out.finish();
}

/** The record that the log writes for this entry. */
function recordOf(entry: Entry, crcBefore: number): { buffer: Buffer; record: RecordView } {
  const encoder = new RecordEncoder(crcBefore);
  encoder.entry(entry);
  const buffer = Buffer.from(encoder.bytes.subarray(0, encoder.length));
  const record = new RecordView();
  assert.equal(parseRecord(buffer, 0, record), "record");
  return { buffer, record };
}

const entryData = (entry: Entry): Uint8Array => {
  const { buffer, record } = recordOf(entry, 0);
  return buffer.subarray(record.dataStart, record.dataEnd);
};

const plain = (entry: Entry): object => ({ ...entry, data: hexOf(entry.data) });

suite("messages of log records", needs("proto"), () => {
  let go: GoMarshal;
  before(() => {
    go = new GoMarshal();
  });
  after(() => {
    go.close();
  });

  /** Writes as etcd 3.7 does; reads that and what etcd 3.6 wrote of the same value. */
  async function check<T>(
    value: T,
    codec: {
      name: string;
      json: (value: T) => JsonObject;
      encode: (value: T) => Uint8Array;
      decode: (reader: Reader) => T;
      seen: (value: T) => unknown;
    },
  ): Promise<void> {
    const { name, json, encode, decode, seen } = codec;
    const theirs = await go.marshal(name, json(value));
    assert.equal(hexOf(encode(value)), hexOf(theirs));
    const older = await go.marshal(name, asGogoWrote(name, json(value)));
    for (const some of [theirs, older])
      assert.deepEqual(seen(decode(new Reader(some))), seen(value));
  }

  test("entries are written and read byte for byte as etcd does", async () => {
    const codec = {
      name: "raftpb.Entry",
      json: entryJson,
      encode: entryData,
      decode: decodeEntry,
      seen: plain,
    };
    await fc.assert(
      fc.asyncProperty(anyEntry, (entry) => check(entry, codec)),
      { numRuns: 200 },
    );
  });

  test("hard states are written and read byte for byte as etcd does", async () => {
    const codec = {
      name: "raftpb.HardState",
      json: hardStateJson,
      encode: encodedHardState,
      decode: decodeHardState,
      seen: (state: HardState) => state,
    };
    await fc.assert(
      fc.asyncProperty(anyHardState, (state) => check(state, codec)),
      { numRuns: 200 },
    );
  });

  test("metadata is written and read byte for byte as etcd does", async () => {
    const codec = {
      name: "etcdserverpb.Metadata",
      json: metadataJson,
      encode: encodeMetadata,
      decode: decodeMetadata,
      seen: (metadata: WalMetadata) => metadata,
    };
    await fc.assert(
      fc.asyncProperty(anyMetadata, (metadata) => check(metadata, codec)),
      { numRuns: 200 },
    );
  });

  test("snapshot records are written and read byte for byte as etcd does", async () => {
    const codec = {
      name: "walpb.Snapshot",
      json: snapshotJson,
      encode: encodeSnapshot,
      decode: decodeSnapshot,
      seen: (snapshot: WalSnapshot) => snapshot,
    };
    await fc.assert(
      fc.asyncProperty(anySnapshot, (snapshot) => check(snapshot, codec)),
      { numRuns: 200 },
    );
  });

  test("a record is written byte for byte as etcd does, whatever its sum", async () => {
    await fc.assert(
      fc.asyncProperty(anyEntry, fc.nat({ max: 2 ** 32 - 1 }), async (entry, crcBefore) => {
        const { buffer, record } = recordOf(entry, crcBefore);
        const theirs = await go.marshal("walpb.Record", {
          type: String(record.type),
          crc: record.crc,
          data: toBase64(buffer.subarray(record.dataStart, record.dataEnd)),
        });
        assert.equal(hexOf(buffer.subarray(8, 8 + theirs.length)), hexOf(theirs));
      }),
      { numRuns: 100 },
    );
  });
});
