/** Where finished lines go. */

/** pino's numbers, which outputs may need of a line. */
export const levelNumbers = { debug: 20, info: 30, warn: 40, error: 50 } as const;

export interface LineOutput {
  /** Takes a line, with its line break, and keeps it until `send`. */
  add(line: string, level: number): void;
  /** Writes what it holds, in order and without waiting for a reader. Never throws. */
  send(): void;
  /** As `send`, and waits a bounded time for a reader that is slow: for the end of the process. */
  flush(): void;
  /** Flushes and gives its file free. No line comes after it. */
  close(): Promise<void>;
}

/** What an output tells when lines cannot be written, and when they can again. */
export interface OutputTroubles {
  /** The first line of a series could not be written to `output`. */
  failed(output: string, error: unknown): void;
  /** Lines are written again; so many are missing. */
  recovered(output: string, lostLines: number): void;
}

const lineBreak = 10;

export function countLines(bytes: Uint8Array): number {
  let lines = 0;
  for (const byte of bytes) if (byte === lineBreak) lines += 1;
  return lines;
}
