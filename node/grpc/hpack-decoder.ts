/** HPACK decoding (RFC 7541 section 6): turns one header block into fields, for one connection. */
import { latin1 } from "../lib/bytes.ts";
import { ConnectionError } from "./connection-error.ts";
import { errorCode } from "./frame.ts";
import { type HeaderField, type HeaderName, headerField, headerName } from "./header-field.ts";
import { HpackTable } from "./hpack-table.ts";
import { decodeHuffman, huffmanDecodedMax } from "./huffman.ts";

export interface FieldSink {
  add(field: HeaderField): void;
}

/** Integers above 2^28 are refused (section 5.1 asks for a limit); no length, index or table size of ours is near. */
const integerShiftMax = 21;

export class HpackDecoder {
  readonly table: HpackTable;
  /** Where the reading methods stand. */
  private at = 0;
  private end = 0;
  private block: Uint8Array = new Uint8Array(0);
  /** The string read last: stringBytes[stringStart, stringEnd). */
  private stringBytes: Uint8Array = this.block;
  private stringStart = 0;
  private stringEnd = 0;
  private scratch = new Uint8Array(256);

  constructor(tableBytes: number) {
    this.table = new HpackTable(tableBytes);
  }

  /** @throws ConnectionError COMPRESSION_ERROR; the table is then unusable and the connection must end. */
  decode(block: Uint8Array, start: number, end: number, sink: FieldSink): void {
    this.block = block;
    this.at = start;
    this.end = end;
    let mayResize = true;
    while (this.at < end) {
      const first = block[this.at] as number;
      if ((first & 0x80) !== 0) {
        sink.add(this.table.get(this.integer(0x7f)));
      } else if ((first & 0x40) !== 0) {
        const field = this.literal(0x3f);
        this.table.add(field);
        sink.add(field);
      } else if ((first & 0x20) !== 0) {
        if (!mayResize)
          throw new ConnectionError(
            errorCode.compressionError,
            "header table size update after a field",
          );
        this.table.resize(this.integer(0x1f));
        continue;
      } else {
        // Without indexing, or never indexed: the difference matters to proxies only.
        sink.add(this.literal(0x0f));
      }
      mayResize = false;
    }
    // The chunk belongs to the socket.
    this.block = this.scratch;
    this.stringBytes = this.scratch;
  }

  private literal(prefixMask: number): HeaderField {
    const index = this.integer(prefixMask);
    let name: HeaderName;
    if (index > 0) {
      name = this.table.get(index).name;
    } else {
      this.string();
      name = headerName(latin1(this.stringBytes, this.stringStart, this.stringEnd));
    }
    this.string();
    return headerField(name, this.stringBytes, this.stringStart, this.stringEnd);
  }

  private string(): void {
    if (this.at >= this.end) throw truncated();
    const isHuffman = ((this.block[this.at] as number) & 0x80) !== 0;
    const length = this.integer(0x7f);
    const start = this.at;
    const end = start + length;
    if (end > this.end) throw truncated();
    this.at = end;
    if (!isHuffman) {
      this.stringBytes = this.block;
      this.stringStart = start;
      this.stringEnd = end;
      return;
    }
    const decodedMax = huffmanDecodedMax(length);
    if (decodedMax > this.scratch.length) this.scratch = new Uint8Array(decodedMax * 2);
    const decoded = decodeHuffman(this.block, start, end, this.scratch);
    if (decoded < 0) throw new ConnectionError(errorCode.compressionError, "invalid Huffman code");
    this.stringBytes = this.scratch;
    this.stringStart = 0;
    this.stringEnd = decoded;
  }

  /** The integer that begins in the low bits, `mask`, of the byte at `at` (section 5.1). */
  private integer(mask: number): number {
    let value = (this.block[this.at++] as number) & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= integerShiftMax; shift += 7) {
      if (this.at >= this.end) throw truncated();
      const byte = this.block[this.at++] as number;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new ConnectionError(errorCode.compressionError, "header integer too large");
  }
}

function truncated(): ConnectionError {
  return new ConnectionError(errorCode.compressionError, "header block ends within a field");
}
