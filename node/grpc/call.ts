/**
 * One HTTP/2 stream that carries a call: the state the connection keeps for it, and the service's view of it.
 *
 *            request END_STREAM            our END_STREAM
 *   open ─────────────────────▶ answering ───────────────▶ closed        RST_STREAM from either side: closed at once
 *     └── our END_STREAM ──▶ ended early: RST_STREAM(NO_ERROR) at the flush unless the request ends before
 *
 * Small and of one shape: tens of thousands are made per second. What few calls need hangs behind `body` and `pending`.
 */
import type { MessageAssembler } from "./message-assembler.ts";
import type { RequestHead } from "./request-head.ts";
import type { UnaryCall } from "./unary-call.ts";

/** The connection, as its calls see it. */
export interface CallOwner {
  readonly remoteAddress: string;
  reply(call: Call, bytes: Uint8Array, start: number, end: number): void;
  fail(call: Call, code: number, text: string): void;
}

/** The part of a reply that the flow-control windows hold back: prefix and message, then trailers. */
export interface PendingReply {
  /** Bytes of the message prefix not yet sent: 5 at first. */
  prefixLeft: number;
  readonly messageLength: number;
  /** What is left of the message: bytes[at, end). */
  bytes: Uint8Array;
  at: number;
  end: number;
  /** False: the last DATA frame ends the stream. */
  readonly hasTrailers: boolean;
}

export class Call implements UnaryCall {
  readonly id: number;
  readonly head: RequestHead;
  private readonly owner: CallOwner;

  isOver = false;
  /** The client sent END_STREAM. */
  hasRequestEnded = false;
  /** We sent END_STREAM or RST_STREAM. */
  hasReplyEnded = false;
  /** The handler has the message; further bytes of the body are dropped, as grpc-go does. */
  isDelivered = false;

  /** On the server's monotonic clock. */
  deadlineMs: number;
  /** What the client allows us to send; below zero after it shrank its windows. */
  sendWindow: number;
  /** Body bytes taken since the last WINDOW_UPDATE for this stream, padding included. */
  unreplenished = 0;
  /** Body bytes without padding. */
  bodyBytes = 0;
  body: MessageAssembler | null = null;
  pending: PendingReply | null = null;
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
  }

  get remoteAddress(): string {
    return this.owner.remoteAddress;
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
