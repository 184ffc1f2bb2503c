/** Header blocks: CONTINUATION, HPACK, and what makes a request malformed (RFC 9113 section 8, RFC 7541). */
import {
  authority,
  type Bytes,
  block,
  contentType,
  data,
  type Field,
  flag,
  frame,
  headers,
  integer,
  literal,
  message,
  method,
  path,
  ping,
  priority,
  request,
  requestFields,
  scheme,
  te,
  text,
  type,
} from "./bytes.ts";
import { atOnce, type Sequence, sequence, unfinished } from "./sequence.ts";

const whole = block(requestFields);
const middle = Math.floor(whole.length / 2);
const first = (flags: number = flag.none, streamId = 1): Buffer =>
  frame(type.headers, flags, streamId, whole.slice(0, middle));
const second = (flags: number = flag.endHeaders, streamId = 1): Buffer =>
  frame(type.continuation, flags, streamId, whole.slice(middle));
const continuation = (payload: Bytes, flags: number = flag.none): Buffer =>
  frame(type.continuation, flags, 1, payload);

const continuations: readonly Sequence[] = [
  atOnce("a block in two frames", first(), second(), data(1)),
  atOnce(
    "a block in frames of a byte",
    frame(type.headers, flag.none, 1),
    ...whole.slice(0, 6).map((byte) => continuation([byte])),
    continuation(whole.slice(6), flag.endHeaders),
    data(1),
  ),
  atOnce(
    "a block with empty frames",
    first(),
    continuation([]),
    continuation([]),
    second(),
    data(1),
  ),
  atOnce("END_STREAM on HEADERS that are continued", first(flag.endStream), second()),
  atOnce("END_STREAM's bit on CONTINUATION", first(), second(flag.endHeaders | 1), data(1)),
  unfinished("a block that is not continued", first()),
  atOnce("CONTINUATION on another stream", first(), second(flag.endHeaders, 3)),
  atOnce("CONTINUATION of a block, on stream 0", first(), second(flag.endHeaders, 0)),
  atOnce("CONTINUATION behind END_HEADERS", headers(1), continuation([], flag.endHeaders)),
  atOnce("CONTINUATION behind a whole block in two", first(), second(), continuation([], 4)),
  atOnce("DATA within a block", first(), data(1)),
  atOnce("HEADERS within a block", first(), headers(3)),
  atOnce("PRIORITY within a block", first(), priority(1, 0)),
  atOnce("PING within a block", first(), ping()),
  atOnce("SETTINGS within a block", first(), frame(type.settings, 0, 0)),
  atOnce("WINDOW_UPDATE within a block", first(), frame(type.windowUpdate, 0, 0, [0, 0, 0, 1])),
  atOnce("RST_STREAM within a block", first(), frame(type.rstStream, 0, 1, [0, 0, 0, 8])),
  atOnce("an unknown frame within a block", first(), frame(type.unknown, 0, 1, [1])),
  atOnce(
    "trailers in two frames",
    headers(1),
    data(1, message, flag.none),
    frame(type.headers, flag.endStream, 1, literal(["a", "b"])),
    continuation(literal(["c", "d"]), flag.endHeaders),
  ),
];

const hpack = (name: string, ...payload: Bytes[]): Sequence =>
  atOnce(
    name,
    frame(type.headers, flag.endHeaders, 1, [...payload.flatMap((part) => [...part])]),
    data(1),
    request(3),
  );
const added = (field: Field): number[] => [0x40, ...text(field[0]), ...text(field[1])];

