/** Log segments as etcd writes them, with faults in the messages, the records, the sums, the sectors and the names of files. */
import { crc32c } from "../../node/lib/crc32c.ts";
import { Writer } from "../../node/proto/wire.ts";
import { frameBytes, recordType, sectorBytes } from "../../node/wal/record.ts";
import { mutateBytes } from "./mutate.ts";
import { messageBytes } from "./proto-input.ts";
import type { FuzzRandom } from "./random.ts";

export interface LogFile {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Faults of one input: one record in so many; Infinity for none. */
export interface LogFaults {
  /** The message in the record is no valid one, under a sum that fits. */
  readonly messages: number;
  /** Header, frame or sum is wrong. */
  readonly records: number;
}

/** The size that log files are made with. */
export const segmentBytes = 4_096;

const messageOfType: Readonly<Record<number, string>> = {
  [recordType.metadata]: "etcdserverpb.Metadata",
  [recordType.entry]: "raftpb.Entry",
  [recordType.state]: "raftpb.HardState",
  [recordType.snapshot]: "walpb.Snapshot",
};

/** Writes records of a log one after the other; the sum runs on from file to file. */
class LogInput {
  private crc = 0;
  private term = 1;
  private index = 0;
  private commit = 0;
  private readonly random: FuzzRandom;
  private readonly faults: LogFaults;

  constructor(random: FuzzRandom, faults: LogFaults) {
    this.random = random;
    this.faults = faults;
  }

  get nextIndex(): number {
    return this.index + 1;
  }

  /** One file of about `count` records, as it stands when it is full. */
  file(isFirst: boolean, count: number): Buffer {
    const records = [
      this.record(recordType.crc, undefined),
      this.record(recordType.metadata, this.metadata()),
    ];
    if (isFirst) records.push(this.record(recordType.snapshot, this.snapshot(0, 0)));
    else records.push(this.state());
    for (let at = 0; at < count; at++) records.push(...this.write());
    return Buffer.concat(records);
  }

  /** Entries and the hard state behind them, or a snapshot's record. */
  private write(): Buffer[] {
    const { random } = this;
    if (random.oneIn(8) && this.commit > 0)
      return [this.record(recordType.snapshot, this.snapshot(this.commit, this.term))];
    if (random.oneIn(6)) this.term += 1;
    // A new leader overwrites what was not committed.
    if (random.oneIn(10)) this.index = random.between(this.commit, this.index);
    const records: Buffer[] = [];
    for (let count = random.between(0, 3); count > 0; count--) {
      this.index += 1;
      records.push(this.record(recordType.entry, this.entry()));
    }
    this.commit = random.between(this.commit, this.index);
    return [...records, this.state()];
  }

  private state(): Buffer {
    const out = new Writer(32);
    numbers(out, [this.term, this.random.pick([0, 1, 5]), this.commit]);
    return this.record(recordType.state, out.finish());
  }

  private metadata(): Uint8Array {
    const out = new Writer(32);
    numbers(out, [0xfedc, 0xba98]);
    return out.finish();
  }

  private snapshot(index: number, term: number): Uint8Array {
    const out = new Writer(32);
    numbers(out, [index, term]);
    if (index === 0) return out.finish();
    out.byte(0x1a);
    out.byte(4);
    numbers(out, [1]);
    out.byte(0x28);
    out.byte(0);
    return out.finish();
  }

  private entry(): Uint8Array {
    const { random } = this;
    const out = new Writer(64);
    if (random.oneIn(6)) numbers(out, [random.between(0, 2)]);
    out.byte(0x10);
    out.varint(this.term);
    out.byte(0x18);
    out.varint(this.index);
    const length = random.pick([0, 5, 40, 40, 300, 2_000]);
    // Also values with sectors of zeros in them: the hardest ones to tell from a hole.
    if (length > 0)
      out.bytesField(4, random.oneIn(8) ? Buffer.alloc(length) : random.bytes(length));
    return out.finish();
  }

  /** Frame, header, data and padding (record.ts draws them). */
  private record(type: number, data: Uint8Array | undefined): Buffer {
    const { random, faults } = this;
    const message = messageOfType[type];
    let content = data;
    if (message !== undefined && faults.messages !== Infinity && random.oneIn(faults.messages))
      content = random.oneIn(3)
        ? mutateBytes(data ?? Buffer.alloc(0), random)
        : messageBytes(message, random, { oneIn: 8 });
    if (content !== undefined) this.crc = crc32c(content, this.crc);
    const bytes = recordBytes(type, this.crc, content);
    if (faults.records === Infinity || !random.oneIn(faults.records)) return bytes;
    return this.faulty(bytes, type, content);
  }

