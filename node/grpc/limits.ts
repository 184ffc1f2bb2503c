/**
 * Every bound of the gRPC transport, with its reason. A bound is either told to the peer (settings) or answered by
 * ENHANCE_YOUR_CALM, a refused stream or a pause in reading; none of them is reached by a client that behaves.
 */
import { assert } from "../lib/assert.ts";

/** Largest frame payload we take: the protocol's smallest maximum, and what grpc-go sends whatever is offered. */
export const frameBytesMax = 16_384;

/** What a client may send on one stream before we replenish: most requests fit whole. */
export const streamWindowBytes = 1_048_576;

/** The same over all streams of a connection; together with the replenish rule it bounds what is in flight to us. */
export const connectionWindowBytes = 4_194_304;

/**
 * Bytes of requests that no handler has taken (incomplete messages; whole ones of a stream that does not read), over all streams of a
 * connection; more fails the call that brought them with ResourceExhausted.
 */
export const assemblyBytesMax = 67_108_864;
/** The same over all connections. */
export const assemblyBytesTotalMax = 268_435_456;

/** Compressed bytes of one header block over HEADERS and its CONTINUATION frames. */
export const headerBlockBytesMax = 65_536;

/** CONTINUATION frames of one header block: an honest one of headerBlockBytesMax needs 4; empty frames count as well. */
export const continuationFramesMax = 16;

/** Decoded header list (names, values and 32 bytes each); stops one-byte references to long table entries (HPACK bomb). */
export const headerListBytesMax = 65_536;

/**
 * Decoded header lists of the open streams of a connection; above it new streams are refused. More than 100,000 calls of honest
 * clients at once, which send some 300 bytes each.
 */
export const openHeaderBytesMax = 67_108_864;

/** The protocol's default, so that our decoder never has to wait for an acknowledgement of a change. */
export const headerTableBytes = 4_096;

/** Distinct header blocks remembered per connection: a client uses one per method and set of metadata. */
export const headMemoSlots = 16;
/** Longer blocks are decoded each time: comparing them would cost as much. */
export const headMemoBlockBytesMax = 128;

/** Bytes of one connection that are read before the others have their turn; libuv alone would read 2 MiB. */
export const readBytesPerTurn = 131_072;

/** Output gathered in a turn is given to the socket early at this size, so that the buffer does not grow with the turn. */
export const flushBytes = 262_144;

/** While the socket is blocked, requests are not read with more than this to say, and read again below half of it. */
export const blockedOutputBytesMax = 1_048_576;

/**
 * Replies that wait for the peer's flow-control windows. Above it we stop replenishing the connection's receive window,
 * so that requests dry up; WINDOW_UPDATE frames must still be read, therefore reading is not paused for it.
 */
export const queuedReplyBytesSoft = 16_777_216;
/** Above it new streams are refused: they were not processed, and a client may retry them. */
export const queuedReplyBytesMax = 134_217_728;
/** The same over all connections: new streams of every connection are refused. Streams that are open are held back by the next. */
export const queuedReplyBytesTotalMax = 536_870_912;

/**
 * What a connection may keep in memory for requests or answers when all connections together keep too much: otherwise a few that
 * hoard would have everybody else refused. Those with more are closed, the largest first, until the total is kept.
 */
export const connectionShareBytes = 4_194_304;

/** One streaming call: above it `send` asks the service to wait for `onDrain`, which runs at half of it. */
export const streamQueuedBytesSoft = 262_144;

/** Largest frame we send, whatever the peer allows: streams take turns by the frame. */
export const sendFrameBytesMax = 65_536;

/** Larger messages leave uncompressed also on calls that use gzip: compression runs on the one thread, at about 100 MB/s. */
export const compressedMessageBytesMax = 262_144;

/**
 * Calls under way have passed the gate for new streams and can still answer: above queuedReplyBytesMax only answers up to this size
 * are queued, which those of writes are; larger ones fail with ResourceExhausted.
 */
export const smallReplyBytesMax = 4_096;

