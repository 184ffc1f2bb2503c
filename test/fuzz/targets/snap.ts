/** The parser of `.snap` files, and the choice of the newest one in a directory of good and bad files. */
import { CorruptionError } from "../../../node/lib/corruption-error.ts";
import { crc32c } from "../../../node/lib/crc32c.ts";
import { Writer } from "../../../node/proto/wire.ts";
import { SnapDir, snapshotName } from "../../../node/snap/snap-dir.ts";
import {
  decodeSnapshotFile,
  encodeSnapshotFile,
  type SnapshotFile,
} from "../../../node/snap/snapshot-file.ts";
import { MemoryFs } from "../../support/memory-fs.ts";
import { quiet } from "../../unit/wal/wal-lab.ts";
import { mutateBytes } from "../mutate.ts";
import { pack, unpack } from "../pack.ts";
import { messageBytes } from "../proto-input.ts";
import type { FuzzRandom } from "../random.ts";
import { invariant, type Target } from "../target.ts";

const accepted = 1;
const refused = 2;
const goodSum = 4;
const directory = 8;

const dir = "/data/member/snap";

export const snapTarget: Target = {
  name: "snap",
  stages: ["accepted", "refused", "sum fits", "directory"],
  leastShares: { accepted: 0.3, refused: 0.2, "sum fits": 0.5, directory: 0.02 },

  generate(random: FuzzRandom): Uint8Array {
    const files: Uint8Array[] = [];
    for (let count = random.oneIn(20) ? random.between(2, 4) : 1; count > 0; count--)
      files.push(file(random));
    return pack(files);
  },

  async run(input: Uint8Array): Promise<number> {
    const files = unpack(input);
    let reached = 0;
    const read = files.map((bytes) => decoded(bytes));
    for (const [at, snapshot] of read.entries()) {
      if (hasGoodSum(files[at] as Uint8Array)) reached |= goodSum;
      reached |= snapshot === undefined ? refused : accepted;
    }
    if (files.length > 1) reached |= await load(files, read);
    return reached;
  },
};

/** A snapshot under a sum that fits, most of the time; its message is faulty now and then. */
function file(random: FuzzRandom): Uint8Array {
  const message = messageBytes("raftpb.Snapshot", random, {
    oneIn: random.pick([Infinity, 20, 6]),
  });
  const inner = random.oneIn(2) ? whole(random) : message;
  const out = new Writer(inner.length + 32);
  out.byte(0x08);
  out.varint(random.oneIn(12) ? random.uint32() : crc32c(inner));
  if (random.oneIn(30)) out.raw(random.bytes(5), 0, 5);
  out.bytesField(2, inner);
  const bytes = out.finish();
  return random.oneIn(10) ? mutateBytes(bytes, random) : bytes;
}

/** What etcd writes, without its JSON. */
function whole(random: FuzzRandom): Uint8Array {
  const out = new Writer(128);
  if (!random.oneIn(8)) out.bytesField(1, random.bytes(random.below(60)));
  const metadata = out.beginMessage(2);
  const conf = out.beginMessage(1);
  for (let count = random.below(4); count > 0; count--) {
    out.byte(random.pick([0x08, 0x10, 0x18, 0x20]));
    out.varint64(random.uint64());
  }
  if (!random.oneIn(4)) {
    out.byte(0x28);
    out.byte(random.below(2));
  }
  out.endMessage(conf);
  out.numberField(2, random.below(1_000));
  out.numberField(3, random.below(10));
  out.endMessage(metadata);
  return out.finish();
}

function decoded(bytes: Uint8Array): SnapshotFile | undefined {
  let snapshot: SnapshotFile;
  try {
    snapshot = decodeSnapshotFile(bytes);
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error;
    return undefined;
  }
  const again = encodeSnapshotFile(decodeSnapshotFile(encodeSnapshotFile(snapshot)));
  invariant(
    Buffer.compare(again, encodeSnapshotFile(snapshot)) === 0,
    "a snapshot is read as something else",
  );
  return snapshot;
}

/** For the table: the file's message is reached. */
function hasGoodSum(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes);
  const crcBytes = buffer.subarray(1).findIndex((byte) => byte < 0x80) + 1;
  const lengthAt = 1 + crcBytes + 1;
  const lengthBytes = buffer.subarray(lengthAt).findIndex((byte) => byte < 0x80) + 1;
  const out = new Writer(16);
  out.varint(crc32c(buffer.subarray(lengthAt + lengthBytes)));
  return Buffer.compare(out.finish(), buffer.subarray(1, 1 + crcBytes)) === 0;
}

/** The directory gives the newest file that can be read, and puts the bad ones before it aside. */
async function load(
  files: readonly Uint8Array[],
  read: readonly (SnapshotFile | undefined)[],
): Promise<number> {
  const disk = new MemoryFs();
  await disk.makeDir(dir);
  const place = (at: number) => ({
    term: read[at]?.term ?? 1,
    index: (at + 1) as SnapshotFile["index"],
  });
  const names = files.map((_, at) => snapshotName(place(at) as SnapshotFile));
  files.forEach((bytes, at) => {
    disk.place(`${dir}/${names[at] as string}`, bytes);
  });
  const known = read.flatMap((snapshot) => (snapshot === undefined ? [] : [snapshot]));
  const found = await new SnapDir(dir, { fs: disk, logger: quiet, maxSnapshots: 5 }).loadNewest(
    known,
  );
  invariant(
    (found !== undefined) === known.length > 0,
    "a snapshot that can be read was not found",
  );
  return directory;
}
