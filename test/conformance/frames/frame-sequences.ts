/** Frames whose own form is at stake: lengths, padding, flags, settings, windows, pings, and the connection's preface. */
import {
  data,
  flag,
  frame,
  headers,
  message,
  padded,
  ping,
  preface,
  priority,
  request,
  requestFields,
  rstStream,
  settings,
  type,
  uint32,
  windowUpdate,
} from "./bytes.ts";
import { atOnce, opening, raw, type Sequence, sequence, unfinished } from "./sequence.ts";

const zeros = (length: number): Uint8Array => new Uint8Array(length);

const wrongLengths: readonly Sequence[] = [
  ...[0, 4, 6].flatMap((length) => [
    atOnce(`PRIORITY of ${length} bytes on an open stream`, headers(1), prioritySized(1, length)),
    atOnce(`PRIORITY of ${length} bytes on an idle stream`, prioritySized(1, length)),
  ]),
  ...[0, 3, 5].map((length) =>
    atOnce(
      `RST_STREAM of ${length} bytes`,
      headers(1),
      frame(type.rstStream, flag.none, 1, zeros(length)),
    ),
  ),
  ...[1, 5, 7].map((length) =>
    atOnce(`SETTINGS of ${length} bytes`, frame(type.settings, flag.none, 0, zeros(length))),
  ),
  atOnce("SETTINGS ack with a payload", frame(type.settings, flag.ack, 0, [0, 3, 0, 0, 0, 1])),
  ...[0, 7, 9].map((length) =>
    atOnce(`PING of ${length} bytes`, frame(type.ping, flag.none, 0, zeros(length))),
  ),
  ...[0, 7].map((length) =>
    atOnce(`GOAWAY of ${length} bytes`, frame(type.goAway, flag.none, 0, zeros(length))),
  ),
  ...[0, 3, 5].flatMap((length) => [
    atOnce(`WINDOW_UPDATE of ${length} bytes`, frame(type.windowUpdate, 0, 0, zeros(length))),
    atOnce(
      `WINDOW_UPDATE of ${length} bytes on an open stream`,
      headers(1),
      frame(type.windowUpdate, 0, 1, zeros(length)),
    ),
  ]),
  atOnce("DATA of 16,384 bytes", headers(1), data(1, [0, 0, 0, 255, ...zeros(16_380)], flag.none)),
  unfinished("DATA of 16,385 bytes", headers(1), frame(type.data, 0, 1, [0], 16_385)),
  unfinished("HEADERS of 16,385 bytes", frame(type.headers, flag.endHeaders, 1, [0x82], 16_385)),
  unfinished("CONTINUATION of 16,385 bytes", openBlock(), frame(9, 0, 1, [0x82], 16_385)),
  unfinished("SETTINGS of 16,386 bytes", frame(type.settings, flag.none, 0, [0], 16_386)),
  unfinished("PING of 2^24-1 bytes", frame(type.ping, flag.none, 0, [0], 0xff_ffff)),
  atOnce("an unknown frame of 16,384 bytes", frame(type.unknown, 0, 0, zeros(16_384)), request(1)),
  unfinished("an unknown frame of 16,385 bytes", frame(type.unknown, 0, 0, [0], 16_385)),
  unfinished("DATA that ends in the middle", headers(1), frame(type.data, 0, 1, [1], 10)),
  unfinished("a frame header that ends in the middle", Buffer.from([0, 0, 4])),
];

function openBlock(): Buffer {
  return frame(type.headers, flag.none, 1, [0x82]);
}

function prioritySized(streamId: number, length: number): Buffer {
  return frame(type.priority, flag.none, streamId, zeros(length));
}

const paddedData = (content: readonly number[], padLength: number) =>
  padded(type.data, flag.endStream, content, padLength)(1);

