/**
 * How the streams of a connection end: answered, reset by either side, lost with the connection. Keeps the table of those that
 * are open, and tells each call's route and service once how it went.
 */
import type { Call } from "./call.ts";
import { CallTable } from "./call-table.ts";
import { writeRstStream } from "./control-frames.ts";
import { errorCode, uint31Max } from "./frame.ts";
import type { AssemblyMeter } from "./memory-budget.ts";
import type { PlainReply } from "./plain-request.ts";
import { statusCode } from "./status.ts";
import type { StreamsConnection } from "./streams-connection.ts";

export class StreamEnds {
  readonly calls = new CallTable();
  /** Of plain requests that a handler is answering. */
  readonly plainReplies = new Map<Call, PlainReply>();
  /** Streams above it are not taken: we said so in GOAWAY. */
  lastAcceptedId = uint31Max;
  private readonly connection: StreamsConnection;
  private readonly assembly: AssemblyMeter;
  /** Answered before their request ended; reset at the flush unless it has ended by then. */
  private endedEarly: Call[] = [];

  constructor(connection: StreamsConnection, assembly: AssemblyMeter) {
    this.connection = connection;
    this.assembly = assembly;
  }

  get hasEndedEarly(): boolean {
    return this.endedEarly.length > 0;
  }

  /** The answer is decided, if not sent: nothing said later reaches the client. */
  settle(call: Call, code: number): void {
    call.isOver = true;
    const { route } = call.head;
    if (call.isDelivered && route !== null) route.end(call, code);
  }

  /** Our END_STREAM was written. */
  replyEnded(call: Call): void {
    call.hasReplyEnded = true;
    this.releaseBody(call);
    if (call.hasRequestEnded) this.forget(call, false);
    else this.endedEarly.push(call);
  }

  /** No answer will come of it; `code` is what the service of a streaming call is told. */
  cancel(call: Call, isResetByUs: boolean, code: number): void {
    const wasOver = call.isOver;
    if (!wasOver) this.settle(call, code);
    call.hasReplyEnded = true;
    this.connection.flow.drop(call);
    this.releaseBody(call);
    this.forget(call, isResetByUs);
    if (!wasOver) call.stream?.cancelled(code);
    if (this.plainReplies.size > 0) this.plainGone(call);
  }

  /** The client broke the protocol on this stream. */
  reset(call: Call, code: number): void {
    // First, so that a flush cannot send what was queued behind the RST_STREAM.
    this.cancel(call, true, statusCode.internal);
    this.refuse(call.id, code);
  }

  /** A stream that did not become a call, or is none any more. */
  refuse(streamId: number, code: number): void {
    this.connection.flood.countReset();
    this.calls.rememberClosed(streamId, true);
    writeRstStream(this.connection.out, streamId, code);
    this.connection.hasOutput();
  }

  /** The deadline of a call that has no answer, or one that waits for a window: as grpc-go does. */
  resetOverdue(call: Call): void {
    this.cancel(call, true, statusCode.deadlineExceeded);
    writeRstStream(this.connection.out, call.id, errorCode.cancel);
    this.connection.hasOutput();
  }

  forget(call: Call, isResetByUs: boolean): void {
    // The connection may be waiting for its last call to end.
    if (this.calls.remove(call, isResetByUs) && this.lastAcceptedId !== uint31Max)
      this.connection.hasOutput();
  }

  /** Before a flush: their clients are told that the rest of the request is not wanted. */
  resetEndedEarly(): void {
    if (this.endedEarly.length === 0) return;
    const calls = this.endedEarly;
    this.endedEarly = [];
    for (const call of calls) {
      if (this.calls.get(call.id) !== call) continue;
      writeRstStream(this.connection.out, call.id, errorCode.noError);
      this.forget(call, true);
    }
  }

  cancelAll(code: number): void {
    for (const call of this.calls.values()) this.cancel(call, true, code);
    this.endedEarly = [];
  }

  private plainGone(call: Call): void {
    const reply = this.plainReplies.get(call);
    this.plainReplies.delete(call);
    reply?.gone();
  }

  private releaseBody(call: Call): void {
    if (call.body === null) return;
    this.assembly.release(call.body.length);
    call.body = null;
  }
}
