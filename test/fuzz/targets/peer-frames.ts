/** What other members send: both streams of raft messages, in chunks of any size, and messages without a frame. */
import { cloneBytes } from "../../../node/lib/bytes.ts";
import type { LogIndex, MemberId, Term } from "../../../node/lib/units.ts";
import { readMessage, writeMessage } from "../../../node/peer/message-codec.ts";
import {
  type FrameDecoder,
  type FrameEncoder,
  FrameError,
  MessageDecoder,
  MessageEncoder,
} from "../../../node/peer/message-frames.ts";
import { MsgAppV2Decoder, MsgAppV2Encoder } from "../../../node/peer/msgapp-v2.ts";
import { WireError, Writer } from "../../../node/proto/wire.ts";
import { type Message, message } from "../../../node/raft/messages.ts";
import type { Entry } from "../../../node/raft/types.ts";
import { mutateBytes } from "../mutate.ts";
import { messageBytes } from "../proto-input.ts";
import type { FuzzRandom } from "../random.ts";
import { invariant, type Target } from "../target.ts";

const read = 1;
const refused = 2;
const appEntries = 4;
const several = 8;

const local = 1n as MemberId;
const remote = 2n as MemberId;

/** First byte of an input: what the rest is. */
const kinds = ["bare", "message", "msgapp"] as const;
type Kind = (typeof kinds)[number];

interface Taken {
  readonly messages: Message[];
  readonly isRefused: boolean;
}

export const peerFramesTarget: Target = {
  name: "peer-frames",
  stages: ["read", "refused", "entries alone", "several"],
  leastShares: { read: 0.4, refused: 0.2, "entries alone": 0.1, several: 0.2 },

  /** The second byte says in pieces of what size the rest comes. */
  generate(random: FuzzRandom): Uint8Array {
    const kind = random.below(kinds.length);
    const stream = streamOf(kinds[kind] as Kind, random);
    const bytes = random.oneIn(4) ? mutateBytes(stream, random) : stream;
    return Buffer.concat([Uint8Array.of(kind, random.below(256)), bytes]);
  },

  run(input: Uint8Array): number {
    const kind = kinds[(input[0] ?? 0) % kinds.length] as Kind;
    const stream = input.subarray(2);
    const atOnce = taken(kind, stream, Math.max(1, stream.length));
    if (kind !== "bare") {
      const inPieces = taken(kind, stream, (input[1] ?? 0) + 1);
      invariant(isSame(inPieces, atOnce), "the size of the pieces decides");
    }
    const { messages, isRefused } = atOnce;
    if (messages.length === 0) return isRefused ? refused : 0;
    const again = taken(kind, encoded(kind, messages), 1000);
    invariant(!again.isRefused, "what was read is written as what cannot be read");
    invariant(textOf(kind, again) === textOf(kind, atOnce), "a message is read as another one");
    return (
      read |
      (isRefused ? refused : 0) |
      (kind === "msgapp" && messages.some(isInReplication) ? appEntries : 0) |
      (messages.length > 1 ? several : 0)
    );
  },
};

const isInReplication = ({ term, logTerm, entries }: Message): boolean =>
  term === logTerm && entries.length > 0;

const isSame = (a: Taken, b: Taken): boolean =>
  a.isRefused === b.isRefused && textOf("message", a) === textOf("message", b);

/** The messages as text: of entries alone, sender and receiver and all but the log are not said by the stream. */
function textOf(kind: Kind, { messages }: Taken): string {
  const plain = messages.map((one) => {
    if (kind !== "msgapp") return one;
    const { term, logTerm, index, entries, commit } = one;
    return { term, logTerm, index, entries, commit };
  });
  return JSON.stringify(plain, (_, value: unknown) =>
    typeof value === "bigint" ? String(value) : value,
  );
}

function decoderOf(kind: Kind, onMessage: (one: Message) => void): FrameDecoder {
  if (kind === "msgapp") return new MsgAppV2Decoder({ local, remote, onMessage });
  if (kind === "message") return new MessageDecoder(onMessage);
  return { take: (chunk) => onMessage(readMessage(chunk)) };
}

function taken(kind: Kind, stream: Uint8Array, pieceBytes: number): Taken {
  const messages: Message[] = [];
  const decoder = decoderOf(kind, (one) => messages.push(one));
  try {
    if (kind === "bare") decoder.take(stream);
    else
      for (let at = 0; at < stream.length; at += pieceBytes)
        decoder.take(cloneBytes(stream, at, Math.min(stream.length, at + pieceBytes)));
    return { messages, isRefused: false };
  } catch (error) {
    if (!(error instanceof FrameError) && !(error instanceof WireError)) throw error;
    return { messages, isRefused: true };
  }
}

function encoderOf(kind: Kind): FrameEncoder {
  if (kind === "msgapp") return new MsgAppV2Encoder();
  if (kind === "message") return new MessageEncoder();
  return { encode: writeMessage, heartbeat: () => undefined };
}

function encoded(kind: Kind, messages: readonly Message[]): Uint8Array {
  const writer = new Writer(256);
  const encoder = encoderOf(kind);
  for (const one of messages) encoder.encode(writer, one);
  return writer.finish();
}

function streamOf(kind: Kind, random: FuzzRandom): Uint8Array {
  const faults = { oneIn: random.pick([Infinity, Infinity, 60, 15]) };
  if (kind === "bare")
    return random.oneIn(2)
      ? messageBytes("raftpb.Message", random, faults)
      : encoded(kind, leading(random, 1));
  if (kind === "message" && random.oneIn(2)) return framed(random, faults);
  const stream = encoded(kind, leading(random, random.between(1, 6)));
  return random.oneIn(6) ? Buffer.concat([stream, lying(random)]) : stream;
}

/** Frames around messages of any fields. */
function framed(random: FuzzRandom, faults: { readonly oneIn: number }): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let count = random.between(1, 4); count > 0; count--) {
    const content = messageBytes("raftpb.Message", random, faults);
    const length = Buffer.alloc(8);
    length.writeUInt32BE(content.length, 4);
    parts.push(length, content);
  }
  return Buffer.concat(parts);
}

/** Frames that claim what does not come. */
function lying(random: FuzzRandom): Uint8Array {
  const claim = Buffer.alloc(8);
  claim.writeBigUInt64BE(random.pick([1n << 20n, 1n << 29n, (1n << 29n) + 1n, random.uint64()]));
  const kind = Uint8Array.of(random.below(4));
  return Buffer.concat([
    random.oneIn(2) ? kind : Buffer.alloc(0),
    claim,
    random.bytes(random.below(30)),
  ]);
}

/** MsgApps of a leader: mostly one behind the other. */
function leading(random: FuzzRandom, count: number): Message[] {
  const messages: Message[] = [];
  let term = random.between(1, 3);
  let index = random.below(200);
  for (; count > 0; count--) {
    if (random.oneIn(8)) index = random.below(200);
    const logTerm = random.oneIn(8) ? term - 1 : term;
    if (random.oneIn(8)) term += 1;
    const entries: Entry[] = [];
    for (let at = random.below(4); at > 0; at--)
      entries.push({
        term: term as Term,
        index: (index + entries.length + 1) as LogIndex,
        type: random.pick([0, 0, 0, 1, 2]),
        data: random.bytes(random.pick([0, 5, 40, 300])),
      });
    messages.push(
      message({
        type: "MsgApp",
        to: local,
        from: remote,
        term: term as Term,
        logTerm: logTerm as Term,
        index: index as LogIndex,
        entries,
        commit: random.below(200) as LogIndex,
      }),
    );
    index += entries.length;
  }
  return messages;
}