const compression: readonly Sequence[] = [
  hpack("index 0", whole, [0x80]),
  hpack("an index beyond both tables", whole, [0xff, 0x80, 0x01]),
  hpack("the first dynamic index of an empty table", whole, [0xbe]),
  hpack("a name index beyond both tables", whole, [0x7f, 0x80, 0x01, ...text("x")]),
  hpack("an index of ten bytes", whole, [0xff, ...new Uint8Array(9).fill(0xff), 0x01]),
  hpack("an index that ends early", whole, [0xff]),
  hpack("a literal that ends in its name", whole, [0x00, 5, 0x61]),
  hpack("a literal that ends in its value", whole, [0x00, ...text("a"), 9, 0x62]),
  hpack("a literal without value", whole, [0x00, ...text("a")]),
  hpack("a length of a gigabyte", whole, [0x00, ...text("a"), ...integer(0, 7, 1_000_000_000)]),
  hpack("Huffman padding of 8 bits", whole, [0x00, ...text("a"), 0x82, 0x1f, 0xff]),
  hpack("Huffman padding with zeros", whole, [0x00, ...text("a"), 0x81, 0x18]),
  hpack("Huffman EOS", whole, [0x00, ...text("a"), 0x84, 0xff, 0xff, 0xff, 0xff]),
  hpack("a table size update first", [0x20], whole),
  hpack("two table size updates first", [0x20, 0x3f, 0x45], whole),
  hpack("a table size update to just 4,096", [0x3f, 0xe1, 0x1f], whole),
  hpack("a table size update beyond 4,096", [0x3f, 0xe2, 0x1f], whole),
  hpack("a table size update behind a field", whole, [0x20]),
  hpack("a table size update only", [0x20]),
  hpack("never-indexed fields", whole, [0x10, ...text("a"), ...text("b")]),
  hpack("a field larger than the table", whole, added(["a", "b".repeat(5_000)])),
  hpack("fields that push each other out", whole, ...["a", "b", "c"].map(bigAdded)),
  hpack(
    "an index that was pushed out",
    whole,
    added(["first", "1"]),
    ...["a", "b", "c"].map(bigAdded),
    [0x80 | 65],
  ),
  sequence(
    "a broken block on a stream that the server has reset",
    headers(1, [...requestFields, ["Upper", "case"]]),
    frame(type.headers, flag.endHeaders | flag.endStream, 1, [0x80]),
  ),
  sequence(
    "the table lives on after a request that was refused",
    frame(type.headers, 4, 1, [...whole, ...added(["a", "b"]), ...literal(["Upper", "case"])]),
    frame(type.headers, 4, 3, [...whole, 0xbe]),
    data(3),
  ),
];

function bigAdded(name: string): number[] {
  return added([name, name.repeat(1_900)]);
}

/** A request of these fields, its body, and an honest request behind it. */
const fields = (name: string, list: readonly Field[]): Sequence =>
  atOnce(name, headers(1, list), data(1), request(3));
const plus = (name: string, ...more: readonly Field[]): Sequence =>
  fields(name, [...requestFields, ...more]);
const without = (left: Field): readonly Field[] => requestFields.filter((field) => field !== left);
const instead = (name: string, old: Field, value: string): Sequence =>
  fields(
    name,
    requestFields.map((field) => (field === old ? [old[0], value] : field)),
  );

const malformed: readonly Sequence[] = [
  fields("no :method", without(method)),
  fields("no :scheme", without(scheme)),
  fields("no :path", without(path)),
  fields("no :authority", without(authority)),
  fields("no :authority but host", [...without(authority), ["host", "localhost"]]),
  fields("no field at all", []),
  instead("an empty :path", path, ""),
  instead("a :path without slash", path, "nothing"),
  instead("an empty :method", method, ""),
  instead("a :method that is no token", method, "PO ST"),
  instead("an empty :scheme", scheme, ""),
  instead("scheme https on a plain connection", scheme, "https"),
  instead("an empty :authority", authority, ""),
  instead("a URL as :authority", authority, "http://127.0.0.1:2379"),
  plus(":status in a request", [":status", "200"]),
  fields(":status first", [[":status", "200"], ...requestFields]),
  fields("an unknown pseudo-header", [[":unknown", "x"], ...requestFields]),
  fields(":method twice", [method, ...requestFields]),
  fields(":path twice", [path, ...requestFields]),
  fields(":scheme twice", [scheme, ...requestFields]),
  fields(":authority twice", [authority, ...requestFields]),
  fields(":protocol without CONNECT", [[":protocol", "websocket"], ...requestFields]),
  fields("a pseudo-header behind a field", [method, scheme, path, te, authority, contentType]),
  plus(":method behind all fields", method),
  plus("an upper-case name", ["Token", "x"]),
  plus("a name with one upper-case letter at its end", ["tokeN", "x"]),
  plus("an empty name", ["", "x"]),
  plus("a name with a space", ["a b", "x"]),
  plus("a name with a colon", ["a:b", "x"]),
  plus("a name with a zero byte", ["a\0b", "x"]),
  plus("a name with a byte above 127", ["a\xe9", "x"]),
  plus("a value with CR LF", ["a", "x\r\ny: z"]),
  plus("a value with LF", ["a", "x\ny"]),
  plus("a value with a zero byte", ["a", "x\0y"]),
  plus("a value with DEL", ["a", "x\x7fy"]),
  plus("a value with a control character", ["a", "x\x01y"]),
  plus("a value with a tab inside", ["a", "x\ty"]),
  plus("a value with a byte above 127", ["a", "\xe9"]),
  plus("a value that begins with a space", ["a", " x"]),
  plus("a value that ends with a tab", ["a", "x\t"]),
  plus("an empty value", ["a", ""]),
  plus("connection", ["connection", "close"]),
  plus("keep-alive", ["keep-alive", "1"]),
  plus("proxy-connection", ["proxy-connection", "x"]),
  plus("transfer-encoding", ["transfer-encoding", "chunked"]),
  plus("upgrade", ["upgrade", "h2c"]),
  instead("te: gzip", te, "gzip"),
  instead("te: trailers, gzip", te, "trailers, gzip"),
  instead("te: Trailers", te, "Trailers"),
  plus("host equal to :authority", ["host", "localhost"]),
  plus("host unlike :authority", ["host", "elsewhere"]),
  plus("host twice", ["host", "localhost"], ["host", "localhost"]),
  plus("cookie crumbs", ["cookie", "a=b"], ["cookie", "c=d"]),
  plus("a field of 10,000 bytes", ["a", "x".repeat(10_000)]),
  plus("two hundred fields", ...Array.from({ length: 200 }, (_, at): Field => [`f${at}`, "x"])),
  instead("CONNECT with :scheme and :path", method, "CONNECT"),
  instead("a GET with a body", method, "GET"),
];

