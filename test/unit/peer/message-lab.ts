/** Raft messages of every kind, streams cut anyhow, and the two ends of a stream towards etcd's own transport. */
import {
  createServer,
  get,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";

import fc from "fast-check";

import { emptyBytes } from "../../../node/lib/bytes.ts";
import {
  type ClusterId,
  idToHex,
  type LogIndex,
  type MemberId,
  type Term,
} from "../../../node/lib/units.ts";
import type { FrameDecoder } from "../../../node/peer/message-frames.ts";
import {
  type Message,
  type MessageType,
  message,
  messageType,
} from "../../../node/raft/messages.ts";
import type { Entry, EntryType, Snapshot } from "../../../node/raft/types.ts";

/** Small ones, borders of a varint's bytes, and the last that a number holds. */
const counter = fc.oneof(
  fc.nat({ max: 300 }),
  fc.constantFrom(0, 127, 128, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 49, 2 ** 53 - 1),
  fc.maxSafeNat(),
);
const anyId = fc
  .oneof(
    fc.bigInt({ min: 0n, max: 300n }),
    fc.constantFrom(2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 63n + 1n, 2n ** 64n - 1n),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  )
  .map((id) => id as MemberId);
const anyData = fc.oneof(
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  {
    weight: 1,
    arbitrary: fc.nat({ max: 20_000 }).map((length) => new Uint8Array(length).fill(length)),
  },
);

const anyEntry = fc.record({
  term: counter.map((value) => value as Term),
  index: counter.map((value) => value as LogIndex),
  type: fc.constantFrom<EntryType>(0, 0, 0, 1, 2),
  data: anyData,
});

const isPlain = { noNullPrototype: true } as const;
const anyIds = fc.array(anyId, { maxLength: 5 });

const anyConfState = fc.record(
  {
    voters: anyIds,
    learners: anyIds,
    votersOutgoing: anyIds,
    learnersNext: anyIds,
    autoLeave: fc.boolean(),
  },
  isPlain,
);

const anySnapshot: fc.Arbitrary<Snapshot> = fc.record({
  data: fc.uint8Array({ maxLength: 300 }),
  metadata: fc.record(
    {
      index: counter.map((value) => Math.max(1, value) as LogIndex),
      term: counter.map((value) => value as Term),
      confState: anyConfState,
    },
    isPlain,
  ),
});

const someEntries = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Entry[]>([]) },
  { weight: 2, arbitrary: fc.array(anyEntry, { maxLength: 5 }) },
);

/** Any message that can be one: the entries of a MsgApp follow its index. */
export const anyMessage: fc.Arbitrary<Message> = fc
  .record({
    type: fc.constantFrom(...(Object.keys(messageType) as MessageType[])),
    to: anyId,
    from: anyId,
    term: counter.map((value) => value as Term),
    logTerm: counter.map((value) => value as Term),
    index: counter.map((value) => value as LogIndex),
    entries: someEntries,
    commit: counter.map((value) => value as LogIndex),
    snapshot: fc.option(anySnapshot, { nil: undefined, freq: 3 }),
    reject: fc.boolean(),
    rejectHint: counter.map((value) => value as LogIndex),
    context: anyData,
  })
  .map((fields) =>
    fields.type === "MsgApp" ? { ...fields, ...followed(fields.index, fields.entries) } : fields,
  );

/** An index near the last one leaves no room for entries behind it. */
function followed(index: LogIndex, entries: readonly Entry[]): Pick<Message, "index" | "entries"> {
  const before = Math.min(index, Number.MAX_SAFE_INTEGER - entries.length) as LogIndex;
  return { index: before, entries: following(before, entries) };
}

function following(index: number, entries: readonly Entry[]): Entry[] {
  return entries.map((entry, at) => ({ ...entry, index: (index + 1 + at) as LogIndex }));
}

/** One step of a leader that sends to one follower. */
const anySending = fc.record({
  /** A new term; a probe somewhere else in the log; entries of an older term; the next entries. */
  turn: fc.constantFrom("term", "probe", "older", "next", "next", "next", "next", "next"),
  distance: fc.nat({ max: 50 }),
  entries: fc.array(anyData, { maxLength: 6 }),
  commit: fc.nat({ max: 1_000 }),
});

/** MsgApps as a leader sends them over one stream: mostly one behind the other, now and then from another place or in a new term. */
export const leadersMessages = (from: MemberId, to: MemberId): fc.Arbitrary<Message[]> =>
  fc.array(anySending, { maxLength: 30 }).map((sendings) => {
    let term = 1;
    let index = 0;
    return sendings.map(({ turn, distance, entries, commit }): Message => {
      if (turn === "term") term += 1 + distance;
      if (turn === "probe") index = Math.max(0, index - 20 + distance);
      const logTerm = turn === "older" || turn === "term" ? term - 1 : term;
      const data = entries.map((bytes) => entryOf(logTerm === term ? term : logTerm + 1, bytes));
      const sent = message({
        type: "MsgApp",
        to,
        from,
        term: term as Term,
        logTerm: logTerm as Term,
        index: index as LogIndex,
        entries: following(index, data),
        commit: commit as LogIndex,
      });
      index += entries.length;
      return sent;
    });
  });

