/**
 * All connections of a server: flushes those with output once at the end of the turn, and ticks all of them on one coarse
 * timer. The timer runs only while there are connections.
 */
import type { ByteSocket, Clock, Logger, Timer, Timers } from "../lib/ports.ts";
import { Acceptance, type AcceptanceHost } from "./accept.ts";
import { Connection, type ConnectionHost } from "./connection.ts";
import { type KeepaliveOptions, type KeepaliveTimes, keepaliveTimes } from "./keepalive.ts";
import { prefaceTimeoutMs, shutdownGraceMs, tickMs } from "./limits.ts";
import { MemoryBudget, type MemoryLimits } from "./memory-budget.ts";
import type { Traffic } from "./outlet.ts";
import { BufferPool } from "./output-buffer.ts";
import { PacedSocket } from "./paced-socket.ts";
import type { PlainHandler } from "./plain-request.ts";
import type { Routes } from "./route.ts";
import { SlowCalls } from "./slow-calls.ts";
import { StrangerLog } from "./stranger-log.ts";

export interface ConnectionSetOptions extends KeepaliveOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly routes: Routes;
  /** Bytes of one request message. */
  readonly receiveMessageBytesMax: number;
  /** Per connection, as SETTINGS_MAX_CONCURRENT_STREAMS tells the client. */
  readonly maxConcurrentStreams: number;
  /** What all connections may keep in memory; limits.ts where it is left out. */
  readonly memoryLimits?: MemoryLimits | undefined;
  /** Unary calls that take longer are told in the log; none when not given. */
  readonly warnUnaryRequestMs?: number | undefined;
}

export type OtherProtocol = (socket: ByteSocket, unread: Uint8Array) => void;

export class ConnectionSet implements ConnectionHost, AcceptanceHost {
  readonly logger: Logger;
  readonly routes: Routes;
  readonly pool = new BufferPool();
  readonly memory: MemoryBudget;
  readonly keepalive: KeepaliveTimes;
  readonly traffic: Traffic = { received: 0, sent: 0 };
  readonly slowCalls: SlowCalls;
  readonly receiveMessageBytesMax: number;
  readonly maxConcurrentStreams: number;
  nowMs: number;
  /** Of the event loop, as far as we had something to send in it. */
  turn = 0;
  otherProtocol: OtherProtocol = (socket) => socket.destroy();
  plainHandler: PlainHandler | null = null;

  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly strangers: StrangerLog;
  private readonly undecided = new Set<Acceptance>();
  private readonly connections = new Set<Connection>();
  private dirty: Connection[] = [];
  private isFlushScheduled = false;
  private ticking: Timer | null = null;
  private shutdownSinceMs = Infinity;
  private onEmpty: (() => void)[] = [];

  constructor(options: ConnectionSetOptions) {
    this.clock = options.clock;
    this.strangers = new StrangerLog(options);
    this.timers = options.timers;
    this.slowCalls = new SlowCalls(options.warnUnaryRequestMs ?? Infinity, options);
    this.logger = options.logger;
    this.routes = options.routes;
    this.receiveMessageBytesMax = options.receiveMessageBytesMax;
    this.maxConcurrentStreams = options.maxConcurrentStreams;
    this.memory = new MemoryBudget(options.memoryLimits);
    this.keepalive = keepaliveTimes(options);
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
    this.undecided.add(
      new Acceptance(this, new PacedSocket(socket, this.timers, this), this.nowMs),
    );
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

  rejected(socket: ByteSocket, firstBytes: Uint8Array): void {
    this.strangers.rejected(socket.remoteAddress, firstBytes);
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
    this.turn++;
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
    this.endHoards();
    if (nowMs - this.shutdownSinceMs >= shutdownGraceMs) {
      for (const connection of this.connections) connection.destroy();
    }
  }

  /** All connections together keep too much: those that keep most are the cause. */
  private endHoards(): void {
    while (this.memory.isExceeded) {
      let largest: Connection | null = null;
      for (const connection of this.connections) {
        if (largest === null || connection.heldBytes > largest.heldBytes) largest = connection;
      }
      if (largest === null || !this.memory.isHoard(largest.heldBytes)) return;
      largest.endHoard();
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
