/**
 * One HTTP/2 stream that carries a call: the state the connection keeps for it, and the service's view of a unary one.
 *
 *            request END_STREAM            our END_STREAM
 *   open ─────────────────────▶ answering ───────────────▶ closed        RST_STREAM from either side: closed at once
 *     └── our END_STREAM ──▶ ended early: RST_STREAM(NO_ERROR) at the flush unless the request ends before
 *
 * Small and of one shape: tens of thousands are made per second. What few calls need hangs behind `body`, `pending` and `stream`.
 */
import type { ByteQueue } from "./byte-queue.ts";
import type { MessageAssembler } from "./message-assembler.ts";
import type { RequestHead } from "./request-head.ts";
import type { StreamingCall } from "./streaming-call.ts";
import type { UnaryCall } from "./unary-call.ts";

/** The connection, as its calls see it. */
export interface CallOwner {
  readonly remoteAddress: string;
  /** The server's monotonic clock, up to a tick old. */
  readonly nowMs: number;
  /** The one message of a unary answer, and its end. */
  reply(call: Call, bytes: Uint8Array, start: number, end: number): void;
  /** One message of a streaming answer. */
  send(call: Call, bytes: Uint8Array, start: number, end: number): void;
  /** The end with status OK, behind every message sent. */
  finish(call: Call): void;
  /** The end with an error, behind every message sent. */
  fail(call: Call, code: number, text: string): void;
  /** The same where not the service says so but we: a request that cannot be read. */
  abort(call: Call, code: number, text: string): void;
  /** A stream read on: the client may send more. */
  consumed(call: Call): void;
}

/** What follows the last byte of `Call.pending`. */
export const ending = {
  /** More may come. */
  none: 0,
  /** The last DATA frame ends the stream: no gRPC. */
  data: 1,
  /** Trailers with status OK. */
  ok: 2,
  /** Trailers with the failure of `Call.stream`. */
  failure: 3,
} as const;

export class Call implements UnaryCall {
  readonly id: number;
  readonly head: RequestHead;
  private readonly owner: CallOwner;

  isOver = false;
  /** The client sent END_STREAM. */
  hasRequestEnded = false;
  /** We sent END_STREAM or RST_STREAM. */
  hasReplyEnded = false;
  /** The handler has begun. Further bytes of a unary call's body are dropped, as grpc-go does. */
  isDelivered = false;

  /** On the server's monotonic clock. */
  deadlineMs: number;
  private readonly openedMs: number;
  beganMs = 0;
  /** What the client allows us to send; below zero after it shrank its windows. */
  sendWindow: number;
  /** Bytes taken since the last WINDOW_UPDATE for this stream, padding included. */
  unreplenished = 0;
  /** Body bytes without padding. */
  bodyBytes = 0;
  body: MessageAssembler | null = null;
  /** Prefixes and messages that wait for a window or the socket. */
  pending: ByteQueue | null = null;
  /** One of `ending`. */
  ending = 0;
  stream: StreamingCall | null = null;
  /** Chains the calls that wait for their turn to send. */
  nextInQueue: Call | null = null;
  isQueued = false;

  constructor(
    owner: CallOwner,
    id: number,
    head: RequestHead,
    sendWindow: number,
    deadlineMs: number,
  ) {
    this.owner = owner;
    this.id = id;
    this.head = head;
    this.sendWindow = sendWindow;
    this.deadlineMs = deadlineMs;
    this.openedMs = owner.nowMs;
  }

  get remoteAddress(): string {
    return this.owner.remoteAddress;
  }

  get ageMs(): number {
    return this.owner.nowMs - this.openedMs;
  }

  metadata(name: string): string | undefined {
    return this.head.metadata(name);
  }

  reply(bytes: Uint8Array, start: number, end: number): void {
    if (!this.isOver) this.owner.reply(this, bytes, start, end);
  }

  fail(code: number, text: string): void {
    if (!this.isOver) this.owner.fail(this, code, text);
  }
}
