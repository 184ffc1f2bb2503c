/** The door to the API server: one HTTP exchange, as bytes. http-transport.ts is the real one; tests have one without sockets. */

export interface TransportRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path and query, as the API server knows them. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** Ends the exchange, also while the body is read: the promise or the chunks then reject. */
  readonly signal: AbortSignal;
  /**
   * Runs synchronously right before the request's bytes are handed to a connection that stands; when it throws, nothing is sent and
   * `send` rejects with what it threw. Checks made earlier would miss the time that tokens and handshakes take.
   */
  readonly beforeSend?: (() => void) | undefined;
}

export interface TransportResponse {
  readonly status: number;
  /** Undefined when the header is absent. Names are lower case. */
  header(name: string): string | undefined;
  /** The body, once. Leaving the loop early closes the connection. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

export interface Transport {
  /**
   * Resolves when the head of the answer is there, whatever its status. Rejects with an ApiError of kind "NotSent" or "Unanswered"; the
   * chunks reject with "Unanswered".
   */
  send(request: TransportRequest): Promise<TransportResponse>;
}