const entryOf = (term: number, data: Uint8Array): Entry => ({
  term: term as Term,
  index: 0 as LogIndex,
  type: 0,
  data,
});

/** Takes a stream in pieces of these sizes, again and again, and never lets the decoder keep a piece. */
export function takeInPieces(
  decoder: FrameDecoder,
  stream: Uint8Array,
  sizes: readonly number[],
): void {
  let at = 0;
  for (let turn = 0; at < stream.length; turn++) {
    const size = sizes.length === 0 ? stream.length : (sizes[turn % sizes.length] as number);
    const piece = Uint8Array.from(stream.subarray(at, at + size));
    decoder.take(piece);
    piece.fill(0xee);
    at += size;
  }
}

export const pieceSizes = fc.array(fc.integer({ min: 1, max: 60 }), {
  minLength: 1,
  maxLength: 20,
});

/** With ids as text and bytes as arrays of one kind, for a comparison that names the difference. */
export const plain = (messages: readonly Message[]): unknown[] =>
  messages.map((one) => ({
    ...one,
    context: Buffer.from(one.context).toString("hex"),
    entries: one.entries.map(({ data, ...place }) => ({
      ...place,
      data: Buffer.from(data).toString("hex"),
    })),
    snapshot:
      one.snapshot === undefined
        ? undefined
        : { ...one.snapshot, data: Buffer.from(one.snapshot.data).toString("hex") },
  }));

export type StreamName = "message" | "msgapp";

const headers = (own: MemberId, cluster: ClusterId): Record<string, string> => ({
  "X-Server-From": idToHex(own),
  "X-Server-Version": "3.7.1",
  "X-Min-Cluster-Version": "3.0.0",
  "X-Etcd-Cluster-ID": idToHex(cluster),
});

/** The bytes of a stream that etcd's transport writes. */
export class DialledStream {
  bytes: Uint8Array = emptyBytes;
  private readonly response: IncomingMessage;
  private wake: () => void = () => undefined;

  private constructor(response: IncomingMessage) {
    this.response = response;
    response.on("error", () => undefined);
    response.on("data", (chunk: Buffer) => {
      this.bytes = Buffer.concat([this.bytes, chunk]);
      this.wake();
    });
  }

  static open(
    url: string,
    name: StreamName,
    ids: { readonly own: MemberId; readonly peer: MemberId; readonly cluster: ClusterId },
  ): Promise<DialledStream> {
    return new Promise((resolve, reject) => {
      const { own, peer, cluster } = ids;
      const request = get(`${url}/raft/stream/${name}/${idToHex(own)}`, {
        agent: false,
        headers: { ...headers(own, cluster), "X-Raft-To": idToHex(peer) },
      });
      request.once("error", reject);
      request.once("response", (response) => {
        if (response.statusCode === 200) resolve(new DialledStream(response));
        else reject(new Error(`refused with status ${String(response.statusCode)}`));
      });
    });
  }

  /** Resolves when at least so many bytes are there. */
  async has(count: number): Promise<void> {
    while (this.bytes.length < count) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  close(): void {
    this.response.destroy();
  }
}

/** A peer port that answers etcd's dials and has nothing to say but what a test writes. */
export class StreamServer {
  readonly url: string;
  private readonly server: Server;
  private readonly streams = new Map<StreamName, ServerResponse>();
  private wake: () => void = () => undefined;

  private constructor(server: Server, cluster: ClusterId) {
    this.server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      const name = /^\/raft\/stream\/(message|msgapp)\//.exec(request.url ?? "")?.[1];
      response.writeHead(name === undefined ? 404 : 200, {
        "X-Server-Version": "3.7.1",
        "X-Etcd-Cluster-ID": idToHex(cluster),
      });
      if (name === undefined) {
        response.end();
        return;
      }
      response.flushHeaders();
      this.streams.set(name as StreamName, response);
      this.wake();
    });
  }

  static open(cluster: ClusterId): Promise<StreamServer> {
    const server = createServer();
    return new Promise((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve(new StreamServer(server, cluster)));
    });
  }

  /** The stream that the peer reads, when it has dialled. */
  async stream(name: StreamName): Promise<ServerResponse> {
    for (;;) {
      const stream = this.streams.get(name);
      if (stream !== undefined) return stream;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}