/** Text of grpc-message after percent-encoding; keeps a trailers-only answer within one frame. */
export const statusTextBytesMax = 8_192;

/** Requests that are no gRPC are read up to this size before their refusal is sent. */
export const refusedBodyBytesMax = 1_048_576;

/**
 * The same of plain HTTP where it is served: curl takes an answer that overtakes its body for an error, and what is dropped as it comes
 * costs little.
 */
export const plainBodyBytesMax = 16_777_216;
/** Plain HTTP requests of a connection that are being answered; more are refused, and may be retried. */
export const plainRequestsMax = 100;
/** A plain HTTP request with its body and its answer: etcd's limit for HTTP/1. */
export const plainRequestMs = 300_000;

/** Resolution of deadlines, time-outs and the decay of the flood counters. */
export const tickMs = 50;

/** A connection must have sent the whole HTTP/2 preface by then (grpc-go's default). */
export const prefaceTimeoutMs = 120_000;

/** Until then the first line of a connection that is not HTTP/2 must have come; etcd's multiplexer reads as far. */
export const firstLineBytesMax = 4_096;

/** grpc-go's rules of keepalive, as etcd sets them: the least time between two PINGs of a client... */
export const keepaliveMinTimeMs = 5_000;
/** ...where --grpc-keepalive-min-time is 0... */
export const keepaliveMinTimeUnsetMs = 300_000;
/** ...and while it has no call under way. */
export const keepaliveIdleMinTimeMs = 7_200_000;
/** So many PINGs in a row may come too early. */
export const pingStrikesMax = 2;
/** We ask after this long a silence whether the client is there, */
export const keepaliveIntervalMs = 7_200_000;
/** and wait this long for any sign. */
export const keepaliveTimeoutMs = 20_000;

/** After our GOAWAY with an error, or our last frame, the peer has this long to close. */
export const closeTimeoutMs = 1_000;

/** Calls under way may finish for this long after `shutdown`: etcd's request time-out with default election timing. */
export const shutdownGraceMs = 7_000;
/** How long the first, announcing GOAWAY waits for the answer to its PING before the final one is sent. */
export const shutdownPingTimeoutMs = 1_000;

/**
 * Frames that carry no request and ask for work or an answer (PING, SETTINGS, PRIORITY, unknown types, empty DATA):
 * so many at once, and so many more per tick (40,000/s, some 10 ms of CPU a second).
 */
export const idleFramesMax = 10_000;
export const idleFramesPerTick = 2_000;

/**
 * Rapid reset (CVE-2023-44487): streams the client cancelled before we answered, and streams we had to reset. They do
 * not count against the concurrency limit although their work was begun. A burst is honest (a client whose context is
 * cancelled with thousands of calls), a steady flow above 4,000/s is not.
 */
export const resetStreamsMax = 4_000;
export const resetStreamsPerTick = 200;

/**
 * A SETTINGS frame that moves the windows of open streams counts as one idle frame for so many of them, because that is work
 * for each. At most a quarter of idleFramesMax: a client with very many streams may still change its settings.
 */
export const streamsMovedPerIdleFrame = 16;

/** Streams that ended lately: tells "already closed" from "never opened" and late frames after our own reset. */
export const closedStreamsRemembered = 256;

assert(headerBlockBytesMax >= frameBytesMax, "one HEADERS frame must fit the header block limit");
assert(statusTextBytesMax < frameBytesMax, "a trailers-only answer must fit one frame");
assert(
  connectionWindowBytes >= streamWindowBytes,
  "one stream must not exceed the connection window",
);
assert(queuedReplyBytesSoft < queuedReplyBytesMax, "requests must dry up before they are refused");
assert(assemblyBytesMax <= assemblyBytesTotalMax, "one connection must not exceed all");
assert(queuedReplyBytesMax <= queuedReplyBytesTotalMax, "one connection must not exceed all");
assert(
  sendFrameBytesMax >= frameBytesMax,
  "every peer takes frames of the protocol's smallest size",
);
