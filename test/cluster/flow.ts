/**
 * One direction of a proxied connection: bytes of `from` go to `to`, late, slowly, or not at all, as the fault of the
 * moment says. An end of `from` is passed on behind the bytes before it, and not through a fault that blocks.
 */
import type { Socket } from "node:net";
import { isBlocking, type LinkFault } from "./link-fault.ts";

/** With more than this under way `from` is not read: a sender feels a slow link. */
const heldBytesMax = 256 * 1024;

interface Parcel {
  /** Undefined: `from` has ended. */
  readonly bytes: Buffer | undefined;
  readonly dueMs: number;
}

export interface FlowOptions {
  readonly from: Socket;
  readonly to: Socket;
  readonly fault: () => LinkFault | undefined;
  /** Sees each chunk before the fault is asked for. */
  readonly onChunk?: (chunk: Buffer) => void;
}

export class Flow {
  readonly #options: FlowOptions;
  readonly #queue: Parcel[] = [];
  #queuedBytes = 0;
  /** When the last byte taken has passed, at the bandwidth's rate. */
  #busyUntilMs = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Bytes were swallowed, or an end: what comes later makes no sense to the receiver. */
  #isTorn = false;
  #isDraining = false;

  constructor(options: FlowOptions) {
    this.#options = options;
    const { from, to } = options;
    from.on("data", (chunk: Buffer) => {
      options.onChunk?.(chunk);
      this.#take(chunk);
    });
    from.once("end", () => this.#take(undefined));
    from.once("close", () => this.#take(undefined));
    to.on("drain", () => {
      this.#isDraining = false;
      this.#pump();
    });
    to.once("close", () => clearTimeout(this.#timer));
  }

  /** The fault has changed. "reset": the connection cannot go on. */
  refresh(): "reset" | "goesOn" {
    const fault = this.#options.fault();
    if (fault?.kind === "cut") return "reset";
    if (this.#isTorn && fault?.kind !== "blackhole") return "reset";
    this.#pump();
    return "goesOn";
  }

  #take(bytes: Buffer | undefined): void {
    const fault = this.#options.fault();
    if (fault?.kind === "blackhole") {
      this.#isTorn = true;
      return;
    }
    const nowMs = performance.now();
    let dueMs = nowMs;
    if (fault?.kind === "delay") dueMs += fault.delayMs;
    if (fault?.kind === "bandwidth") {
      const lengthMs = ((bytes?.length ?? 0) / fault.bytesPerSecond) * 1000;
      this.#busyUntilMs = Math.max(this.#busyUntilMs, nowMs) + lengthMs;
      dueMs = this.#busyUntilMs;
    }
    this.#queue.push({ bytes, dueMs });
    this.#queuedBytes += bytes?.length ?? 0;
    this.#pump();
  }

  /** Hands on what is due, in order: a parcel never overtakes one before it. */
  #pump(): void {
    clearTimeout(this.#timer);
    const nowMs = performance.now();
    while (!this.#isDraining && !isBlocking(this.#options.fault())) {
      const [first] = this.#queue;
      if (first === undefined) break;
      if (first.dueMs > nowMs) {
        this.#timer = setTimeout(() => this.#pump(), first.dueMs - nowMs);
        break;
      }
      this.#queue.shift();
      this.#deliver(first);
    }
    const { from } = this.#options;
    if (this.#queuedBytes > heldBytesMax) from.pause();
    else if (from.isPaused()) from.resume();
  }

  #deliver({ bytes }: Parcel): void {
    const { from, to } = this.#options;
    if (bytes === undefined) {
      if (from.destroyed) to.destroySoon();
      else to.end();
      return;
    }
    this.#queuedBytes -= bytes.length;
    if (to.writable) this.#isDraining = !to.write(bytes);
  }
}