const padding: readonly Sequence[] = [
  atOnce("DATA padded by 0", headers(1), paddedData(message, 0)),
  atOnce("DATA padded by 255", headers(1), paddedData(message, 255)),
  atOnce("DATA of padding only", headers(1), paddedData([], 20), request(3)),
  atOnce(
    "DATA with as much padding as payload",
    headers(1),
    frame(type.data, flag.padded, 1, [3, 0, 0]),
  ),
  atOnce(
    "DATA with more padding than payload",
    headers(1),
    frame(type.data, flag.padded, 1, [9, 0, 0]),
  ),
  atOnce("padded DATA without pad length", headers(1), frame(type.data, flag.padded, 1)),
  atOnce(
    "DATA with padding that is not zero",
    headers(1),
    frame(type.data, flag.padded | flag.endStream, 1, [4, ...message, 1, 2, 3, 4]),
  ),
  atOnce("HEADERS padded", paddedHeaders(10), data(1)),
  atOnce("HEADERS padded by 0", paddedHeaders(0), data(1)),
  atOnce(
    "HEADERS with more padding than payload",
    frame(type.headers, flag.endHeaders | flag.padded, 1, [9, 0x82]),
  ),
  atOnce("padded HEADERS without pad length", frame(type.headers, 4 | flag.padded, 1)),
  atOnce(
    "HEADERS with padding and priority that do not fit",
    frame(type.headers, flag.endHeaders | flag.padded | flag.priority, 1, [3, 0, 0, 0, 0, 1]),
  ),
  atOnce(
    "HEADERS with a priority that does not fit",
    frame(type.headers, flag.endHeaders | flag.priority, 1, [0, 0, 0]),
  ),
  atOnce("HEADERS with priority", withPriority(1, 0), data(1)),
  atOnce("HEADERS that depend on an idle stream", withPriority(1, 77), data(1)),
  atOnce("HEADERS that depend on themselves", withPriority(1, 1), data(1)),
  atOnce("PRIORITY on an idle stream, which is then opened", priority(1, 0), request(1)),
  atOnce("PRIORITY in a ring", priority(3, 5), priority(5, 3), request(7)),
];

function paddedHeaders(padLength: number): Buffer {
  const whole = headers(1).subarray(9);
  return padded(type.headers, flag.endHeaders, whole, padLength)(1);
}

function withPriority(streamId: number, dependsOn: number): Buffer {
  const fields = headers(streamId).subarray(9);
  const flags = flag.endHeaders | flag.priority;
  return frame(type.headers, flags, streamId, [...uint32(dependsOn), 200, ...fields]);
}

const settingValues: readonly (readonly [name: string, id: number, value: number])[] = [
  ["HEADER_TABLE_SIZE 0", 1, 0],
  ["HEADER_TABLE_SIZE 100", 1, 100],
  ["HEADER_TABLE_SIZE 2^32-1", 1, 0xffff_ffff],
  ["ENABLE_PUSH 0", 2, 0],
  ["ENABLE_PUSH 1", 2, 1],
  ["ENABLE_PUSH 2", 2, 2],
  ["MAX_CONCURRENT_STREAMS 0", 3, 0],
  ["MAX_CONCURRENT_STREAMS 2^32-1", 3, 0xffff_ffff],
  ["INITIAL_WINDOW_SIZE 0", 4, 0],
  ["INITIAL_WINDOW_SIZE 1", 4, 1],
  ["INITIAL_WINDOW_SIZE 2^31-1", 4, 0x7fff_ffff],
  ["INITIAL_WINDOW_SIZE 2^31", 4, 0x8000_0000],
  ["MAX_FRAME_SIZE 16,383", 5, 16_383],
  ["MAX_FRAME_SIZE 16,384", 5, 16_384],
  ["MAX_FRAME_SIZE 2^24-1", 5, 0xff_ffff],
  ["MAX_FRAME_SIZE 2^24", 5, 0x100_0000],
  ["MAX_HEADER_LIST_SIZE 0", 6, 0],
  ["ENABLE_CONNECT_PROTOCOL 1", 8, 1],
  ["ENABLE_CONNECT_PROTOCOL 2", 8, 2],
  ["NO_RFC7540_PRIORITIES 1", 9, 1],
  ["NO_RFC7540_PRIORITIES 2", 9, 2],
  ["an unknown setting", 0x1a2a, 5],
];

const settingSequences: readonly Sequence[] = [
  ...settingValues.map(([name, id, value]) => atOnce(name, settings([id, value]), request(1))),
  atOnce("the same setting twice, the last one valid", settings([4, 0], [4, 65_535]), request(1)),
  atOnce("the same setting twice, the first one invalid", settings([5, 1], [5, 16_384])),
  atOnce("SETTINGS ack that nobody waits for", settings(), frame(type.settings, flag.ack, 0)),
  sequence(
    "INITIAL_WINDOW_SIZE 0, later 100",
    settings([4, 0]),
    request(1),
    settings([4, 100]),
    request(3),
  ),
  sequence(
    "INITIAL_WINDOW_SIZE 0, then a window",
    settings([4, 0]),
    request(1),
    windowUpdate(1, 50),
  ),
  sequence(
    "INITIAL_WINDOW_SIZE that makes an open stream's window overflow",
    headers(1),
    windowUpdate(1, 0x7fff_ffff - 65_535),
    settings([4, 65_536]),
  ),
  sequence(
    "INITIAL_WINDOW_SIZE smaller than what was sent",
    request(1),
    settings([4, 1]),
    request(3),
    settings([4, 1_000]),
  ),
  sequence(
    "an answer trickles through a window of 1",
    settings([4, 1]),
    request(1),
    windowUpdate(1, 9),
  ),
];

