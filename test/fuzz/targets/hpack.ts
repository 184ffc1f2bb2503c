/** The HPACK decoder of one connection over several header blocks. */
import { ConnectionError } from "../../../node/grpc/connection-error.ts";
import type { HeaderField } from "../../../node/grpc/header-field.ts";
import { HpackDecoder } from "../../../node/grpc/hpack-decoder.ts";
import { headerTableBytes } from "../../../node/grpc/limits.ts";
import { HpackInput, requestFields } from "../hpack-input.ts";
import { mutateBytes } from "../mutate.ts";
import { pack, unpack } from "../pack.ts";
import type { FuzzRandom } from "../random.ts";
import { invariant, type Target } from "../target.ts";

const someField = 1;
const wholeBlock = 2;
const allBlocks = 4;
const refused = 8;

const firstDynamicIndex = 62;
/** A byte can stand for a field that fills the table, or for five bits of text and the 32 bytes that a field counts. */
const listBytesPerByte = Math.max(headerTableBytes, 34);

class CountingSink {
  fields = 0;
  listBytes = 0;

  add(field: HeaderField): void {
    this.fields += 1;
    this.listBytes += field.size;
  }
}

/** Bytes of the dynamic table by its own entries. */
function tableBytes(decoder: HpackDecoder): number {
  let bytes = 0;
  for (let index = firstDynamicIndex; ; index++) {
    try {
      bytes += decoder.table.get(index).size;
    } catch {
      return bytes;
    }
  }
}

export const hpackTarget: Target = {
  name: "hpack",
  stages: ["a field", "a block", "all blocks", "refused"],
  leastShares: { "a field": 0.8, "a block": 0.5, "all blocks": 0.3, refused: 0.2 },

  generate(random: FuzzRandom): Uint8Array {
    const encoder = new HpackInput(random, random.pick([Infinity, 60, 20, 6]));
    const blocks: Uint8Array[] = [];
    for (let count = random.between(1, 4); count > 0; count--) {
      const path = random.pick(["/etcdserverpb.KV/Put", "/etcdserverpb.KV/Range", "/", "/x/y"]);
      const block = Buffer.from(encoder.block(requestFields(path, random, 8)));
      blocks.push(random.oneIn(10) ? mutateBytes(block, random) : block);
    }
    return pack(blocks);
  },

  run(input: Uint8Array): number {
    const decoder = new HpackDecoder(headerTableBytes);
    const sink = new CountingSink();
    let reached = 0;
    try {
      for (const block of unpack(input)) {
        // The chunk belongs to the socket: it is overwritten when the block is decoded.
        const chunk = Buffer.concat([Buffer.of(0x82), block, Buffer.of(0x82)]);
        const { fields, listBytes } = sink;
        decoder.decode(chunk, 1, 1 + block.length, sink);
        chunk.fill(0xee);
        reached |= wholeBlock;
        invariant(sink.fields - fields <= block.length, "more fields than bytes");
        invariant(
          sink.listBytes - listBytes <= block.length * listBytesPerByte,
          "too much of too few bytes",
        );
        invariant(
          tableBytes(decoder) <= headerTableBytes,
          "the dynamic table is larger than was allowed",
        );
      }
      reached |= allBlocks;
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      reached |= refused;
    }
    return sink.fields > 0 ? reached | someField : reached;
  },
};
