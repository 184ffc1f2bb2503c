/** What a service sees of a call. The transport's side of it is call.ts. */

/**
 * `bytes[start, end)` is the request message. It is valid only until the handler returns (it may be the socket's own
 * chunk): the handler copies what must live longer.
 */
export type UnaryHandler = (call: UnaryCall, bytes: Uint8Array, start: number, end: number) => void;

export interface UnaryCall {
  /**
   * The first value of a metadata name (lower case), pseudo-header :authority and user-agent included; undefined where
   * there is none. Binary metadata ("-bin") is given as it came, in base64.
   */
  metadata(name: string): string | undefined;
  readonly remoteAddress: string;
  /** How long ago it came, on a clock that may be a tick late; undefined for a call that did not come from a client. */
  readonly ageMs?: number;
  /** Answered, cancelled, past its deadline, or the connection is lost: nothing said now reaches the client. */
  readonly isOver: boolean;
  /** Answers with status OK and the message bytes[start, end), which are copied at once. No effect when isOver. */
  reply(bytes: Uint8Array, start: number, end: number): void;
  /** Answers with an error: a gRPC code other than 0, and its text. No effect when isOver. */
  fail(code: number, text: string): void;
}