const windows: readonly Sequence[] = [
  atOnce("WINDOW_UPDATE of the connection to just 2^31-1", windowUpdate(0, 0x7fff_ffff - 65_535)),
  atOnce("WINDOW_UPDATE of the connection beyond", windowUpdate(0, 0x7fff_ffff - 65_534)),
  atOnce(
    "WINDOW_UPDATE of a stream to just 2^31-1",
    headers(1),
    windowUpdate(1, 0x7fff_ffff - 65_535),
    data(1),
  ),
  atOnce(
    "WINDOW_UPDATE of a stream beyond",
    headers(1),
    windowUpdate(1, 0x7fff_ffff - 65_534),
    request(3),
  ),
  atOnce(
    "WINDOW_UPDATE of a stream beyond, in two steps",
    headers(1),
    windowUpdate(1, 0x7000_0000),
    windowUpdate(1, 0x7000_0000),
    request(3),
  ),
  atOnce(
    "WINDOW_UPDATE with the reserved bit",
    frame(type.windowUpdate, 0, 0, uint32(0x8000_0001)),
    request(1),
  ),
  atOnce(
    "WINDOW_UPDATE of 0 with the reserved bit",
    frame(type.windowUpdate, 0, 0, [128, 0, 0, 0]),
  ),
  atOnce("more than 64 KiB of a body", headers(1), ...bodyPieces(20), data(1, [], flag.endStream)),
];

/** Of one gRPC message: the receiver has to open its window on the way, or has opened it before. */
function bodyPieces(count: number): Buffer[] {
  const size = 16_000;
  const first = [0, ...uint32(count * size - 5), ...zeros(size - 5)];
  return [
    data(1, first, flag.none),
    ...Array.from({ length: count - 1 }, () => data(1, zeros(size), flag.none)),
  ];
}

const rest: readonly Sequence[] = [
  atOnce("PING ack that nobody waits for", ping([1, 2, 3, 4, 5, 6, 7, 8], flag.ack), request(1)),
  atOnce("PING with unknown flags", ping([1, 2, 3, 4, 5, 6, 7, 8], 0xfe), request(1)),
  atOnce("PING between HEADERS and DATA", headers(1), ping(), data(1)),
  atOnce("GOAWAY without error", frame(type.goAway, 0, 0, zeros(8)), request(1)),
  atOnce(
    "GOAWAY with debug data",
    frame(type.goAway, 0, 0, [...zeros(7), 2, ...Buffer.from("bye")]),
  ),
  atOnce(
    "GOAWAY with a request under way",
    headers(1),
    frame(type.goAway, 0, 0, zeros(8)),
    data(1),
  ),
  atOnce("RST_STREAM with an unknown code", headers(1), rstStream(1, 0xffff_ffff), request(3)),
  atOnce("RST_STREAM twice", headers(1), rstStream(1), rstStream(1), request(3)),
  atOnce("DATA with unknown flags", headers(1), frame(type.data, 0xf7, 1, [0, ...message])),
  atOnce("SETTINGS with unknown flags", frame(type.settings, 0xfe, 0), request(1)),
  atOnce("stream ids with the reserved bit", reservedBit(headers(1)), reservedBit(data(1))),
  atOnce("a stream id of 2^31-1", request(0x7fff_ffff)),
  atOnce("a stream id below the last", request(5), request(3)),
  atOnce("a stream id used twice", headers(1), rstStream(1), request(1)),
  atOnce("a hundred streams", ...streams(100)),
  atOnce("more streams than allowed", ...streams(102)),
  atOnce("empty DATA frames before the end", headers(1), ...emptyData(20), data(1)),
  raw("only the preface", preface),
  raw("a preface without SETTINGS", preface, request(1)),
  raw("a preface with PING first", preface, ping()),
  raw("a preface with a SETTINGS ack first", preface, frame(type.settings, flag.ack, 0)),
  raw("a preface with SETTINGS of wrong size first", preface, frame(type.settings, 0, 0, [1])),
  raw("a preface with a wrong last byte", preface.subarray(0, 23), Buffer.from("X"), settings()),
  raw("bytes that are no protocol", Buffer.from("\x16\x03\x01 no protocol at all \r\n\r\n\r\n")),
  raw("half a preface", preface.subarray(0, 12)),
  raw("the opening twice", opening, opening),
];

function reservedBit(whole: Buffer): Buffer {
  whole[5] = (whole[5] as number) | 0x80;
  return whole;
}

function streams(count: number): Buffer[] {
  return Array.from({ length: count }, (_, at) => headers(1 + 2 * at));
}

function emptyData(count: number): Buffer[] {
  return Array.from({ length: count }, () => data(1, [], flag.none));
}

export const frameSequences: readonly Sequence[] = [
  ...wrongLengths,
  ...padding,
  ...settingSequences,
  ...windows,
  ...rest,
  atOnce("an honest request", request(1, requestFields)),
];
