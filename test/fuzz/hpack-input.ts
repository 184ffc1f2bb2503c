/** Header blocks as clients write them, in all representations, with faults where a decoder can go wrong (RFC 7541). */
import { huffman, integer } from "../unit/grpc/hpack-encoder.ts";
import type { FuzzRandom } from "./random.ts";

export type Field = readonly [name: string, value: string];

/** The fields of the static table that requests use. */
const staticFields: readonly (readonly [number, string, string])[] = [
  [2, ":method", "GET"],
  [3, ":method", "POST"],
  [4, ":path", "/"],
  [6, ":scheme", "http"],
  [7, ":scheme", "https"],
];
const staticNames: Readonly<Record<string, number>> = {
  ":authority": 1,
  ":method": 2,
  ":path": 4,
  ":scheme": 6,
  "content-length": 28,
  "content-type": 31,
  "user-agent": 58,
};
const firstDynamicIndex = 62;
const entryOverheadBytes = 32;

const huffmanCache = new Map<string, readonly number[]>();

function huffmanOf(text: string): readonly number[] {
  const known = huffmanCache.get(text);
  if (known !== undefined) return known;
  const coded = huffman(text);
  if (huffmanCache.size < 1_000) huffmanCache.set(text, coded);
  return coded;
}

/** The encoder of one connection: knows what the decoder's dynamic table holds as long as no fault was written. */
export class HpackInput {
  private readonly random: FuzzRandom;
  /** One field in so many is written wrongly. */
  private readonly faultOneIn: number;
  private readonly table: Field[] = [];
  private tableBytes = 0;
  private readonly tableBytesMax: number;

  constructor(random: FuzzRandom, faultOneIn: number, tableBytesMax = 4_096) {
    this.random = random;
    this.faultOneIn = faultOneIn;
    this.tableBytesMax = tableBytesMax;
  }

  block(fields: readonly Field[]): number[] {
    const { random } = this;
    const out: number[] = [];
    if (random.oneIn(30)) out.push(...this.resize());
    for (const [name, value] of fields) {
      const isFault = this.faultOneIn !== Infinity && random.oneIn(this.faultOneIn);
      out.push(...(isFault ? this.faulty(name, value) : this.field(name, value)));
    }
    return out;
  }

  private field(name: string, value: string): number[] {
    const { random, table } = this;
    const known = table.findIndex(([a, b]) => a === name && b === value);
    if (known >= 0 && !random.oneIn(10)) return integer(0x80, 7, known + firstDynamicIndex);
    const fixed = staticFields.find(([, a, b]) => a === name && b === value);
    if (fixed !== undefined && !random.oneIn(5)) return integer(0x80, 7, fixed[0]);
    const index = random.oneIn(6) ? 0 : (staticNames[name] ?? this.nameIndex(name));
    const rest = [...(index === 0 ? this.string(name) : []), ...this.string(value)];
    if (random.oneIn(4)) return [...integer(random.pick([0x00, 0x10]), 4, index), ...rest];
    const size = name.length + value.length + entryOverheadBytes;
    table.unshift([name, value]);
    this.tableBytes += size;
    this.evict();
    return [...integer(0x40, 6, index), ...rest];
  }

  private nameIndex(name: string): number {
    const at = this.table.findIndex(([known]) => known === name);
    return at < 0 ? 0 : at + firstDynamicIndex;
  }

  private string(text: string): number[] {
    const isHuffman = this.random.oneIn(2);
    const bytes = isHuffman ? huffmanOf(text) : [...Buffer.from(text, "latin1")];
    return [...integer(isHuffman ? 0x80 : 0, 7, bytes.length), ...bytes];
  }

  private resize(): number[] {
    // Down to nothing and up again: the entries are gone.
    this.table.length = 0;
    this.tableBytes = 0;
    return [...integer(0x20, 5, 0), ...integer(0x20, 5, this.tableBytesMax)];
  }

