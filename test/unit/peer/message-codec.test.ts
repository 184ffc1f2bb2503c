/** raftpb.Message by hand, held against itself and against Go. */
import assert from "node:assert/strict";
import { after, suite, test } from "node:test";

import fc from "fast-check";

import { emptyBytes } from "../../../node/lib/bytes.ts";
import type { LogIndex, MemberId, Term } from "../../../node/lib/units.ts";
import {
  entryBytes,
  messageEntriesMax,
  readEntry,
  readMessage,
  writeEntry,
  writeMessage,
} from "../../../node/peer/message-codec.ts";
import { WireError, Writer } from "../../../node/proto/wire.ts";
import { type Message, message } from "../../../node/raft/messages.ts";
import { needs } from "../../support/peers.ts";
import { messageJson } from "../../support/rafthttp-peer.ts";
import { GoMarshal } from "../proto/go-marshal.ts";
import { asGogoWrote } from "../proto/gogo.ts";
import { anyChoices, scramble } from "../proto/scramble.ts";
import { anyMessage, plain } from "./message-lab.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const unhex = (text: string): Uint8Array => Buffer.from(text.replaceAll(" ", ""), "hex");

function encoded(one: Message): Uint8Array {
  const writer = new Writer(64);
  writeMessage(writer, one);
  return writer.finish();
}

const refused = (bytes: string, why: RegExp): void => {
  assert.throws(
    () => readMessage(unhex(bytes)),
    (error) => error instanceof WireError && why.test(error.message),
  );
};

