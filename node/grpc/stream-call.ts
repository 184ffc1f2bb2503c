/**
 * What a service sees of a streaming call: server-streaming, client-streaming and bidirectional ones are the same thing to the
 * transport, and differ in how many messages either side sends. Unary calls have their own, shorter way (unary-call.ts).
 */

/** Called when a stream begins. Sets the handlers that it needs before it returns. */
export type StreamHandler = (call: StreamCall) => void;

export interface StreamCall {
  /** As UnaryCall.metadata. */
  metadata(name: string): string | undefined;
  readonly remoteAddress: string;
  /** Finished or failed by us, cancelled, past its deadline, or the connection is lost: nothing said now reaches the client. */
  readonly isOver: boolean;

  /**
   * Each request message, in order: `bytes[start, end)`, valid until the handler returns. While the handler is not set, or reading is
   * paused, messages wait, and flow control holds the client back.
   */
  onMessage(handler: (bytes: Uint8Array, start: number, end: number) => void): void;
  /** The client said its last message (half-close). Not called when the call is over before. */
  onHalfClose(handler: () => void): void;
  /**
   * Runs once, when the call is over by any cause but our own `finish` or `fail`. `code`: Canceled (the client's reset, or its connection
   * is lost), DeadlineExceeded, Unavailable (we close the connection), or what we refused the request with.
   */
  onCancel(handler: (code: number) => void): void;
  pause(): void;
  resume(): void;

  /**
   * Sends one message, copied at once. False: more than `limits.ts` streamQueuedBytesSoft of this call wait for the client's window or
   * socket; the service should send no more until `onDrain` runs, at half of that. No effect, and false, when isOver.
   */
  send(bytes: Uint8Array, start: number, end: number): boolean;
  onDrain(handler: () => void): void;
  /** Bytes of this call that wait to be sent. */
  readonly queuedBytes: number;
  /** Ends the stream with status OK, behind everything sent. */
  finish(): void;
  /** Ends the stream with an error, behind everything sent. */
  fail(code: number, text: string): void;
}