  private faulty(bytes: Buffer, type: number, content: Uint8Array | undefined): Buffer {
    const { random } = this;
    switch (random.below(6)) {
      case 0:
        return mutateBytes(bytes, random);
      case 1: // A type that does not exist.
        return recordBytes(random.below(256), this.crc, content);
      case 2:
        return recordBytes(type, random.uint32(), content);
      case 3: // A frame of another length.
        bytes.writeUInt32LE(
          random.pick([0, 1, 7, 8, 2 ** 20, 2 ** 30 - 1, 2 ** 30, 2 ** 32 - 1]),
          0,
        );
        return bytes;
      case 4:
        bytes[7] = random.below(256);
        return bytes;
      default: // The sum of another record, and the data of this one.
        return recordBytes(type, crc32c(Buffer.of(1), this.crc), content);
    }
  }
}

function numbers(out: Writer, values: readonly number[]): void {
  values.forEach((value, at) => {
    out.byte((at + 1) * 8);
    out.varint(value);
  });
}

function recordBytes(type: number, crc: number, data: Uint8Array | undefined): Buffer {
  const out = new Writer((data?.length ?? 0) + 32);
  out.byte(0x08);
  out.byte(type);
  out.byte(0x10);
  out.varint(crc);
  if (data !== undefined) out.bytesField(3, data);
  const length = out.position;
  const padding = (8 - (length & 7)) & 7;
  const bytes = Buffer.alloc(frameBytes + length + padding);
  bytes.writeUInt32LE(length, 0);
  bytes[7] = padding === 0 ? 0 : 0x80 | padding;
  bytes.set(out.buffer.subarray(0, length), frameBytes);
  return bytes;
}

const hex16 = (value: number): string => value.toString(16).padStart(16, "0");

/** One to three files, and the same as a crash, a disk or a person may leave them. */
export function logFiles(
  random: FuzzRandom,
  faults: LogFaults,
): { readonly whole: LogFile[]; readonly damaged: LogFile[] } {
  const log = new LogInput(random, faults);
  const files: LogFile[] = [];
  const count = random.between(1, 3);
  for (let sequence = 0; sequence < count; sequence++) {
    const name = `${hex16(sequence)}-${hex16(sequence === 0 ? 0 : log.nextIndex)}.wal`;
    const records = log.file(sequence === 0, random.between(0, 5));
    files.push({ name, bytes: records });
  }
  const last = files.at(-1) as LogFile;
  // The space that was reserved and is not yet used.
  const reserved = random.oneIn(6) ? random.below(4) * sectorBytes : segmentBytes;
  const unused = Buffer.alloc(Math.max(0, reserved - last.bytes.length));
  files[files.length - 1] = { ...last, bytes: Buffer.concat([last.bytes, unused]) };
  return { whole: files, damaged: random.oneIn(2) ? damaged(files, random) : files };
}

function damaged(files: LogFile[], random: FuzzRandom): LogFile[] {
  const at = random.oneIn(3) ? random.below(files.length) : files.length - 1;
  const file = files[at] as LogFile;
  const bytes = Buffer.from(file.bytes);
  const used = Math.max(1, usedBytes(bytes));
  const sector = random.below(Math.ceil(used / sectorBytes)) * sectorBytes;
  const others = files.filter((other) => other !== file);
  const replaced = (changed: LogFile): LogFile[] =>
    files.map((other) => (other === file ? changed : other));
  switch (random.below(8)) {
    case 0: // A sector that never arrived.
      bytes.subarray(sector, sector + sectorBytes).fill(0);
      return replaced({ ...file, bytes });
    case 1: // Everything from some sector on.
      bytes.subarray(sector).fill(0);
      return replaced({ ...file, bytes });
    case 2:
      return replaced({ ...file, bytes: bytes.subarray(0, random.below(used + 1)) });
    case 3: // Bit rot.
      bytes[random.below(used)] = random.below(256);
      return replaced({ ...file, bytes });
    case 6: // Of the last write, the sectors that luck chose.
      for (let at = Math.max(0, used - 3 * sectorBytes); at < used; at += sectorBytes) {
        const start = Math.ceil(at / sectorBytes) * sectorBytes;
        if (random.oneIn(2)) bytes.subarray(start, start + sectorBytes).fill(0);
      }
      return replaced({ ...file, bytes });
    case 4:
      return others;
    case 5: {
      const index = random.pick([0, 1, 3, 2 ** 53 - 1]);
      const name = random.oneIn(4)
        ? "ffffffffffffffff-ffffffffffffffff.wal"
        : `${hex16(random.below(4))}-${hex16(index)}.wal`;
      return replaced({ ...file, name });
    }
    default:
      return replaced({ ...file, bytes: mutateBytes(bytes, random) });
  }
}

/** Position behind the last byte that is not zero. */
function usedBytes(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return end;
}
