/**
 * The request side of a streaming call: cuts the body into messages and hands them over in order. What a paused service does not
 * take waits here, and is not given back to the stream's window, so that the client stops at limits.ts `streamWindowBytes`.
 */
import { ByteQueue } from "./byte-queue.ts";
import type { Call, CallOwner } from "./call.ts";
import { readUint32 } from "./frame.ts";
import { gunzip } from "./gzip.ts";
import type { AssemblyMeter } from "./memory-budget.ts";
import { MessageAssembler, messagePrefixBytes } from "./message-assembler.ts";
import { compressionProblem, messageTooLarge } from "./message-problems.ts";
import { tooMuchWaits } from "./request-body.ts";
import { type Refusal, statusCode } from "./status.ts";

export type MessageHandler = (bytes: Uint8Array, start: number, end: number) => void;

export interface InputOwner extends CallOwner {
  readonly receiveMessageBytesMax: number;
  readonly assembly: AssemblyMeter;
}

export class StreamInput {
  private readonly call: Call;
  private readonly owner: InputOwner;
  private messageHandler: MessageHandler | null = null;
  private halfCloseHandler: (() => void) | null = null;
  private isPaused = false;
  /** A handler runs: nothing else may be handed over now. */
  private isDelivering = false;
  /** The message that has begun. */
  private assembler: MessageAssembler | null = null;
  /** Body bytes as they came, behind the assembler's. */
  private readonly waiting = new ByteQueue();
  private hasEnded = false;
  private messages = 0;

  constructor(call: Call, owner: InputOwner) {
    this.call = call;
    this.owner = owner;
  }

  /** Bytes that are not given back to the stream's window. */
  get waitingBytes(): number {
    return this.waiting.length;
  }

  onMessage(handler: MessageHandler): void {
    this.messageHandler = handler;
    this.readOn();
  }

  onHalfClose(handler: () => void): void {
    this.halfCloseHandler = handler;
    this.readOn();
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    this.readOn();
  }

  /** Takes bytes[start, end) of the body. */
  take(bytes: Uint8Array, start: number, end: number): void {
    const at = this.waiting.length > 0 ? start : this.deliver(bytes, start, end);
    if (at === end || this.call.isOver) return;
    this.waiting.append(bytes, at, end);
    this.count(end - at);
  }

  /** No more body comes. */
  end(): void {
    this.hasEnded = true;
    this.maybeEnd();
  }

  /** The call is over: memory is given back, and no handler runs any more. */
  release(): void {
    this.owner.assembly.release(this.waiting.length + (this.assembler?.length ?? 0));
    this.waiting.clear();
    this.assembler = null;
    this.messageHandler = null;
    this.halfCloseHandler = null;
  }

  private readOn(): void {
    if (this.isDelivering || this.call.isOver) return;
    const { waiting } = this;
    const before = waiting.length;
    while (waiting.length > 0 && this.isReading) {
      const start = waiting.frontStart;
      const at = this.deliver(waiting.front, start, waiting.frontEnd);
      // A handler, or a message that cannot be read, may have ended the call: `release` has emptied the queue then.
      if (waiting.length === 0) return;
      waiting.skip(at - start);
      this.owner.assembly.release(at - start);
    }
    if (waiting.length < before) this.owner.consumed(this.call);
    this.maybeEnd();
  }

  private get isReading(): boolean {
    return this.messageHandler !== null && !this.isPaused && !this.call.isOver;
  }

  /** Hands over what is whole; returns where it stopped: at the end, or where the service paused. */
  private deliver(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    this.isDelivering = true;
    while (at < end && this.isReading) {
      at = this.assembler === null ? this.inPlace(bytes, at, end) : this.assemble(bytes, at, end);
    }
    this.isDelivering = false;
    return at;
  }

  private inPlace(bytes: Uint8Array, at: number, end: number): number {
    const messageStart = at + messagePrefixBytes;
    if (messageStart <= end) {
      const length = readUint32(bytes, at + 1);
      if (this.isTooLarge(length)) return end;
      const messageEnd = messageStart + length;
      if (messageEnd <= end) {
        this.message(bytes[at] as number, bytes, messageStart, messageEnd);
        return messageEnd;
      }
    }
    this.assembler = new MessageAssembler();
    return at;
  }

  private assemble(bytes: Uint8Array, at: number, end: number): number {
    const assembler = this.assembler as MessageAssembler;
    const taken = assembler.take(bytes, at, end);
    this.count(taken);
    if (this.call.isOver || !assembler.hasPrefix) return at + taken;
    if (this.isTooLarge(assembler.messageLength)) return end;
    if (assembler.isComplete) {
      this.assembler = null;
      this.owner.assembly.release(assembler.length);
      const whole = assembler.bytes;
      this.message(whole[0] as number, whole, messagePrefixBytes, assembler.length);
    }
    return at + taken;
  }

  private isTooLarge(length: number): boolean {
    const max = this.owner.receiveMessageBytesMax;
    if (length <= max) return false;
    this.abort(messageTooLarge(length, max));
    return true;
  }

  private count(bytes: number): void {
    if (!this.owner.assembly.add(bytes)) {
      this.owner.abort(this.call, statusCode.resourceExhausted, tooMuchWaits);
    }
  }

  private message(flag: number, bytes: Uint8Array, start: number, end: number): void {
    const { head } = this.call;
    if (flag === 0) return this.handOver(bytes, start, end);
    const problem = compressionProblem(flag, head.isGzip);
    if (problem !== null) return this.abort(problem);
    const unpacked = gunzip(bytes, start, end, this.owner.receiveMessageBytesMax);
    if (unpacked instanceof Uint8Array) this.handOver(unpacked, 0, unpacked.length);
    else this.abort(unpacked);
  }

  private handOver(bytes: Uint8Array, start: number, end: number): void {
    const { route } = this.call.head;
    this.messages++;
    if (route?.kind === "unary" && this.messages > 1) return;
    if (route?.kind === "serverStream" && this.messages > 1)
      return this.abortCardinality("received multiple request messages for");
    if (route !== null) {
      route.streamMessagesReceived++;
      route.bytesReceived += end - start;
    }
    this.messageHandler?.(bytes, start, end);
  }

  private maybeEnd(): void {
    if (!this.hasEnded || this.isPaused || this.waiting.length > 0 || this.call.isOver) return;
    if (this.assembler !== null) {
      this.owner.abort(this.call, statusCode.internal, "unexpected EOF");
    } else if (this.messages === 0 && this.takesOneMessage) {
      this.abortCardinality("received no request message from");
    } else if (this.halfCloseHandler !== null) {
      const handler = this.halfCloseHandler;
      this.halfCloseHandler = null;
      handler();
    }
  }

  private get takesOneMessage(): boolean {
    const kind = this.call.head.route?.kind;
    return kind === "serverStream" || kind === "unary";
  }

  /** grpc-go's words. */
  private abortCardinality(what: string): void {
    const text = `cardinality violation: ${what} non-client-streaming RPC`;
    this.owner.abort(this.call, statusCode.internal, text);
  }

  private abort(refusal: Refusal): void {
    this.owner.abort(this.call, refusal.code, refusal.text);
  }
}
