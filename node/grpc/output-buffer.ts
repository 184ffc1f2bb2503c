/**
 * What a connection has to say, gathered until its flush. The memory comes from a pool of the server's and goes back
 * when the socket took everything, so idle connections hold none.
 */

const pooledBytes = 65_536;
const pooledMax = 64;
const nothing: Buffer = Buffer.alloc(0);

export class BufferPool {
  private readonly free: Buffer[] = [];

  take(): Buffer {
    return this.free.pop() ?? Buffer.allocUnsafeSlow(pooledBytes);
  }

  /** Buffers that grew are left to the garbage collector. */
  giveBack(buffer: Buffer): void {
    if (buffer.length === pooledBytes && this.free.length < pooledMax) this.free.push(buffer);
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
    const fitsPooled = old.length === 0 && end <= pooledBytes;
    this.bytes = fitsPooled
      ? this.pool.take()
      : Buffer.allocUnsafeSlow(Math.max(end, old.length * 2, pooledBytes));
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
