/**
 * All connections of a server: flushes those with output once at the end of the turn, and ticks all of them on one coarse
 * timer. The timer runs only while there are connections.
 */
import type { ByteSocket, Clock, Logger, Timer, Timers } from "../lib/ports.ts";
import { Acceptance, type AcceptanceHost } from "./accept.ts";
import { Connection, type ConnectionHost } from "./connection.ts";
import { prefaceTimeoutMs, shutdownGraceMs, tickMs } from "./limits.ts";
import { BufferPool } from "./output-buffer.ts";
import type { Routes } from "./route.ts";

export interface ConnectionSetOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly routes: Routes;
  /** Bytes of one request message. */
  readonly receiveMessageBytesMax: number;
  /** Per connection, as SETTINGS_MAX_CONCURRENT_STREAMS tells the client. */
  readonly maxConcurrentStreams: number;
}

export type OtherProtocol = (socket: ByteSocket, unread: Uint8Array) => void;

export class ConnectionSet implements ConnectionHost, AcceptanceHost {
  readonly logger: Logger;
  readonly routes: Routes;
  readonly pool = new BufferPool();
  readonly receiveMessageBytesMax: number;
  readonly maxConcurrentStreams: number;
  nowMs: number;
  otherProtocol: OtherProtocol = (socket) => socket.destroy();

  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly undecided = new Set<Acceptance>();
  private readonly connections = new Set<Connection>();
  private dirty: Connection[] = [];
  private isFlushScheduled = false;
  private ticking: Timer | null = null;
  private shutdownSinceMs = Infinity;
  private onEmpty: (() => void)[] = [];

  constructor(options: ConnectionSetOptions) {
    this.clock = options.clock;
    this.timers = options.timers;
    this.logger = options.logger;
    this.routes = options.routes;
    this.receiveMessageBytesMax = options.receiveMessageBytesMax;
    this.maxConcurrentStreams = options.maxConcurrentStreams;
    this.nowMs = this.clock.monotonicMs();
  }

  get size(): number {
    return this.connections.size + this.undecided.size;
  }

  accept(socket: ByteSocket): void {
    if (this.shutdownSinceMs !== Infinity) {
      socket.destroy();
      return;
    }
    this.readClock();
    this.undecided.add(new Acceptance(this, socket, this.nowMs));
    this.ticking ??= this.timers.every(tickMs, () => this.tick());
  }

  // ---- for acceptances ----

  http2(socket: ByteSocket): Connection {
    const connection = new Connection(this, socket);
    this.connections.add(connection);
    return connection;
  }

  other(socket: ByteSocket, unread: Uint8Array): void {
    this.otherProtocol(socket, unread);
    this.settle();
  }

  decided(acceptance: Acceptance): void {
    this.undecided.delete(acceptance);
    // A connection that follows is added at once; otherwise `other` or the close settles.
    if (this.size === 0) this.timers.endOfTurn(() => this.settle());
  }

  readClock(): void {
    this.nowMs = this.clock.monotonicMs();
  }

  // ---- for connections ----

  markDirty(connection: Connection): void {
    if (connection.isDirty) return;
    connection.isDirty = true;
    this.dirty.push(connection);
    if (this.isFlushScheduled) return;
    this.isFlushScheduled = true;
    this.timers.endOfTurn(this.queueFlush);
  }

  /** Behind everything that was scheduled for the end of this turn before: answers made there leave in the same flush. */
  private readonly queueFlush = (): void => this.timers.endOfTurn(this.flush);

  private readonly flush = (): void => {
    this.isFlushScheduled = false;
    const { dirty } = this;
    this.dirty = [];
    for (const connection of dirty) connection.flush();
  };

  connectionClosed(connection: Connection): void {
    this.connections.delete(connection);
    this.settle();
  }

  // ---- time ----

  private tick(): void {
    this.readClock();
    const { nowMs } = this;
    for (const acceptance of this.undecided) {
      if (nowMs - acceptance.sinceMs >= prefaceTimeoutMs) acceptance.destroy();
    }
    for (const connection of this.connections) connection.tick(nowMs);
    if (nowMs - this.shutdownSinceMs >= shutdownGraceMs) {
      for (const connection of this.connections) connection.destroy();
    }
  }

  shutdown(): Promise<void> {
    this.readClock();
    if (this.shutdownSinceMs === Infinity) {
      this.shutdownSinceMs = this.nowMs;
      for (const acceptance of this.undecided) acceptance.destroy();
      for (const connection of this.connections) connection.shutdown();
    }
    return new Promise((resolve) => {
      this.onEmpty.push(resolve);
      this.settle();
    });
  }

  private settle(): void {
    if (this.size > 0) return;
    this.ticking?.cancel();
    this.ticking = null;
    const waiting = this.onEmpty;
    this.onEmpty = [];
    for (const done of waiting) done();
  }
}
