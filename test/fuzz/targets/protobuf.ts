/** The protobuf decoders written by hand: requests in place, entry data, membership entries, messages of log records. */

import { decodeConfChange } from "../../../node/proto/conf-change-codec.ts";
import { DeleteRangeRequestView } from "../../../node/proto/delete-range-request.ts";
import { InternalRaftView } from "../../../node/proto/internal-raft-codec.ts";
import { KeyValueView } from "../../../node/proto/key-value.ts";
import {
  decodeClusterMemberAttrSet,
  decodeClusterVersionSet,
} from "../../../node/proto/membership-codec.ts";
import { PutRequestView } from "../../../node/proto/put-request.ts";
import { RangeRequestView } from "../../../node/proto/range-request.ts";
import {
  decodeTxnRequest,
  type RequestOp,
  type TxnRequest,
} from "../../../node/proto/txn-request.ts";
import { Reader, WireError } from "../../../node/proto/wire.ts";
import {
  decodeEntry,
  decodeHardState,
  decodeMetadata,
  decodeSnapshot,
  RecordError,
} from "../../../node/wal/walpb.ts";
import { mutateBytes } from "../mutate.ts";
import { messageBytes, nestedBytes } from "../proto-input.ts";
import type { FuzzRandom } from "../random.ts";
import { invariant, type Target } from "../target.ts";

/** Decodes bytes[start, end) and checks what it can of the result. */
type Decode = (bytes: Uint8Array, start: number, end: number) => void;

const put = new PutRequestView();
const range = new RangeRequestView();
const deleteRange = new DeleteRangeRequestView();
const keyValue = new KeyValueView();
const entryData = new InternalRaftView();

function inside(start: number, end: number, from: number, to: number): void {
  invariant(start <= end && start >= from && end <= to, "a field lies outside of its message");
}

const onCopy =
  (decode: (bytes: Uint8Array) => unknown): Decode =>
  (bytes, start, end) =>
    void decode(bytes.subarray(start, end));
const onReader =
  (decode: (reader: Reader) => unknown): Decode =>
  (bytes, start, end) =>
    void decode(new Reader(bytes, start, end));

/** Message names and their decoders. */
const decoders: readonly (readonly [string, Decode])[] = [
  [
    "etcdserverpb.PutRequest",
    (bytes, start, end) => {
      put.decode(bytes, start, end);
      inside(put.keyStart, put.keyEnd, start, end);
      inside(put.valueStart, put.valueEnd, start, end);
    },
  ],
  [
    "etcdserverpb.RangeRequest",
    (bytes, start, end) => {
      range.decode(bytes, start, end);
      inside(range.keyStart, range.keyEnd, start, end);
      inside(range.rangeEndStart, range.rangeEndEnd, start, end);
      invariant(
        Number.isSafeInteger(range.limit) && Number.isSafeInteger(range.revision),
        "a number is none",
      );
    },
  ],
  [
    "etcdserverpb.DeleteRangeRequest",
    (bytes, start, end) => {
      deleteRange.decode(bytes, start, end);
      inside(deleteRange.keyStart, deleteRange.keyEnd, start, end);
      inside(deleteRange.rangeEndStart, deleteRange.rangeEndEnd, start, end);
    },
  ],
  [
    "etcdserverpb.TxnRequest",
    (bytes, start, end) => walk(decodeTxnRequest(bytes, start, end), start, end),
  ],
  [
    "etcdserverpb.InternalRaftRequest",
    (bytes, start, end) => {
      entryData.decode(bytes, start, end);
      inside(entryData.start, entryData.end, start, end);
      invariant(entryData.idHigh >>> 0 === entryData.idHigh, "half an id is not 32 bits");
    },
  ],
  [
    "mvccpb.KeyValue",
    (bytes, start, end) => {
      keyValue.decode(bytes, start, end);
      inside(keyValue.keyStart, keyValue.keyEnd, start, end);
      inside(keyValue.valueStart, keyValue.valueEnd, start, end);
    },
  ],
  ["raftpb.ConfChange", onCopy(decodeConfChange)],
  ["membershippb.ClusterMemberAttrSetRequest", onCopy(decodeClusterMemberAttrSet)],
  ["membershippb.ClusterVersionSetRequest", onCopy(decodeClusterVersionSet)],
  ["raftpb.Entry", onReader(decodeEntry)],
  ["raftpb.HardState", onReader(decodeHardState)],
  ["etcdserverpb.Metadata", onReader(decodeMetadata)],
  ["walpb.Snapshot", onReader(decodeSnapshot)],
];

/** Iterative: a transaction may be nested deeper than this test's own stack should be. */
function walk(txn: TxnRequest, start: number, end: number): void {
  const open: TxnRequest[] = [txn];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const op of [...next.success, ...next.failure]) {
      if (op.kind === "txn") open.push(op.request);
      else checkOp(op, start, end);
    }
  }
}

function checkOp(op: Exclude<RequestOp, { kind: "txn" }>, start: number, end: number): void {
  // A request without a field keeps the place it was made with, which is 0.
  if (op.kind === "none" || op.request.keyEnd === op.request.keyStart) return;
  inside(op.request.keyStart, op.request.keyEnd, start, end);
}

const accepted = 1;
const refused = 2;
const deep = 4;

export const protobufTarget: Target = {
  name: "protobuf",
  stages: ["accepted", "refused", "over 64 bytes"],
  leastShares: { accepted: 0.4, refused: 0.15 },

  generate(random: FuzzRandom): Uint8Array {
    if (random.oneIn(1_000)) return nested(random);
    const which = random.below(decoders.length);
    const [name] = decoders[which] as (typeof decoders)[number];
    const bytes = messageBytes(name, random, { oneIn: random.pick([Infinity, 40, 12, 4]) });
    return Buffer.concat([Buffer.of(which), random.oneIn(6) ? mutateBytes(bytes, random) : bytes]);
  },

  run(input: Uint8Array): number {
    const [, decode] = decoders[(input[0] ?? 0) % decoders.length] as (typeof decoders)[number];
    // As in a socket's chunk: a message with strange bytes on both sides.
    const bytes = Buffer.concat([Buffer.of(0x12, 0x7f), input.subarray(1), Buffer.of(0x08, 0x01)]);
    const size = bytes.length > 64 + 4 ? deep : 0;
    try {
      decode(bytes, 2, bytes.length - 2);
      return accepted | size;
    } catch (error) {
      if (!(error instanceof WireError || error instanceof RecordError)) throw error;
      return refused | size;
    }
  },
};

/** Transactions in transactions, or groups in groups. */
function nested(random: FuzzRandom): Uint8Array {
  const depth = random.pick([10, 500, 1_001, 3_000, 50_000]);
  const isTxn = random.oneIn(2);
  const which = isTxn
    ? decoders.findIndex(([name]) => name === "etcdserverpb.TxnRequest")
    : random.below(decoders.length);
  return Buffer.concat([
    Buffer.of(which),
    isTxn ? nestedBytes([2, 4], depth) : Buffer.alloc(depth, 0x0b),
  ]);
}