/** A request that announces `length`, then these DATA frames; the last ends it. */
function announced(name: string, length: string, ...bodies: readonly Bytes[]): Sequence {
  const head = headers(1, [...requestFields, ["content-length", length]]);
  const frames = bodies.map((body, at) =>
    data(1, body, at === bodies.length - 1 ? flag.endStream : flag.none),
  );
  return atOnce(name, head, ...frames, request(3));
}

const bodies: readonly Sequence[] = [
  announced("content-length as it is", "10", message),
  announced("content-length over two frames", "10", message.slice(0, 4), message.slice(4)),
  announced("content-length too small", "9", message),
  announced("content-length too small at the second frame", "6", message.slice(0, 5), message),
  announced("content-length too large", "11", message),
  announced("content-length too large over two frames", "11", message, []),
  announced("content-length of 0 with a body", "0", message),
  announced("content-length that is negative", "-1", message),
  announced("content-length with a sign", "+10", message),
  announced("content-length with a letter", "1o", message),
  announced("content-length that is empty", "", message),
  announced("content-length beyond 2^64", "99999999999999999999", message),
  plus("content-length twice", ["content-length", "10"], ["content-length", "10"]),
  atOnce(
    "content-length on a request without body",
    headers(1, [...requestFields, ["content-length", "10"]], flag.endStream),
    request(3),
  ),
  atOnce(
    "content-length of 0 on a request without body",
    headers(1, [...requestFields, ["content-length", "0"]], flag.endStream),
    request(3),
  ),
  atOnce(
    "content-length and trailers instead of the rest",
    headers(1, [...requestFields, ["content-length", "20"]]),
    data(1, message, flag.none),
    headers(1, [["x", "y"]], flag.endStream),
    request(3),
  ),
  atOnce("a request without body", headers(1, requestFields, flag.endStream), request(3)),
];

/** Half a message, then trailers of these fields, then an honest request. */
const trailed = (name: string, list: readonly Field[], flags: number = flag.endStream): Sequence =>
  atOnce(
    name,
    headers(1),
    data(1, message.slice(0, 3), flag.none),
    headers(1, list, flags),
    request(3),
  );

const trailers: readonly Sequence[] = [
  trailed("trailers", [["x", "y"]]),
  trailed("trailers that are empty", []),
  trailed("trailers that do not end the stream", [["x", "y"]], flag.none),
  trailed("trailers with :path", [path]),
  trailed("trailers with :status", [[":status", "200"]]),
  trailed("trailers with an upper-case name", [["X", "y"]]),
  trailed("trailers with connection", [["connection", "close"]]),
  trailed("trailers with a line break", [["x", "a\r\nb"]]),
  trailed("trailers with te", [["te", "trailers"]]),
  trailed("trailers with content-length", [["content-length", "3"]]),
];

export const headerSequences: readonly Sequence[] = [
  ...continuations,
  ...compression,
  ...malformed,
  ...bodies,
  ...trailers,
];
