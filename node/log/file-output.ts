/**
 * A log file: created for its owner alone, appended, rotated on request. Writes are synchronous, one for all lines of a turn, into the page cache; nothing is synced.
 * What cannot be written is lost and counted, and the member lives on.
 */
import { closeSync, fstatSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { countLines, type LineOutput, type OutputTroubles } from "./line-output.ts";
import { OldFiles } from "./old-files.ts";
import type { LogRotation } from "./settings.ts";

const bytesPerMebibyte = 1024 * 1024;
const fileMode = 0o600;
/** As lumberjack makes directories. */
const dirMode = 0o755;

export interface FileOutputOptions {
  readonly path: string;
  readonly rotation: LogRotation | undefined;
  readonly unixMs: () => number;
  readonly troubles: OutputTroubles;
}

export class FileOutput implements LineOutput {
  private readonly options: FileOutputOptions;
  private readonly oldFiles: OldFiles | undefined;
  private readonly bytesMax: number;
  private fd: number;
  private bytes: number;
  private lines: string[] = [];
  /** Of this series of failures it was told. */
  private isBroken = false;
  private lostLines = 0;
  private isRotationBroken = false;
  private isAtLineStart = true;

  /** Throws when the file cannot be opened. With rotation a missing directory is made, as by lumberjack. */
  constructor(options: FileOutputOptions) {
    this.options = options;
    const { path, rotation, unixMs } = options;
    this.bytesMax = (rotation?.maxSizeMegabytes ?? Infinity) * bytesPerMebibyte;
    try {
      if (rotation !== undefined) mkdirSync(dirname(path), { recursive: true, mode: dirMode });
      this.fd = openSync(path, "a", fileMode);
      this.bytes = fstatSync(this.fd).size;
    } catch (error) {
      throw new Error(`--log-outputs: cannot open ${path}`, { cause: error });
    }
    if (rotation !== undefined) this.oldFiles = new OldFiles(path, rotation, unixMs);
    this.oldFiles?.tidy();
  }

  add(line: string): void {
    this.lines.push(line);
  }

  send(): void {
    const { lines } = this;
    this.lines = [];
    let batch: string[] = [];
    let batchBytes = 0;
    for (const line of lines) {
      const lineBytes = Buffer.byteLength(line);
      const isFull = this.bytes + batchBytes + lineBytes > this.bytesMax;
      if (isFull && this.bytes + batchBytes > 0) {
        this.write(batch);
        this.rotate();
        batch = [];
        batchBytes = 0;
      }
      batch.push(line);
      batchBytes += lineBytes;
    }
    this.write(batch);
  }

  flush(): void {
    this.send();
  }

  async close(): Promise<void> {
    this.send();
    closeSync(this.fd);
    await this.oldFiles?.idle();
  }

  private write(batch: readonly string[]): void {
    if (batch.length === 0) return;
    const text = batch.join("");
    const bytes = Buffer.from(this.isAtLineStart ? text : `\n${text}`);
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(this.fd, bytes, written);
      this.tellLost();
    } catch (error) {
      this.failed(error, countLines(bytes.subarray(written)));
    }
    this.bytes += written;
    // A disk that is full took perhaps half a line.
    if (written > 0) this.isAtLineStart = bytes[written - 1] === 10;
  }

  private failed(error: unknown, lostLines: number): void {
    this.lostLines += lostLines;
    if (!this.isBroken) this.options.troubles.failed(this.options.path, error);
    this.isBroken = true;
  }

  private tellLost(): void {
    if (!this.isBroken) return;
    const { lostLines } = this;
    this.isBroken = false;
    this.lostLines = 0;
    this.options.troubles.recovered(this.options.path, lostLines);
  }

  /** When it fails, lines go on into the file that is open, and the next line tries again. */
  private rotate(): void {
    const { path } = this.options;
    try {
      const { mode } = fstatSync(this.fd);
      this.oldFiles?.setAside();
      const fd = openSync(path, "a", mode & 0o777);
      closeSync(this.fd);
      this.fd = fd;
      this.bytes = fstatSync(fd).size;
      this.isAtLineStart = true;
      this.oldFiles?.tidy();
      this.isRotationBroken = false;
    } catch (error) {
      if (!this.isRotationBroken) this.options.troubles.failed(path, error);
      this.isRotationBroken = true;
    }
  }
}
