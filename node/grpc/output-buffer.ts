/**
 * What a connection has to say, gathered until its flush. The memory comes from a pool of the server's and goes back
 * when the socket took everything, so idle connections hold none.
 */
import { flushBytes } from "./limits.ts";

const pooledBytes = 65_536;
const pooledMax = 64;
/**
 * What gathers until it is flushed early, and what may come on top: a turn that says much to many connections uses a few of these one after
 * the other. Memory fresh from the system costs more than filling it: its pages have to be mapped and cleared first.
 */
const largeBytes = 2 * flushBytes;
const largeMax = 4;
const nothing: Buffer = Buffer.alloc(0);

export class BufferPool {
  private readonly free: Buffer[] = [];
  private readonly freeLarge: Buffer[] = [];

  /** Of at least `count` bytes. */
  take(count: number): Buffer {
    if (count <= pooledBytes) return this.free.pop() ?? Buffer.allocUnsafeSlow(pooledBytes);
    if (count <= largeBytes) return this.freeLarge.pop() ?? Buffer.allocUnsafeSlow(largeBytes);
    return Buffer.allocUnsafeSlow(count);
  }

  /** Those of other sizes, and more than a few, are left to the garbage collector. */
  giveBack(buffer: Buffer): void {
    if (buffer.length === pooledBytes) {
      if (this.free.length < pooledMax) this.free.push(buffer);
    } else if (buffer.length === largeBytes && this.freeLarge.length < largeMax)
      this.freeLarge.push(buffer);
  }
}

export class OutputBuffer {
  bytes: Buffer = nothing;
  length = 0;
  private readonly pool: BufferPool;

  constructor(pool: BufferPool) {
    this.pool = pool;
  }

  /** Makes room for `count` bytes and returns where they go; the caller fills all of them. */
  reserve(count: number): number {
    const at = this.length;
    const end = at + count;
    if (end > this.bytes.length) this.grow(end);
    this.length = end;
    return at;
  }

  private grow(end: number): void {
    const old = this.bytes;
    this.bytes = this.pool.take(end <= largeBytes ? end : Math.max(end, old.length * 2));
    if (this.length === 0) return;
    old.copy(this.bytes, 0, 0, Math.min(this.length, old.length));
    this.pool.giveBack(old);
  }

  /** The socket has copied or sent everything. */
  reset(): void {
    this.pool.giveBack(this.bytes);
    this.abandon();
  }

  /** The socket keeps the memory: it is not ours any more. */
  abandon(): void {
    this.bytes = nothing;
    this.length = 0;
  }
}