suite("raft message codec", () => {
  test("what is written is read as the same message", () => {
    fc.assert(
      fc.property(anyMessage, (one) => {
        assert.deepEqual(plain([readMessage(encoded(one))]), plain([one]));
      }),
      { numRuns: 1_000 },
    );
  });

  test("a message is read in the middle of other bytes", () => {
    const bytes = encoded(
      message({ type: "MsgHeartbeat", to: 5n as MemberId, commit: 9 as LogIndex }),
    );
    const around = Buffer.concat([Buffer.of(0xff, 0xff), bytes, Buffer.of(0xff)]);
    assert.equal(readMessage(around, 2, 2 + bytes.length).commit, 9);
  });

  test("what is read does not change with the bytes it was read from", () => {
    const entries = [1, 2].map((index) => ({
      term: 1 as Term,
      index: index as LogIndex,
      type: 0 as const,
      data: Buffer.alloc(index * 20_000, index),
    }));
    const sent = message({
      type: "MsgApp",
      to: 1n as MemberId,
      entries,
      context: Buffer.from("why"),
    });
    const bytes = encoded(sent);
    const read = readMessage(bytes);
    bytes.fill(0xee);
    assert.deepEqual(plain([read]), plain([sent]));
  });

  test("the size of an entry is what its encoding takes", () => {
    fc.assert(
      fc.property(anyMessage, ({ entries }) => {
        for (const entry of entries) {
          const writer = new Writer(16);
          writeEntry(writer, entry);
          assert.equal(writer.position, entryBytes(entry));
          const read = readEntry(writer.buffer, 0, writer.position);
          assert.deepEqual({ ...read, data: hex(read.data) }, { ...entry, data: hex(entry.data) });
        }
      }),
    );
  });

  test("fields in any order, in pieces, with unknown ones between them are the same message", () => {
    fc.assert(
      fc.property(anyMessage, anyChoices, (one, choose) => {
        const sent = { ...one, snapshot: undefined };
        const bytes = scramble("raftpb.Message", encoded(sent), choose);
        assert.deepEqual(plain([readMessage(bytes)]), plain([sent]));
      }),
      { numRuns: 500 },
    );
  });

  test("a snapshot in several pieces is one snapshot", () => {
    const writer = new Writer(64);
    for (const [data, metadata] of [
      ["0a01aa", "0a020803"],
      ["", "0a0410042801 1005 1802"],
    ]) {
      const snapshotMark = writer.beginMessage(9);
      writer.raw(unhex(data as string), 0, (data as string).length / 2);
      writer.bytesField(2, unhex(metadata as string));
      writer.endMessage(snapshotMark);
    }
    const { snapshot } = readMessage(writer.finish());
    assert.deepEqual(snapshot?.metadata, {
      index: 5,
      term: 2,
      confState: {
        voters: [3n],
        learners: [4n],
        votersOutgoing: [],
        learnersNext: [],
        autoLeave: true,
      },
    });
    assert.equal(hex(snapshot.data), "aa");
  });

  test("the empty snapshot of an older etcd is none", () => {
    for (const snapshot of ["", "1200", "12 06 0a00 1000 1800", "0a00 12 08 0a02 2800 1000 1800"]) {
      const content = unhex(snapshot);
      const bytes = `0808 4a ${hex(Uint8Array.of(content.length))} ${snapshot}`;
      assert.equal(readMessage(unhex(bytes)).snapshot, undefined, snapshot);
    }
  });

  test("ids use all 64 bits", () => {
    const sent = message({
      type: "MsgVote",
      to: (2n ** 64n - 1n) as MemberId,
      from: (2n ** 63n) as MemberId,
    });
    const bytes = encoded(sent);
    assert.equal(hex(bytes), "080510ffffffffffffffffff011880808080808080808001");
    assert.equal(readMessage(bytes).to, 2n ** 64n - 1n);
    assert.equal(readMessage(bytes).from, 2n ** 63n);
  });

  test("terms and indexes of 2^53 and more are refused, wherever they stand", () => {
    const large = "80808080808080 10";
    const largest = "ffffffffffffffffff01";
    for (const number of [large, largest]) {
      for (const tag of ["20", "28", "30", "40", "58"])
        refused(`0803 ${tag} ${number}`, /above 2\^53/);
      const entry = unhex(`10 ${number}`);
      refused(`0803 3a ${hex(Uint8Array.of(entry.length))} ${hex(entry)}`, /above 2\^53/);
    }
    assert.equal(readMessage(unhex("0804 30 ffffffffffffff 0f")).index, 2 ** 53 - 1);
  });

  test("types that nobody knows are refused, of messages and of entries", () => {
    for (const type of ["13", "16", "18", "7f", "ffffffffffffffffff01"])
      refused(`08 ${type}`, /unknown type/);
    refused("0802 3a 02 0803", /unknown type/);
  });

  test("entries of a MsgApp with a gap are refused", () => {
    const entry = (index: number): string => `3a 04 1001 18${hex(Uint8Array.of(index))}`;
    assert.equal(readMessage(unhex(`0803 3005 ${entry(6)} ${entry(7)}`)).entries.length, 2);
    refused(`0803 3005 ${entry(7)}`, /follow/);
    refused(`0803 3005 ${entry(6)} ${entry(8)}`, /follow/);
    refused(`0803 3005 ${entry(6)} ${entry(6)}`, /follow/);
    assert.equal(readMessage(unhex(`0802 3a 02 2200`)).entries[0]?.index, 0);
  });

  test("a message of entries without end is refused before they are all made", () => {
    const bytes = Buffer.alloc(2 * (messageEntriesMax + 1), "3a00", "hex");
    assert.throws(() => readMessage(bytes), /too many entries/);
  });

  test("bytes that are cut off or changed give a message or a WireError", () => {
    const choice = fc.record({ cut: fc.nat(), at: fc.nat(), by: fc.integer({ min: 1, max: 255 }) });
    fc.assert(
      fc.property(anyMessage, choice, (one, { cut, at, by }) => {
        const bytes = encoded(one);
        const changed = Uint8Array.from(bytes);
        changed[at % bytes.length] = (changed[at % bytes.length] as number) ^ by;
        for (const damaged of [bytes.subarray(0, cut % bytes.length), changed]) {
          try {
            readMessage(damaged);
          } catch (error) {
            assert.ok(error instanceof WireError, String(error));
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("a length beyond the end is refused", () => {
    refused("0803 3a 05 1001", /EOF/);
    refused("0803 62 ff ff ff ff ff ff ff 0f", /EOF/);
    refused("0803 3a 04 22 7f 1001", /EOF/);
  });

  test("nothing at all is a message without content", () => {
    assert.deepEqual(readMessage(emptyBytes), message({ type: "MsgHup", to: 0n as MemberId }));
  });
});

suite("raft message codec and Go", needs("proto"), () => {
  let go: GoMarshal | undefined;
  const goOf = (): GoMarshal => (go ??= new GoMarshal());
  after(() => go?.close());

  test("Go writes the same bytes", async () => {
    await fc.assert(
      fc.asyncProperty(anyMessage, async (one) => {
        const bytes = await goOf().marshal("raftpb.Message", messageJson(one));
        assert.equal(hex(encoded(one)), hex(bytes));
      }),
      { numRuns: 500 },
    );
  });

  test("what an etcd up to 3.6 writes is the same message", async () => {
    await fc.assert(
      fc.asyncProperty(anyMessage, async (one) => {
        const json = asGogoWrote("raftpb.Message", messageJson(one));
        const bytes = await goOf().marshal("raftpb.Message", json);
        assert.deepEqual(plain([readMessage(bytes)]), plain([one]));
        assert.ok(bytes.length > encoded(one).length || one.snapshot !== undefined);
      }),
      { numRuns: 500 },
    );
  });

  test("Go reads what we write", async () => {
    await fc.assert(
      fc.asyncProperty(anyMessage, async (one) => {
        const bytes = encoded(one);
        const read = await goOf().remarshal("raftpb.Message", bytes);
        assert.equal(read?.hex, hex(bytes));
      }),
      { numRuns: 300 },
    );
  });
});
