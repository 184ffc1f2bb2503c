/** Changes that know nothing of what the bytes mean: what is left when the structured ones have had their turn. */
import type { FuzzRandom } from "./random.ts";

const borderBytes = [0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x12, 0x1a, 0x22, 0x2a, 0x3f, 0x40, 0xfe];

/** One to four changes; the result is a new buffer. */
export function mutateBytes(bytes: Uint8Array, random: FuzzRandom): Buffer {
  let changed: Buffer = Buffer.from(bytes);
  for (let count = random.between(1, 4); count > 0; count--) changed = mutateOnce(changed, random);
  return changed;
}

function mutateOnce(bytes: Buffer, random: FuzzRandom): Buffer {
  if (bytes.length === 0) return random.bytes(random.between(1, 8));
  const at = random.below(bytes.length);
  const count = Math.min(random.between(1, 16), bytes.length - at);
  switch (random.below(8)) {
    case 0:
      bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
      return bytes;
    case 1:
      bytes[at] = random.pick(borderBytes);
      return bytes;
    case 2:
      bytes[at] = (bytes[at] as number) + random.pick([1, -1, 16, -16]);
      return bytes;
    case 3:
      return Buffer.concat([bytes.subarray(0, at), random.bytes(count), bytes.subarray(at)]);
    case 4:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + count)]);
    case 5:
      return Buffer.concat([bytes.subarray(0, at + count), bytes.subarray(at)]);
    case 6:
      return bytes.subarray(0, at);
    default:
      bytes.copyWithin(random.below(bytes.length), at, at + count);
      return bytes;
  }
}