  private evict(): void {
    while (this.tableBytes > this.tableBytesMax) {
      const [name, value] = this.table.pop() as Field;
      this.tableBytes -= name.length + value.length + entryOverheadBytes;
    }
  }

  private faulty(name: string, value: string): number[] {
    const { random } = this;
    switch (random.below(10)) {
      case 0: // An index into nothing.
        return integer(0x80, 7, random.pick([0, 61, 62, 63, 200, 2 ** 28, 2 ** 32]));
      case 1: // A table larger than allowed, or a change of its size between fields.
        return integer(0x20, 5, random.pick([0, 1, 4_096, 4_097, 2 ** 20, 2 ** 31]));
      case 2: // A string longer than the block.
        return [0x00, ...integer(0, 7, random.pick([100, 70_000, 2 ** 28])), ...Buffer.from(name)];
      case 3: // Huffman codes that do not end, and random ones.
        return [0x00, ...this.string(name), ...integer(0x80, 7, 4), ...random.bytes(4)];
      case 4: // An integer without end.
        return [
          0xff,
          ...Array.from({ length: random.between(3, 10) }, () => 0x80 | random.below(128)),
        ];
      case 5: // A name or a value that no field may have.
        return [
          0x00,
          ...this.string(random.pick(["", "A", "a b", ":x", "connection"])),
          ...this.string(value),
        ];
      case 6:
        return [
          0x40,
          ...this.string(name),
          ...this.string(random.pick(["\r\n", "\0", "\x7f", "x".repeat(300)])),
        ];
      case 7: // The same entry again and again.
        return Array.from({ length: random.between(1, 200) }, () => 0x80 | firstDynamicIndex);
      case 8:
        return [...random.bytes(random.between(1, 8))];
      default: // A long entry into the table.
        return [
          0x40,
          ...this.string("x-long"),
          ...integer(0, 7, 4_000),
          ...Buffer.alloc(4_000, 0x61),
        ];
    }
  }
}

const metadata: readonly Field[] = [
  ["user-agent", "grpc-go/1.82.1"],
  ["user-agent", "grpc-node-js/1.14.7"],
  ["grpc-timeout", "5000m"],
  ["grpc-timeout", "1H"],
  ["grpc-timeout", "99999999S"],
  ["grpc-timeout", "0n"],
  ["grpc-accept-encoding", "gzip"],
  ["authorization", "abc.1"],
  ["token", "xyz.17"],
  ["hasleader", "true"],
  ["client-api-version", "3.7.1"],
  ["trace-bin", "AAECAwQ="],
];

const spoilt: readonly Field[] = [
  ["grpc-encoding", "gzip"],
  ["grpc-timeout", "1x"],
  ["grpc-timeout", "123456789S"],
  ["content-length", "7"],
  ["content-length", "-1"],
  ["connection", "close"],
  ["te", "gzip"],
  [":method", "GET"],
  [":unknown", "1"],
  ["host", "b"],
];

/** The head of a request for `path`; one in `spoilOneIn` is none that gRPC allows. */
export function requestFields(path: string, random: FuzzRandom, spoilOneIn: number): Field[] {
  const fields: Field[] = [
    [":method", "POST"],
    [":scheme", random.oneIn(5) ? "https" : "http"],
    [":path", path],
    [":authority", "etcd:2379"],
    [
      "content-type",
      random.pick(["application/grpc", "application/grpc", "application/grpc+proto"]),
    ],
    ["te", "trailers"],
  ];
  for (let count = random.below(3); count > 0; count--) fields.push(random.pick(metadata));
  if (!random.oneIn(spoilOneIn)) return fields;
  switch (random.below(3)) {
    case 0:
      fields.splice(random.below(fields.length), 1);
      break;
    case 1:
      fields.splice(random.below(fields.length + 1), 0, random.pick(spoilt));
      break;
    default:
      fields.push(random.pick(fields));
  }
  return fields;
}
