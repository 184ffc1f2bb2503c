/**
 * Standard error and standard output. Writes are synchronous, so that order is kept and a crash loses nothing that was sent, yet a reader that stands
 * still must not stop the member: a pipe is opened anew as non-blocking (the flag belongs to the opened description: the one that we were given may be shared with
 * other processes), and what it does not take waits here, bounded. pino's own destination would sleep 100 ms on the event loop
 * for each refusal, and sync the file in each flush.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import { countLines, type LineOutput, type OutputTroubles } from "./line-output.ts";

const waitingBytesMax = 4 * 1024 * 1024;
const retryMs = 10;
/** How long the end of the process waits for a reader. */
const flushMsMax = 1_000;

export class StreamOutput implements LineOutput {
  private readonly name: string;
  private readonly fd: number;
  private readonly isOwnFd: boolean;
  private readonly troubles: OutputTroubles;
  private readonly prefix: (level: number) => string;
  private lines: string[] = [];
  private waiting: Buffer[] = [];
  private waitingBytes = 0;
  private retry: NodeJS.Timeout | undefined;
  /** Of this series of failures it was told. */
  private isBroken = false;
  private lostLines = 0;

  constructor(
    stream: { readonly name: string; readonly fd: number },
    troubles: OutputTroubles,
    prefix: (level: number) => string = () => "",
  ) {
    this.name = stream.name;
    this.troubles = troubles;
    this.prefix = prefix;
    const ownFd = nonBlockingTwin(stream.fd);
    this.isOwnFd = ownFd !== undefined;
    this.fd = ownFd ?? stream.fd;
  }

  add(line: string, level: number): void {
    this.lines.push(`${this.prefix(level)}${line}`);
  }

  send(): void {
    this.gather();
    if (this.retry === undefined) this.writeWaiting();
  }

  flush(): void {
    this.gather();
    for (let waitedMs = 0; !this.writeWaiting() && waitedMs < flushMsMax; waitedMs += retryMs) {
      sleep(retryMs);
    }
  }

  async close(): Promise<void> {
    this.flush();
    clearTimeout(this.retry);
    if (this.isOwnFd) closeSync(this.fd);
  }

  private gather(): void {
    if (this.lines.length === 0) return;
    const bytes = Buffer.from(this.lines.join(""));
    if (this.waitingBytes + bytes.length > waitingBytesMax) {
      this.lostLines += this.lines.length;
    } else {
      this.waiting.push(bytes);
      this.waitingBytes += bytes.length;
    }
    this.lines = [];
  }

  /** False when something waits for the reader. */
  private writeWaiting(): boolean {
    clearTimeout(this.retry);
    this.retry = undefined;
    try {
      for (let head = this.waiting[0]; head !== undefined; head = this.waiting[0]) {
        const written = writeSync(this.fd, head);
        this.waitingBytes -= written;
        if (written === head.length) this.waiting.shift();
        else this.waiting[0] = head.subarray(written);
      }
    } catch (error) {
      if (isRefusal(error)) {
        // It must not keep a process that has nothing else to do: the flush at its end comes in any case.
        this.retry = setTimeout(() => this.writeWaiting(), retryMs).unref();
        return false;
      }
      this.lose(error);
      return true;
    }
    this.tellLost();
    return true;
  }

  /** The reader has gone, or the file that stands behind the stream is full. */
  private lose(error: unknown): void {
    if (!this.isBroken) this.troubles.failed(this.name, error);
    this.isBroken = true;
    for (const bytes of this.waiting) this.lostLines += countLines(bytes);
    this.waiting = [];
    this.waitingBytes = 0;
  }

  private tellLost(): void {
    if (this.lostLines === 0) return;
    const { lostLines } = this;
    this.lostLines = 0;
    this.isBroken = false;
    this.troubles.recovered(this.name, lostLines);
  }
}

/** Another description of the same pipe. Undefined where that does not exist or is not allowed, and where none is needed. */
function nonBlockingTwin(fd: number): number | undefined {
  try {
    if (!fstatSync(fd).isFIFO()) return undefined;
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

const isRefusal = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "EAGAIN";

const sleeper = new Int32Array(new SharedArrayBuffer(4));
const sleep = (ms: number): void => void Atomics.wait(sleeper, 0, 0, ms);
