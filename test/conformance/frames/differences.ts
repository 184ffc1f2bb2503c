/**
 * Where our server and nghttp2 (1.52) answer differently and both may, or nghttp2 is the one that is wrong. A row holds
 * for every sequence that its name matches, and states both outcomes, so a change on either side is seen.
 */

export interface Difference {
  readonly sequences: RegExp;
  readonly ours: string | RegExp;
  readonly nghttp2: string | RegExp;
  /** What of RFC 9113, unless another is named. */
  readonly section: string;
  readonly why: string;
}

export const differences: readonly Difference[] = [
  {
    sequences: /^(PRIORITY on itself|WINDOW_UPDATE of 0) on (an open|a stream half-closed)/,
    ours: /1 (begun, then )?reset PROTOCOL_ERROR; 9 (answered|begun)/,
    nghttp2: "goaway PROTOCOL_ERROR",
    section: "5.4.1, 6.9, RFC 7540 5.3.1",
    why: "an error of the stream, which an endpoint may treat as one of the connection",
  },
  {
    sequences: /^HEADERS that depend on themselves$/,
    ours: "1 reset PROTOCOL_ERROR",
    nghttp2: "goaway PROTOCOL_ERROR",
    section: "5.4.1, RFC 7540 5.3.1",
    why: "an error of the stream, which an endpoint may treat as one of the connection",
  },
  {
    sequences: /^PRIORITY of \d bytes on an open stream$/,
    ours: "1 reset FRAME_SIZE_ERROR",
    nghttp2: "goaway FRAME_SIZE_ERROR",
    section: "5.4.1, 6.3",
    why: "an error of the stream, which an endpoint may treat as one of the connection",
  },
  {
    sequences: /^(DATA|HEADERS).* on a stream half-closed by the client$/,
    ours: "1 begun, then reset STREAM_CLOSED; 9 begun",
    nghttp2: "goaway STREAM_CLOSED",
    section: "5.1, 5.4.1",
    why: "half-closed (remote): an error of the stream, which may be one of the connection",
  },
  {
    sequences: /^DATA.* on a stream that (both have ended|the client has reset)$/,
    ours: /1 (answered, then )?reset STREAM_CLOSED; 9 answered/,
    nghttp2: "goaway STREAM_CLOSED",
    section: "5.1 (closed), 6.1",
    why: "6.1 demands the stream's error, 5.1 allows the connection's",
  },
  {
    sequences: /^DATA.* on a stream that was passed over$/,
    ours: "3 reset STREAM_CLOSED; 5 answered; 9 answered",
    nghttp2: "5 answered; 9 answered",
    section: "6.1",
    why: "a stream that was passed over is closed; nghttp2 drops the frame without a word",
  },
  {
    sequences: /^(HEADERS.* on a stream that was passed over|a stream id below the last)$/,
    ours: "goaway PROTOCOL_ERROR",
    nghttp2: /^5 answered(; 9 answered)?$/,
    section: "5.1.1",
    why: "an unexpected stream id is an error of the connection; nghttp2 drops the frame",
  },
  {
    sequences: /^CONTINUATION of 16,385 bytes$/,
    ours: "goaway FRAME_SIZE_ERROR",
    nghttp2: /PROTOCOL_ERROR/,
    section: "4.2",
    why: "a frame beyond the announced size that carries a header block ends the connection",
  },
  {
    sequences: /^(ENABLE_CONNECT_PROTOCOL 2|NO_RFC7540_PRIORITIES [12])$/,
    ours: "1 answered",
    nghttp2: "goaway PROTOCOL_ERROR",
    section: "6.5.2",
    why: "settings of RFC 8441 and RFC 9218, which we do not support and therefore ignore",
  },
  {
    sequences: /^the same setting twice, the first one invalid$/,
    ours: "goaway PROTOCOL_ERROR",
    nghttp2: "silent",
    section: "6.5, 6.5.3",
    why: "values are processed in order; nghttp2 looks at the last one only",
  },
  {
    sequences: /^INITIAL_WINDOW_SIZE that makes an open stream's window overflow$/,
    ours: "goaway FLOW_CONTROL_ERROR",
    nghttp2: "1 reset FLOW_CONTROL_ERROR",
    section: "6.9.2",
    why: "an error of the connection; nghttp2 resets the stream",
  },
  {
    sequences: /^GOAWAY (on stream 0|without error|with a request under way|with debug data)$/,
    ours: /^([19] answered|silent)$/,
    nghttp2: /^(1 answered; )?closed$/,
    section: "5.4.1, 6.8",
    why: "nghttp2 closes when nothing is left to do; we let the client close, as grpc-go does",
  },
  {
    sequences: /^(no|an empty) :authority$/,
    ours: "1 answered; 3 answered",
    nghttp2: "1 reset PROTOCOL_ERROR; 3 answered",
    section: "8.3.1",
    why: "a client without authority information sends none; grpc-go takes such requests",
  },
  {
    sequences: /^a URL as :authority$/,
    ours: "1 answered; 3 answered",
    nghttp2: "1 reset PROTOCOL_ERROR; 3 answered",
    section: "8.3.1, 8.1.1",
    why: "etcdctl 3.4 sends it with --cluster, and grpc-go does not look at it",
  },
  {
    sequences:
      /^(a :path without slash|an empty :method|a :method that is no token|CONNECT with .*)$/,
    ours: "1 answered; 3 answered",
    nghttp2: "1 reset PROTOCOL_ERROR; 3 answered",
    section: "8.1.1",
    why: "a malformed request may be answered: with grpc-go's refusal, which says what is wrong",
  },
  {
    sequences: /^a value that (begins with a space|ends with a tab)$/,
    ours: "1 answered; 3 answered",
    nghttp2: "1 reset PROTOCOL_ERROR; 3 answered",
    section: "8.2.1, gRPC over HTTP/2 (ASCII-Value)",
    why: "gRPC lets metadata keep blanks at its ends, and etcd takes them; there is no next hop to deceive",
  },
  {
    sequences: /^content-length (too large over two frames|and trailers instead of the rest)$/,
    ours: /^1 answered(, then reset PROTOCOL_ERROR)?; 3 answered$/,
    nghttp2: "1 reset PROTOCOL_ERROR; 3 answered",
    section: "8.1.1",
    why: "a response may come before the reset: a call is answered once its message is whole",
  },
];
