/**
 * The generated codecs, over every message: cold requests are read with them, straight from the network. They throw
 * protobufjs' plain Error and RangeError, or the TypeError of invalid UTF-8; what they read, they can write, and what they write, they read the same.
 */
import * as messages from "../../../node/proto/generated/messages.js";
import { mutateBytes } from "../mutate.ts";
import { messageBytes, messageNames, nestedBytes } from "../proto-input.ts";
import type { FuzzRandom } from "../random.ts";
import { invariant, type Target } from "../target.ts";

interface Codec {
  encode(message: object): { finish(): Uint8Array };
  decode(bytes: Uint8Array): object;
}

const names = messageNames();
const codecs = names.map(
  (name) =>
    name
      .split(".")
      .reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], messages) as Codec,
);

const accepted = 1;
const refused = 2;

/**
 * protobufjs has no classes of its own; a stack that is full and a bug of its code have other ones or other texts. Text
 * that is not UTF-8 is the runtime's TypeError, known by its code.
 */
function isDocumented(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ("code" in error && error.code === "ERR_ENCODING_INVALID_ENCODED_DATA") return true;
  const isPlain = error.constructor === Error || error.constructor === RangeError;
  return isPlain && !error.message.includes("call stack");
}

export const generatedTarget: Target = {
  name: "generated",
  stages: ["accepted", "refused"],
  leastShares: { accepted: 0.4, refused: 0.1 },

  generate(random: FuzzRandom): Uint8Array {
    const which = random.below(names.length);
    const faults = { oneIn: random.pick([Infinity, 40, 12, 4]) };
    let bytes = messageBytes(names[which] as string, random, faults);
    if (random.oneIn(2_000))
      bytes = nestedBytes([random.between(1, 6)], random.pick([10, 99, 101, 50_000]));
    else if (random.oneIn(6)) bytes = mutateBytes(bytes, random);
    return Buffer.concat([Buffer.of(which >> 8, which & 0xff), bytes]);
  },

  run(input: Uint8Array): number {
    const which = (((input[0] ?? 0) << 8) | (input[1] ?? 0)) % codecs.length;
    const codec = codecs[which] as Codec;
    let message: object;
    try {
      message = codec.decode(input.subarray(2));
    } catch (error) {
      if (!isDocumented(error)) throw error;
      return refused;
    }
    const bytes = codec.encode(message).finish();
    const again = codec.encode(codec.decode(bytes)).finish();
    invariant(Buffer.compare(bytes, again) === 0, "what was written is read as something else");
    return accepted;
  },
};
