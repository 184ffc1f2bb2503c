/**
 * HPACK's Huffman code (RFC 7541 section 5.2, Appendix B), decoding only: answers are small and sent as they are.
 * The code is canonical, so the lengths say everything. Decoding walks a table of (tree node, 4 bits) ▸ (tree node,
 * perhaps one symbol): the shortest code has 5 bits, so 4 bits never finish two symbols.
 */
import { assert } from "../lib/assert.ts";

/** Code length of each symbol 0..256 (256 is EOS) as a letter: A is 5 bits, Z is 30. */
const codeLengths =
  "ISXXXXXXXTZXXZXXXXXXXXZXXXXXXXXXBFFHIBDGFFDGDBBBAAABBBBBBBCDKBHFIBCCCCCCCCCCCCCCCCCCCCCCDCDIOIJBKABABABBBACCBBBABCBA" +
  "ABCCCCCKGJIXPRPPRRRSRSSSSSTSTTRSTSSSSQRSRSSTRQPRRSSQSRRTQRSSQQRQSRSSPRRRSRRSVVPORSRUVVVWWVTUOQVWWVWTQQVVXWWWPTPQRQQSRRUU" +
  "TTVSVWVVWWWWWXWWWWWVZ";
const symbolCount = 257;
const eos = 256;

export const huffmanCodeLength = (symbol: number): number => codeLengths.charCodeAt(symbol) - 60;

/** Canonical codes: symbols sorted by (length, value) count upwards. */
export function huffmanCodes(): Uint32Array {
  const symbols = Array.from({ length: symbolCount }, (_, symbol) => symbol);
  // The sort is stable: symbols of one length stay in order.
  symbols.sort((a, b) => huffmanCodeLength(a) - huffmanCodeLength(b));
  const codes = new Uint32Array(symbolCount);
  let code = 0;
  let length = huffmanCodeLength(symbols[0] as number);
  for (const symbol of symbols) {
    code *= 2 ** (huffmanCodeLength(symbol) - length);
    length = huffmanCodeLength(symbol);
    codes[symbol] = code++;
  }
  return codes;
}

const nodeCount = 256;
const emits = 1 << 16;
const fails = 1 << 17;
/** (node << 4 | 4 bits) ▸ next node (bits 0..7), symbol (8..15), `emits`, `fails`. */
const steps = new Uint32Array(nodeCount * 16);
/** 1 where the input may end: fewer than 8 bits, all ones, since the last symbol. */
const accepts = new Uint8Array(nodeCount);

buildTables();

function buildTables(): void {
  // children[2 * node + bit]: an inner node >= 0, or -1 - symbol.
  const children = new Int16Array(nodeCount * 2);
  let nodes = 1;
  const codes = huffmanCodes();
  for (let symbol = 0; symbol < symbolCount; symbol++) {
    const length = huffmanCodeLength(symbol);
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const edge = node * 2 + (((codes[symbol] as number) >>> bit) & 1);
      if (children[edge] === 0) children[edge] = nodes++;
      node = children[edge] as number;
    }
    children[node * 2 + ((codes[symbol] as number) & 1)] = -1 - symbol;
  }
  assert(nodes === nodeCount, "huffman tree is not complete", nodes);
  for (let index = 0; index < steps.length; index++)
    steps[index] = stepFrom(children, index >> 4, index & 15);
  for (let ones = 0, node = 0; ones < 8; ones++, node = children[node * 2 + 1] as number)
    accepts[node] = 1;
}

function stepFrom(children: Int16Array, from: number, nibble: number): number {
  let node = from;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const next = children[node * 2 + ((nibble >> bit) & 1)] as number;
    if (next >= 0) {
      node = next;
      continue;
    }
    const symbol = -1 - next;
    if (symbol === eos) return fails;
    emitted = emits | (symbol << 8);
    node = 0;
  }
  return emitted | node;
}

/** The longest text that `encodedBytes` can hold. */
export const huffmanDecodedMax = (encodedBytes: number): number =>
  Math.floor((encodedBytes * 8) / 5);

/**
 * Decodes source[start, end) to the begin of `target`, which must have room for huffmanDecodedMax bytes. Returns the
 * number of bytes, or -1 when the input is no valid code (EOS inside, wrong or too much padding).
 */
export function decodeHuffman(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
): number {
  let node = 0;
  let length = 0;
  for (let at = start; at < end; at++) {
    const byte = source[at] as number;
    let step = steps[(node << 4) | (byte >> 4)] as number;
    if (step >= emits) {
      if (step >= fails) return -1;
      target[length++] = step >> 8;
    }
    step = steps[((step & 0xff) << 4) | (byte & 15)] as number;
    if (step >= emits) {
      if (step >= fails) return -1;
      target[length++] = step >> 8;
    }
    node = step & 0xff;
  }
  return accepts[node] === 1 ? length : -1;
}
