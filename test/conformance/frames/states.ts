/** Every frame type in every state that a client can bring a stream into (RFC 9113 section 5.1). */
import {
  data,
  flag,
  frame,
  headers,
  priority,
  request,
  requestFields,
  rstStream,
  settings,
  type,
  uint32,
  windowUpdate,
} from "./bytes.ts";
import { type Sequence, sequence } from "./sequence.ts";

interface State {
  readonly name: string;
  readonly streamId: number;
  readonly reach: readonly Buffer[];
}

const states: readonly State[] = [
  { name: "an idle stream", streamId: 1, reach: [] },
  { name: "an open stream", streamId: 1, reach: [headers(1)] },
  {
    name: "an open stream with half a body",
    streamId: 1,
    reach: [headers(1), data(1, [0, 0, 0], flag.none)],
  },
  // No window: the answer's body waits, so our half stays open.
  {
    name: "a stream half-closed by the client",
    streamId: 1,
    reach: [settings([4, 0]), request(1)],
  },
  { name: "a stream that both have ended", streamId: 1, reach: [request(1)] },
  { name: "a stream that the client has reset", streamId: 1, reach: [headers(1), rstStream(1)] },
  {
    name: "a stream that the server has reset",
    streamId: 1,
    reach: [headers(1, [...requestFields, ["Upper", "case"]])],
  },
  { name: "a stream that was passed over", streamId: 3, reach: [request(5)] },
  { name: "stream 0", streamId: 0, reach: [] },
  { name: "an even stream", streamId: 2, reach: [] },
];

const trailers = (streamId: number): Buffer => headers(streamId, [["x", "y"]], flag.endStream);

const frames: Readonly<Record<string, (streamId: number) => Buffer>> = {
  DATA: (id) => data(id, [1, 2, 3], flag.none),
  "DATA, last": (id) => data(id),
  "DATA, empty": (id) => data(id, [], flag.none),
  "HEADERS of a request": (id) => headers(id),
  "HEADERS of a request, last": (id) => headers(id, requestFields, flag.endStream),
  "HEADERS of trailers": trailers,
  "HEADERS of trailers, not last": (id) => headers(id, [["x", "y"]]),
  PRIORITY: (id) => priority(id, 0),
  "PRIORITY on itself": (id) => priority(id, id),
  RST_STREAM: (id) => rstStream(id),
  SETTINGS: (id) => frame(type.settings, flag.none, id),
  "SETTINGS ack": (id) => frame(type.settings, flag.ack, id),
  PUSH_PROMISE: (id) =>
    frame(type.pushPromise, flag.endHeaders, id, [...uint32(8), 0x82, 0x86, 0x84]),
  PING: (id) => frame(type.ping, flag.none, id, new Uint8Array(8)),
  GOAWAY: (id) => frame(type.goAway, flag.none, id, new Uint8Array(8)),
  WINDOW_UPDATE: (id) => windowUpdate(id, 100),
  "WINDOW_UPDATE of 0": (id) => windowUpdate(id, 0),
  "WINDOW_UPDATE beyond 2^31-1": (id) => windowUpdate(id, 0x7fff_ffff),
  CONTINUATION: (id) => frame(type.continuation, flag.endHeaders, id),
  "an unknown frame": (id) => frame(type.unknown, 0xff, id, [1, 2, 3]),
};

/** Each is followed by an honest request on a later stream where the connection has survived. */
export const stateSequences: readonly Sequence[] = states.flatMap(({ name, streamId, reach }) =>
  Object.entries(frames).map(([frameName, make]) =>
    sequence(`${frameName} on ${name}`, ...reach, make(streamId), request(9)),
  ),
);
