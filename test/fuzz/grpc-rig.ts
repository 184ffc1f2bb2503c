/**
 * A gRPC server over one socket in memory, with time that stands still unless it is moved. What the server says is read by
 * a parser of our own frames and header blocks, since a server that is fed nonsense must still speak HTTP/2.
 */
import { frameHeaderBytes, frameType, readUint24 } from "../../node/grpc/frame.ts";
import { HpackDecoder } from "../../node/grpc/hpack-decoder.ts";
import { GrpcServer } from "../../node/grpc/server.ts";
import type { ByteSocket, Clock, Logger, Timer, Timers } from "../../node/lib/ports.ts";
import { invariant } from "./target.ts";

const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };

interface Due {
  dueMs: number;
  readonly periodMs: number;
  readonly run: () => void;
}

/** More functions at the end of one turn than a server can have reason for. */
const turnStepsMax = 100_000;

class RigTimers implements Timers {
  nowMs = 1_000;
  readonly clock: Clock = { monotonicMs: () => this.nowMs, unixMs: () => 1_700_000_000_000 };
  private turn: (() => void)[] = [];
  private readonly due = new Set<Due>();

  after(delayMs: number, run: () => void): Timer {
    return this.add({ dueMs: this.nowMs + delayMs, periodMs: 0, run });
  }

  every(periodMs: number, run: () => void): Timer {
    return this.add({ dueMs: this.nowMs + periodMs, periodMs, run });
  }

  endOfTurn(run: () => void): void {
    this.turn.push(run);
  }

  endTurn(): void {
    for (let at = 0; at < this.turn.length; at++) {
      invariant(at < turnStepsMax, "a turn does not end");
      this.turn[at]?.();
    }
    this.turn = [];
  }

  /** Moves time in one step, as after a stall: each timer runs once. */
  advance(ms: number): void {
    this.nowMs += ms;
    for (const entry of [...this.due]) {
      if (entry.dueMs > this.nowMs || !this.due.has(entry)) continue;
      if (entry.periodMs === 0) this.due.delete(entry);
      else entry.dueMs = this.nowMs + entry.periodMs;
      entry.run();
      this.endTurn();
    }
  }

  private add(entry: Due): Timer {
    this.due.add(entry);
    return { cancel: () => this.due.delete(entry) };
  }
}

class RigSocket implements ByteSocket {
  readonly remoteAddress = "10.0.0.1:4000";
  readonly output: Buffer[] = [];
  outputBytes = 0;
  takesAll = true;
  isEnded = false;
  isClosed = false;
  isPaused = false;
  private dataHandler: (chunk: Uint8Array) => void = () => {};
  private closeHandler: () => void = () => {};
  private drainHandler: () => void = () => {};

  onData(handler: (chunk: Uint8Array) => void): void {
    this.dataHandler = handler;
  }
  onClose(handler: () => void): void {
    this.closeHandler = handler;
  }
  onDrain(handler: () => void): void {
    this.drainHandler = handler;
  }
  write(bytes: Uint8Array): boolean {
    invariant(!this.isClosed, "a write to a closed socket");
    this.output.push(Buffer.from(bytes));
    this.outputBytes += bytes.length;
    return this.takesAll;
  }
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
  end(): void {
    this.isEnded = true;
  }
  destroy(): void {
    this.close();
  }
  detach(): undefined {}

  /** As the platform does: the chunk is overwritten when the handler returns. */
  receive(bytes: Uint8Array): void {
    const chunk = Buffer.from(bytes);
    this.dataHandler(chunk);
    chunk.fill(0xee);
  }
  drain(): void {
    this.takesAll = true;
    this.drainHandler();
  }
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.closeHandler();
  }
}

export const rigMessageBytesMax = 8_192;
const rigStreamsMax = 6;

export class GrpcRig {
  readonly timers = new RigTimers();
  readonly socket = new RigSocket();
  readonly server: GrpcServer;

  constructor() {
    this.server = new GrpcServer({
      clock: this.timers.clock,
      timers: this.timers,
      logger: quiet,
      receiveMessageBytesMax: rigMessageBytesMax,
      maxConcurrentStreams: rigStreamsMax,
    });
  }

  connect(): void {
    this.server.serve(this.socket);
  }

  /** One chunk and the end of its turn. A socket that was ended or closed hears nothing more. */
  send(bytes: Uint8Array): void {
    if (this.socket.isClosed) return;
    this.socket.receive(bytes);
    this.timers.endTurn();
  }

  /** The client goes; nothing may be left of it. */
  hangUp(): void {
    this.socket.close();
    this.timers.endTurn();
    invariant(this.server.openConnections === 0, "the connection is still counted after its end");
  }

  /** How many frames of each type were said; throws when the output is no HTTP/2. */
  checkOutput(): ReadonlyMap<number, number> {
    const bytes = Buffer.concat(this.socket.output);
    const decoder = new HpackDecoder(4_096);
    const frames = new Map<number, number>();
    let at = 0;
    while (at < bytes.length) {
      invariant(at + frameHeaderBytes <= bytes.length, "the output ends within a frame's header");
      const end = at + frameHeaderBytes + readUint24(bytes, at);
      invariant(end <= bytes.length, "the output ends within a frame");
      const type = bytes[at + 3] as number;
      if (type === frameType.headers)
        decoder.decode(bytes, at + frameHeaderBytes, end, { add() {} });
      frames.set(type, (frames.get(type) ?? 0) + 1);
      at = end;
    }
    return frames;
  }
}
