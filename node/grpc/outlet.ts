/**
 * The way out of a connection: the buffer that gathers a turn's output, the replies that wait for windows, and the socket
 * that may be slow. A blocked socket gets nothing until it drained; meanwhile the buffer grows, and above a limit the
 * connection's requests are not read.
 */
import type { ByteSocket } from "../lib/ports.ts";
import type { Call } from "./call.ts";
import { blockedOutputBytesMax, flushBytes } from "./limits.ts";
import { type BufferPool, OutputBuffer } from "./output-buffer.ts";
import { SendFlow } from "./send-flow.ts";

export class Outlet {
  readonly out: OutputBuffer;
  readonly flow: SendFlow;
  /** The socket keeps our last write. */
  isBlocked = false;
  private isPaused = false;
  private readonly socket: ByteSocket;

  constructor(socket: ByteSocket, pool: BufferPool, replyEnded: (call: Call) => void) {
    this.socket = socket;
    this.out = new OutputBuffer(pool);
    this.flow = new SendFlow(this.out, replyEnded);
  }

  /** Within a turn: what is worth a write of its own leaves early. */
  flushIfLarge(): void {
    if (this.out.length >= flushBytes) this.flush();
  }

  /** Writes everything, and what the queue can send after it, unless the socket is or becomes blocked: false. */
  flush(): boolean {
    const { out, socket } = this;
    while (!this.isBlocked && out.length > 0) {
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
