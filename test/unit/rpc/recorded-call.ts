/** A call without a connection: keeps what a service answers. */
import type { UnaryCall } from "../../../node/grpc/unary-call.ts";
import { cloneBytes } from "../../../node/lib/bytes.ts";

export class RecordedCall implements UnaryCall {
  readonly remoteAddress = "test";
  readonly replies: Uint8Array[] = [];
  readonly failures: { readonly code: number; readonly text: string }[] = [];
  private isCancelled = false;

  get isOver(): boolean {
    return this.isCancelled || this.replies.length + this.failures.length > 0;
  }

  metadata(): undefined {
    return undefined;
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
