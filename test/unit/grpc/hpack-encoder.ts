/** A small HPACK encoder for tests: every representation can be asked for. Written from RFC 7541, not from our decoder. */
import { huffmanCodeLength, huffmanCodes } from "../../../node/grpc/huffman.ts";

export type Representation = "indexed" | "added" | "plain" | "never";

export interface TestField {
  readonly name: string;
  readonly value: string;
  readonly as?: Representation;
  readonly isHuffman?: boolean;
}

export function integer(first: number, prefixBits: number, value: number): number[] {
  const most = 2 ** prefixBits - 1;
  if (value < most) return [first | value];
  const bytes = [first | most];
  let rest = value - most;
  while (rest >= 128) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}

const codes = huffmanCodes();

export function huffman(text: string): number[] {
  let bits = "";
  for (const byte of Buffer.from(text, "latin1")) {
    bits += (codes[byte] as number).toString(2).padStart(huffmanCodeLength(byte), "0");
  }
  while (bits.length % 8 !== 0) bits += "1";
  return (bits.match(/.{8}/g) ?? []).map((octet) => Number.parseInt(octet, 2));
}

function string(text: string, isHuffman: boolean): number[] {
  const bytes = isHuffman ? huffman(text) : [...Buffer.from(text, "latin1")];
  return [...integer(isHuffman ? 0x80 : 0, 7, bytes.length), ...bytes];
}

const firstDynamicIndex = 62;

/** Static table is used for no name: the tests of the examples in the RFC cover it. */
export class TestHpackEncoder {
  private readonly table: { name: string; value: string }[] = [];
  private tableBytes: number;

  constructor(tableBytes = 4096) {
    this.tableBytes = tableBytes;
  }

  resize(bytes: number): number[] {
    this.tableBytes = bytes;
    this.evict();
    return integer(0x20, 5, bytes);
  }

  block(fields: readonly TestField[]): number[] {
    return fields.flatMap((field) => this.field(field));
  }

  private field({ name, value, as = "indexed", isHuffman = true }: TestField): number[] {
    const whole = this.table.findIndex((entry) => entry.name === name && entry.value === value);
    if (as === "indexed" && whole >= 0) return integer(0x80, 7, whole + firstDynamicIndex);
    const known = this.table.findIndex((entry) => entry.name === name);
    const nameIndex = known < 0 ? 0 : known + firstDynamicIndex;
    const rest = [...(nameIndex === 0 ? string(name, isHuffman) : []), ...string(value, isHuffman)];
    if (as === "plain") return [...integer(0x00, 4, nameIndex), ...rest];
    if (as === "never") return [...integer(0x10, 4, nameIndex), ...rest];
    this.table.unshift({ name, value });
    this.evict();
    return [...integer(0x40, 6, nameIndex), ...rest];
  }

  private evict(): void {
    const size = () =>
      this.table.reduce((sum, entry) => sum + entry.name.length + entry.value.length + 32, 0);
    while (size() > this.tableBytes) this.table.pop();
  }
}
