/**
 * The ports: everything that touches time, luck, disk or network reaches the member through one of these interfaces,
 * because the simulator replaces all of them (DESIGN section 4, decision 9). `lib/platform/` holds the real ones.
 */

/** Monotonic time drives every rule; wall-clock time is for people and request ids only. */
export interface Clock {
  /** Monotonic milliseconds with a fraction; never goes back, says nothing about the date. */
  monotonicMs(): number;
  /** Milliseconds since the Unix epoch; may jump. */
  unixMs(): number;
}

export interface Timer {
  cancel(): void;
}

export interface Timers {
  after(delayMs: number, run: () => void): Timer;
  every(periodMs: number, run: () => void): Timer;
  /**
   * Runs `run` once at the end of the current event-loop turn, after all I/O callbacks that are due. Functions that are
   * added while the end of the turn runs still run in it, in the order they were added. Callers keep their own
   * "already scheduled" flag.
   */
  endOfTurn(run: () => void): void;
}

export interface Random {
  /** A uniform unsigned 32-bit integer. */
  uint32(): number;
}

/** A file opened for reading and plain writing. Written bytes may be lost in a crash until `datasync` resolves. */
export interface File {
  /** Up to `length` bytes from `position`; shorter only at the end of the file. */
  read(position: number, length: number): Promise<Uint8Array>;
  write(bytes: Uint8Array, position: number): Promise<void>;
  truncate(length: number): Promise<void>;
  size(): Promise<number>;
  datasync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * A file whose every write is on stable storage when its callback runs: the log's one door to the disk.
 * At most one write is in flight. An error is final: the caller stops the member and never retries.
 */
export interface DurableFile {
  /** Writes `bytes[0, length)` at `position`. `bytes` must stay untouched until `done` runs. */
  write(
    bytes: Uint8Array,
    length: number,
    position: number,
    done: (error: Error | null) => void,
  ): void;
  close(): Promise<void>;
}

/** An exclusive lock on a file, held until it is released or the process ends. */
export interface FileLock {
  release(): Promise<void>;
}

/** Paths are joined with "/". Missing files reject with an error whose `code` is "ENOENT". */
export interface Fs {
  /** Creates a directory and its parents with mode 0700; an existing one is fine. */
  makeDir(path: string): Promise<void>;
  /** Names in a directory, sorted by code unit. */
  readDir(path: string): Promise<string[]>;
  exists(path: string): Promise<boolean>;
  readFile(path: string): Promise<Uint8Array>;
  /** `create` fails when the file exists; `readWrite` and `read` fail when it does not. New files have mode 0600. */
  open(path: string, mode: "read" | "readWrite" | "create"): Promise<File>;
  openDurable(path: string): Promise<DurableFile>;
  /**
   * Takes the exclusive lock on an existing file, of the kind that etcd takes (fileutil.TryLockFile), so that the two keep each other
   * out. Undefined when somebody holds it already, another process or this one. It stays with the file when that is renamed.
   */
  tryLock(path: string): Promise<FileLock | undefined>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a directory that is empty: others reject with "ENOTEMPTY". */
  remove(path: string): Promise<void>;
  /** Makes creations, renames and removals in this directory durable. */
  syncDir(path: string): Promise<void>;
}

/** One accepted connection, as bytes. Handlers are set once, right after acceptance. */
export interface ByteSocket {
  readonly remoteAddress: string;
  /** It runs over TLS; where it is left out it does not. */
  readonly isSecure?: boolean;
  /** `chunk` belongs to the socket again when the handler returns: copy what must live longer. */
  onData(handler: (chunk: Uint8Array) => void): void;
  /** Runs once when the connection is over, whoever ended it; no data comes after it. */
  onClose(handler: () => void): void;
  /** Runs when all bytes that `write` had kept are on their way. */
  onDrain(handler: () => void): void;
  /**
   * Sends bytes. True: all were taken at once and the buffer may be reused. False: the buffer is kept by reference
   * until `onDrain` runs, and the caller should send little until then.
   */
  write(bytes: Uint8Array): boolean;
  pause(): void;
  resume(): void;
  /** Sends what is still kept, then closes. */
  end(): void;
  destroy(): void;
  /**
   * Gives the connection to another protocol: no handler of ours runs any more, `unread` is put back in front, and the
   * platform's own socket object is returned (undefined where there is none, as in the simulator).
   */
  detach(unread: Uint8Array): unknown;
}

export interface Listener {
  /** The address bound, with the real port when 0 was asked for. */
  readonly address: { readonly host: string; readonly port: number };
  /** Stops accepting; open connections live on. */
  close(): Promise<void>;
}

export interface Net {
  listen(
    address: { readonly host: string; readonly port: number },
    onConnection: (socket: ByteSocket) => void,
  ): Promise<Listener>;
}

export type LogFields = Readonly<Record<string, unknown>>;

/** Messages are constant texts; what varies stands in the fields (etcd's zap JSON keys). */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}
