/**
 * HTTP requests that are no gRPC calls, over HTTP/2: what a probe, a scraper or a browser asks after ALPN has chosen "h2". Whoever answers
 * sees the same as of HTTP/1 (lib/http-answers.ts): a status, headers, and the whole body at once. Request bodies are read and dropped.
 */
import type { PatientAnswer } from "../lib/http-answers.ts";
import type { RequestHead } from "./request-head.ts";

export interface PlainRequest {
  /** As it came: "GET", but also what nobody knows. */
  readonly method: string;
  /** :path as it came, with the query. */
  readonly path: string;
  /** :authority, or host where that is missing; "" without both. */
  readonly authority: string;
  /** It came over TLS. */
  readonly isSecure: boolean;
  /** First value of a header by its lower-case name, one character a byte. */
  header(name: string): string | undefined;
}

/** Must not throw. May answer later; one `end` is the answer, and has no effect when the client is gone. */
export type PlainHandler = (request: PlainRequest, response: PatientAnswer) => void;

export function plainRequest(head: RequestHead, isSecure: boolean): PlainRequest {
  return {
    method: head.method,
    path: head.pathText,
    authority: head.metadata(":authority") ?? "",
    isSecure,
    header: (name) => head.metadata(name),
  };
}

/** A transport's side of one answer. */
export class PlainReply implements PatientAnswer {
  statusCode = 200;
  /** Names in lower case. Whoever sets values keeps line ends out of them, and all of them well below a frame's size. */
  readonly headers = new Map<string, string>();
  private readonly send: (reply: PlainReply, body: string) => void;
  private closeHandlers: (() => void)[] = [];
  private isClosed = false;

  /** `send` runs at most once. */
  constructor(send: (reply: PlainReply, body: string) => void) {
    this.send = send;
  }

  setHeader(name: string, value: string | number): void {
    this.headers.set(name.toLowerCase(), String(value));
  }

  end(body: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.send(this, body);
    this.runCloseHandlers();
  }

  once(_event: "close", run: () => void): void {
    this.closeHandlers.push(run);
  }

  /** No answer reaches the client any more. */
  gone(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.runCloseHandlers();
  }

  /** Instead of an answer that has no room to wait for its client. */
  becomeUnavailable(text: string): Buffer {
    this.statusCode = 503;
    const body = Buffer.from(`${text}\n`);
    this.setHeader("Content-Type", "text/plain; charset=utf-8");
    this.setHeader("Content-Length", body.length);
    return body;
  }

  private runCloseHandlers(): void {
    const handlers = this.closeHandlers;
    this.closeHandlers = [];
    for (const run of handlers) run();
  }
}
