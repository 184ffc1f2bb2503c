/** Calls without a connection: they keep what a service answers. */
import type { StreamCall } from "../../../node/grpc/stream-call.ts";
import type { UnaryCall } from "../../../node/grpc/unary-call.ts";
import { cloneBytes } from "../../../node/lib/bytes.ts";

type Metadata = Readonly<Record<string, string>>;

export class RecordedCall implements UnaryCall {
  readonly remoteAddress = "test";
  readonly replies: Uint8Array[] = [];
  readonly failures: { readonly code: number; readonly text: string }[] = [];
  private readonly values: Metadata;
  private isCancelled = false;

  constructor(metadata: Metadata = {}) {
    this.values = metadata;
  }

  get isOver(): boolean {
    return this.isCancelled || this.replies.length + this.failures.length > 0;
  }

  metadata(name: string): string | undefined {
    return this.values[name];
  }

  reply(bytes: Uint8Array, start: number, end: number): void {
    if (!this.isOver) this.replies.push(cloneBytes(bytes, start, end));
  }

  fail(code: number, text: string): void {
    if (!this.isOver) this.failures.push({ code, text });
  }

  /** The client went away. */
  cancel(): void {
    this.isCancelled = true;
  }
}

/** A server-streaming call whose client takes `capacity` messages before it must be waited for. */
export class RecordedStream implements StreamCall {
  readonly remoteAddress = "test";
  readonly queuedBytes = 0;
  readonly sent: Uint8Array[] = [];
  end: "open" | "finished" | "cancelled" | { readonly code: number; readonly text: string } =
    "open";
  capacity = Infinity;
  private readonly values: Metadata;
  private message: (bytes: Uint8Array, start: number, end: number) => void = () => undefined;
  private drained: () => void = () => undefined;
  private cancelled: (code: number) => void = () => undefined;

  constructor(metadata: Metadata = {}) {
    this.values = metadata;
  }

  get isOver(): boolean {
    return this.end !== "open";
  }

  metadata(name: string): string | undefined {
    return this.values[name];
  }

  onMessage(handler: (bytes: Uint8Array, start: number, end: number) => void): void {
    this.message = handler;
  }

  onHalfClose(): void {
    // Nobody closes here.
  }

  onCancel(handler: (code: number) => void): void {
    this.cancelled = handler;
  }

  onDrain(handler: () => void): void {
    this.drained = handler;
  }

  pause(): void {
    // Reading is by hand.
  }

  resume(): void {
    // Reading is by hand.
  }

  send(bytes: Uint8Array, start: number, end: number): boolean {
    if (!this.isOver) this.sent.push(cloneBytes(bytes, start, end));
    return this.sent.length < this.capacity;
  }

  finish(): void {
    if (!this.isOver) this.end = "finished";
  }

  fail(code: number, text: string): void {
    if (!this.isOver) this.end = { code, text };
  }

  /** The client's message, in the middle of a buffer that is overwritten when the handler returns. */
  deliver(message: Uint8Array): void {
    const chunk = new Uint8Array(message.length + 10);
    chunk.set(message, 5);
    this.message(chunk, 5, 5 + message.length);
    chunk.fill(0xff);
  }

  /** The client has caught up and takes so many more. */
  drain(more = Infinity): void {
    this.capacity = this.sent.length + more;
    this.drained();
  }

  cancel(): void {
    this.end = "cancelled";
    this.cancelled(1);
  }
}
