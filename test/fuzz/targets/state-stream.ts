/** The stream in which a member takes over another's whole state: frames with sums that fit around content that may not. */
import type { BucketName } from "../../../node/backend/backend.ts";
import { LiveTotals } from "../../../node/backend/live-totals.ts";
import { RecordEncoder, recordSeed } from "../../../node/backend/record.ts";
import { SnapshotDecoder } from "../../../node/backend/snapshot-decoder.ts";
import {
  encodeState,
  frameKind,
  type StoredRecord,
  streamName,
  streamVersion,
} from "../../../node/backend/snapshot-stream.ts";
import { cloneBytes } from "../../../node/lib/bytes.ts";
import { CorruptionError } from "../../../node/lib/corruption-error.ts";
import { crc32c } from "../../../node/lib/crc32c.ts";
import { mutateBytes } from "../mutate.ts";
import type { FuzzRandom } from "../random.ts";
import { invariant, type Target } from "../target.ts";

const entry = 1;
const record = 2;
const accepted = 4;
const refused = 8;

interface Held {
  readonly buckets: {
    readonly bucket: BucketName;
    readonly key: Uint8Array;
    readonly value: Uint8Array;
  }[];
  readonly records: StoredRecord[];
}

export const stateStreamTarget: Target = {
  name: "state-stream",
  stages: ["bucket entry", "record", "accepted", "refused"],
  leastShares: { "bucket entry": 0.4, record: 0.4, accepted: 0.2, refused: 0.2 },

  /** The first byte says in pieces of what size the rest comes. */
  generate(random: FuzzRandom): Uint8Array {
    const stream = new Generator(random).stream();
    const bytes = random.oneIn(6) ? mutateBytes(stream, random) : stream;
    return Buffer.concat([Uint8Array.of(random.below(256)), bytes]);
  },

  async run(input: Uint8Array): Promise<number> {
    const stream = input.subarray(1);
    const inPieces = decode(stream, (input[0] ?? 0) + 1);
    const atOnce = decode(stream, stream.length);
    invariant(
      (inPieces.position === undefined) === (atOnce.position === undefined),
      "the size of the pieces decides",
    );
    const { held, position } = inPieces;
    const reached =
      (held.buckets.length > 0 ? entry : 0) |
      (held.records.length > 0 ? record : 0) |
      (position === undefined ? refused : accepted);
    if (position === undefined) return reached;
    const source = {
      name: "fuzz",
      position,
      live: undefined,
      bucket: async (name: BucketName) => held.buckets.filter(({ bucket }) => bucket === name),
      async *records() {
        yield held.records;
      },
    };
    const chunks: Uint8Array[] = [];
    for await (const chunk of encodeState(source)) chunks.push(chunk);
    const again = decode(Buffer.concat(chunks), 1000);
    invariant(
      JSON.stringify([again.held, again.position]) === JSON.stringify([held, position]),
      "a state is read as something else",
    );
    return reached;
  },
};

function decode(stream: Uint8Array, pieceBytes: number) {
  const held: Held = { buckets: [], records: [] };
  const decoder = new SnapshotDecoder({
    bucketEntry: (bucket, key, value) =>
      void held.buckets.push({ bucket, key: cloneBytes(key), value: cloneBytes(value) }),
    record: (main, sub, stored) => void held.records.push({ main, sub, value: cloneBytes(stored) }),
  });
  try {
    for (let at = 0; at < stream.length; at += pieceBytes)
      decoder.take(stream.subarray(at, at + pieceBytes));
    return { held, position: decoder.end() };
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error;
    return { held, position: undefined };
  }
}

/** Makes streams that are right, but for a fault now and then. */
class Generator {
  private readonly random: FuzzRandom;
  private readonly isFaulty: boolean;
  private readonly encoder = new RecordEncoder();
  private readonly totals = new LiveTotals();
  private readonly frames: Uint8Array[] = [];
  private entries = 0;
  private crc = 0;

  constructor(random: FuzzRandom) {
    this.random = random;
    this.isFaulty = random.oneIn(3);
  }

  stream(): Uint8Array {
    const { random } = this;
    const version = this.isWrong(20) ? 9 : streamVersion;
    const numbers = [random.below(1000), random.below(9), this.isWrong(10) ? 20 : 100_000];
    const place = Buffer.concat(numbers.map((value) => this.u64(value)));
    this.frame(frameKind.header, [streamName, Uint8Array.of(version), place]);
    for (let id = 1; id < 10; id++) if (random.oneIn(3)) this.bucketFrame(id);
    let main = 1;
    for (let count = random.below(4); count > 0; count--) main = this.recordFrame(main);
    const { count, sumA, sumB } = this.totals;
    const counted = [this.u64(this.wrong(this.entries)), this.u64(this.wrong(count))];
    this.frame(frameKind.trailer, [...counted, this.u32(sumA), this.u32(sumB)]);
    if (this.isWrong(20)) this.frames.splice(random.below(this.frames.length), 1);
    return Buffer.concat(this.frames);
  }

  private bucketFrame(id: number): void {
    const { random } = this;
    const parts: Uint8Array[] = [];
    for (let n = 0; n < 1 + random.below(3); n++) {
      const key = Buffer.concat([Uint8Array.of(n), random.bytes(random.below(5))]);
      const value = random.bytes(random.below(40));
      const bucket = Uint8Array.of(this.wrong(id));
      parts.push(bucket, this.u32(this.wrong(key.length)), key);
      parts.push(this.u32(value.length), value);
      this.entries++;
    }
    this.frame(frameKind.buckets, parts);
  }

  private recordFrame(after: number): number {
    const { random } = this;
    const parts: Uint8Array[] = [];
    let main = after;
    for (let n = 0; n < 1 + random.below(5); n++) {
      if (!this.isWrong(20)) main += 1 + random.below(3);
      const bytes = random.bytes(random.below(60));
      const seed = recordSeed(main, this.isWrong(20) ? 1 : 0);
      const stored = cloneBytes(
        this.encoder.encode(seed, random.oneIn(4) ? 1 : 0, bytes, 0, bytes.length),
      );
      parts.push(this.u64(main), this.u32(0), this.u32(this.wrong(stored.length)), stored);
      this.totals.add(main, 0);
    }
    this.frame(frameKind.records, parts);
    return main;
  }

  private frame(kind: number, parts: readonly Uint8Array[]): void {
    const body = Buffer.concat(parts);
    const head = Buffer.concat([Uint8Array.of(kind), this.u32(this.wrong(body.length))]);
    this.crc = crc32c(body, crc32c(head, this.crc));
    if (this.isWrong(30)) this.crc = this.random.uint32();
    this.frames.push(Buffer.concat([head, body, this.u32(this.crc)]));
  }

  private isWrong(oneIn: number): boolean {
    return this.isFaulty && this.random.oneIn(oneIn);
  }

  private wrong(value: number): number {
    return this.isWrong(40) ? this.random.pick([0, value + 1, 2 ** 31]) : value;
  }

  private u32(value: number): Uint8Array {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value >>> 0);
    return bytes;
  }

  private u64(value: number): Uint8Array {
    return Buffer.concat([this.u32(value), this.u32(Math.floor(value / 2 ** 32))]);
  }
}
