/**
 * The way out of a connection: the buffer that gathers a turn's output, the replies that wait for windows, and the socket
 * that may be slow. A blocked socket gets nothing until it drained; meanwhile the buffer grows, and above a limit the
 * connection's requests are not read.
 */
import type { ByteSocket } from "../lib/ports.ts";
import type { Call } from "./call.ts";
import { blockedOutputBytesMax, flushBytes } from "./limits.ts";
import type { MemoryBudget } from "./memory-budget.ts";
import { type BufferPool, OutputBuffer } from "./output-buffer.ts";
import { SendFlow } from "./send-flow.ts";

/** Bytes that went through the sockets of a server's HTTP/2 connections, after TLS where there is any. */
export interface Traffic {
  received: number;
  sent: number;
}

/** What it shares with the other connections of the server. */
export interface OutletHost {
  readonly pool: BufferPool;
  readonly memory: MemoryBudget;
  readonly traffic: Traffic;
}

export class Outlet {
  readonly out: OutputBuffer;
  readonly flow: SendFlow;
  /** The socket keeps our last write. */
  isBlocked = false;
  private isPaused = false;
  private readonly socket: ByteSocket;
  private readonly traffic: Traffic;

  constructor(socket: ByteSocket, host: OutletHost, replyEnded: (call: Call) => void) {
    this.socket = socket;
    this.traffic = host.traffic;
    this.out = new OutputBuffer(host.pool);
    this.flow = new SendFlow(this.out, host.memory, replyEnded);
  }

  /** Within a turn: what is worth a write of its own leaves early. */
  flushIfLarge(): void {
    if (this.out.length >= flushBytes) this.flush();
  }

  /** Writes everything, and what the queue can send after it, unless the socket is or becomes blocked: false. */
  flush(): boolean {
    const { out, socket } = this;
    while (!this.isBlocked && out.length > 0) {
      this.traffic.sent += out.length;
      if (socket.write(out.bytes.subarray(0, out.length))) {
        out.reset();
        this.flow.pump();
      } else {
        out.abandon();
        this.isBlocked = true;
      }
    }
    if (this.isBlocked && !this.isPaused && this.unsentBytes > blockedOutputBytesMax) {
      this.isPaused = true;
      socket.pause();
    }
    return !this.isBlocked;
  }

  private get unsentBytes(): number {
    return this.out.length + this.flow.queuedBytes;
  }

  drained(): void {
    this.isBlocked = false;
    this.flow.pump();
    const isFree = this.flush();
    // Replies may wait for windows rather than for the socket, and only reading brings those.
    if (this.isPaused && (isFree || this.unsentBytes < blockedOutputBytesMax / 2)) {
      this.isPaused = false;
      this.socket.resume();
    }
  }
}
