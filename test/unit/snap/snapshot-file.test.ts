import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CorruptionError } from "../../../node/lib/corruption-error.ts";
import { logIndex, type MemberId, term } from "../../../node/lib/units.ts";
import {
  decodeSnapshotFile,
  encodeSnapshotFile,
  type SnapshotFile,
} from "../../../node/snap/snapshot-file.ts";

const id = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => value as MemberId);
const ids = fc.array(id, { maxLength: 9 });
const counter = fc.nat(Number.MAX_SAFE_INTEGER);

const snapshots: fc.Arbitrary<SnapshotFile> = fc.record({
  index: counter.map(logIndex),
  term: counter.map(term),
  confState: fc.record({
    voters: ids,
    learners: ids,
    votersOutgoing: ids,
    learnersNext: ids,
    autoLeave: fc.boolean(),
  }),
  data: fc.uint8Array({ maxLength: 300 }),
});

const sample: SnapshotFile = {
  index: logIndex(22),
  term: term(2),
  confState: {
    voters: [0x667880157b8812c8n as MemberId],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  },
  data: Buffer.from("{}"),
};

test("any snapshot comes back as it was written", () => {
  fc.assert(
    fc.property(snapshots, (snapshot) => {
      assert.deepEqual(decodeSnapshotFile(encodeSnapshotFile(snapshot)), {
        ...snapshot,
        confState: { ...snapshot.confState },
        data: Uint8Array.from(snapshot.data),
      });
    }),
  );
});

test("the bytes are those of etcd 3.7: sum, data, conf state with its auto-leave, index, term", () => {
  const bytes = Buffer.from(encodeSnapshotFile(sample)).toString("hex");
  const inner = "0a027b7d" + "1212" + "0a0c" + "08c8a5a0dcd782a0bc66" + "2800" + "1016" + "1802";
  assert.ok(bytes.endsWith(`12${(inner.length / 2).toString(16)}${inner}`), bytes);
  assert.ok(bytes.startsWith("08"), bytes);
});

test("every flipped bit and every cut is found", () => {
  const bytes = encodeSnapshotFile(sample);
  for (let at = 0; at < bytes.length * 8; at++) {
    const flipped = Uint8Array.from(bytes);
    flipped[at >> 3] = (flipped[at >> 3] as number) ^ (1 << (at & 7));
    assert.throws(() => decodeSnapshotFile(flipped), CorruptionError, `bit ${at}`);
  }
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decodeSnapshotFile(bytes.subarray(0, length)), CorruptionError);
  }
});

test("what is no snapshot is told in words", () => {
  const told = (hex: string, pattern: RegExp): void =>
    assert.throws(() => decodeSnapshotFile(Buffer.from(hex, "hex")), {
      name: "CorruptionError",
      message: pattern,
    });
  told("", /the file is empty/);
  told("08051200", /holds no snapshot/);
  told("08001203000000", /holds no snapshot/);
  told("080112020800", /checksum \d+, expected 1/);
  told("ffff", /the file is no snapshot/);
});
