/**
 * A socket whose data come in portions: above limits.ts `readBytesPerTurn` it rests until the turn is over, so that one client that
 * sends much does not keep the loop from all others. Everything else is the socket's own.
 */
import type { ByteSocket, Timers } from "../lib/ports.ts";
import { readBytesPerTurn } from "./limits.ts";

/** Moves at the end of a turn in which something was sent; in between a portion may stretch over turns, which does no harm. */
export interface TurnCount {
  readonly turn: number;
}

export class PacedSocket implements ByteSocket {
  readonly remoteAddress: string;
  readonly isSecure: boolean;
  private readonly socket: ByteSocket;
  private readonly timers: Timers;
  private readonly count: TurnCount;
  private turn = 0;
  private bytesThisTurn = 0;
  private isResting = false;
  /** The transport does not want to read: it goes before our resting. */
  private isPaused = false;

  constructor(socket: ByteSocket, timers: Timers, count: TurnCount) {
    this.socket = socket;
    this.timers = timers;
    this.count = count;
    this.remoteAddress = socket.remoteAddress;
    this.isSecure = socket.isSecure === true;
  }

  onData(handler: (chunk: Uint8Array) => void): void {
    this.socket.onData((chunk) => {
      this.pace(chunk.length);
      handler(chunk);
    });
  }

  private pace(bytes: number): void {
    if (this.turn !== this.count.turn) {
      this.turn = this.count.turn;
      this.bytesThisTurn = 0;
    }
    this.bytesThisTurn += bytes;
    if (this.bytesThisTurn < readBytesPerTurn || this.isResting) return;
    this.isResting = true;
    this.socket.pause();
    this.timers.endOfTurn(() => this.goOn());
  }

  private goOn(): void {
    this.isResting = false;
    this.bytesThisTurn = 0;
    if (!this.isPaused) this.socket.resume();
  }

  pause(): void {
    this.isPaused = true;
    this.socket.pause();
  }

  resume(): void {
    this.isPaused = false;
    if (!this.isResting) this.socket.resume();
  }

  onClose(handler: () => void): void {
    this.socket.onClose(handler);
  }

  onDrain(handler: () => void): void {
    this.socket.onDrain(handler);
  }

  write(bytes: Uint8Array): boolean {
    return this.socket.write(bytes);
  }

  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  detach(unread: Uint8Array): unknown {
    return this.socket.detach(unread);
  }
}
