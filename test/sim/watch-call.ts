/** A Watch stream between a client and the member's service, without gRPC's frames: delays, a window that fills, and an end when either side goes. */
import type { StreamCall } from "../../node/grpc/stream-call.ts";
import { cloneBytes } from "../../node/lib/bytes.ts";
import type { EventLoop } from "./event-loop.ts";
import type { World } from "./world.ts";

/** Messages that wait for the client, at which the stream counts as full; it drains at half of that. */
const unreadMax = 2;
const codeCanceled = 1;

export interface WatchCallOptions {
  readonly world: World;
  readonly loop: EventLoop;
  /** Drawn for each way. */
  readonly delayMs: () => number;
  /** clientv3.WithRequireLeader. */
  readonly demandsLeader: boolean;
  readonly onMessage: (bytes: Uint8Array) => void;
  /** The stream is over, by the other side. */
  readonly onEnd: () => void;
  /** The stream has become full. */
  readonly onFull: () => void;
}

type Handler = (bytes: Uint8Array, start: number, end: number) => void;

export class WatchCall implements StreamCall {
  readonly remoteAddress = "client";
  isOver = false;
  private readonly options: WatchCallOptions;
  private readonly unread: Uint8Array[] = [];
  private readonly requests: Uint8Array[] = [];
  private messageHandler: Handler | undefined;
  private cancelHandler: (code: number) => void = () => undefined;
  private drainHandler: () => void = () => undefined;
  private isReading = true;
  private isFull = false;
  private isServerPaused = false;
  /** On their way or unread. */
  private waiting = 0;
  private lastToClientMs = 0;
  private lastToServerMs = 0;

  constructor(options: WatchCallOptions) {
    this.options = options;
  }

  // The client's side.

  request(bytes: Uint8Array): void {
    const { world, delayMs, loop } = this.options;
    this.lastToServerMs = Math.max(this.lastToServerMs, world.nowMs + delayMs());
    world.at(this.lastToServerMs, () =>
      loop.dispatch(() => {
        this.requests.push(bytes);
        this.takeRequests();
      }),
    );
  }

  /** False: the client does not read for a while. */
  setReading(isReading: boolean): void {
    this.isReading = isReading;
    this.readUnread();
  }

  /** The client goes: it sees nothing more, and the server learns of it. */
  cancel(): void {
    const { world, delayMs, loop } = this.options;
    if (this.isOver) return;
    this.leave();
    world.after(delayMs(), () => loop.dispatch(() => this.cancelHandler(codeCanceled)));
  }

  /** The process is gone, and with it what was on the way. */
  lose(): void {
    if (this.isOver) return;
    const { world, delayMs, onEnd } = this.options;
    this.leave();
    world.after(delayMs(), onEnd);
  }

  // The server's side.

  metadata(name: string): string | undefined {
    return name === "hasleader" && this.options.demandsLeader ? "true" : undefined;
  }

  onMessage(handler: Handler): void {
    this.messageHandler = handler;
    // Those that came before the stream was opened wait until it is.
    this.options.loop.dispatch(() => this.takeRequests());
  }

  onHalfClose(): void {
    // No client of a run does.
  }

  onCancel(handler: (code: number) => void): void {
    this.cancelHandler = handler;
  }

  onDrain(handler: () => void): void {
    this.drainHandler = handler;
  }

  pause(): void {
    this.isServerPaused = true;
  }

  resume(): void {
    this.isServerPaused = false;
    this.takeRequests();
  }

  send(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.isOver) return false;
    const copy = cloneBytes(bytes, start, end);
    this.waiting += 1;
    this.toClient(() => {
      this.unread.push(copy);
      this.readUnread();
    });
    if (this.waiting <= unreadMax) return true;
    if (!this.isFull) this.options.onFull();
    this.isFull = true;
    return false;
  }

  get queuedBytes(): number {
    return this.waiting;
  }

  finish(): void {
    this.fail();
  }

  fail(): void {
    const { onEnd } = this.options;
    this.toClient(() => {
      this.leave();
      onEnd();
    });
  }

  private leave(): void {
    this.isOver = true;
    this.unread.length = 0;
  }

  private takeRequests(): void {
    while (!this.isServerPaused && !this.isOver && this.messageHandler !== undefined) {
      const bytes = this.requests.shift();
      if (bytes === undefined) return;
      this.messageHandler(bytes, 0, bytes.length);
    }
  }

  private toClient(run: () => void): void {
    const { world, delayMs } = this.options;
    this.lastToClientMs = Math.max(this.lastToClientMs, world.nowMs + delayMs());
    world.at(this.lastToClientMs, () => {
      if (!this.isOver) run();
    });
  }

  private readUnread(): void {
    while (this.isReading && !this.isOver) {
      const bytes = this.unread.shift();
      if (bytes === undefined) return;
      this.waiting -= 1;
      if (this.isFull && this.waiting <= unreadMax / 2) {
        this.isFull = false;
        this.options.loop.dispatch(() => {
          if (!this.isOver) this.drainHandler();
        });
      }
      this.options.onMessage(bytes);
    }
  }
}
