/** The service's view of a call that streams, whichever side does; see stream-call.ts for the contract. */
import type { Call } from "./call.ts";
import { streamQueuedBytesSoft } from "./limits.ts";
import type { Refusal } from "./status.ts";
import type { StreamCall } from "./stream-call.ts";
import { type InputOwner, type MessageHandler, StreamInput } from "./stream-input.ts";

export class StreamingCall implements StreamCall {
  readonly input: StreamInput;
  /** `send` said that too much waits, and `onDrain` is owed. */
  owesDrain = false;
  /** Headers of the answer went out. */
  hasHeaders = false;
  /** What the trailers will say. */
  failure: Refusal | null = null;
  private readonly call: Call;
  private readonly owner: InputOwner;
  private cancelHandler: ((code: number) => void) | null = null;
  private drainHandler: (() => void) | null = null;

  constructor(call: Call, owner: InputOwner) {
    this.call = call;
    this.owner = owner;
    this.input = new StreamInput(call, owner);
  }

  get remoteAddress(): string {
    return this.owner.remoteAddress;
  }

  get isOver(): boolean {
    return this.call.isOver;
  }

  get queuedBytes(): number {
    return this.call.pending === null ? 0 : this.call.pending.length;
  }

  metadata(name: string): string | undefined {
    return this.call.metadata(name);
  }

  onMessage(handler: MessageHandler): void {
    this.input.onMessage(handler);
  }

  onHalfClose(handler: () => void): void {
    this.input.onHalfClose(handler);
  }

  onCancel(handler: (code: number) => void): void {
    this.cancelHandler = handler;
  }

  onDrain(handler: () => void): void {
    this.drainHandler = handler;
  }

  pause(): void {
    this.input.pause();
  }

  resume(): void {
    this.input.resume();
  }

  send(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.call.isOver) return false;
    this.owner.send(this.call, bytes, start, end);
    if (this.queuedBytes <= streamQueuedBytesSoft) return true;
    this.owesDrain = true;
    return false;
  }

  finish(): void {
    if (!this.call.isOver) this.owner.finish(this.call);
  }

  fail(code: number, text: string): void {
    this.call.fail(code, text);
  }

  // ---- for the transport ----

  /** The call is over by its service's own word. */
  ended(): void {
    this.input.release();
    this.cancelHandler = null;
    this.drainHandler = null;
  }

  /** The call is over by another cause. */
  cancelled(code: number): void {
    const handler = this.cancelHandler;
    this.ended();
    handler?.(code);
  }

  /** Half of what may wait has left, or more. */
  drained(): void {
    this.drainHandler?.();
  }
}
