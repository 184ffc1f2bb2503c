/** The database that another member sends, while it comes in and while it is read: a file of its own, or bytes in memory. */
import { cloneBytes } from "../../lib/bytes.ts";
import { diskError } from "../../lib/disk-error.ts";
import type { File, Fs } from "../../lib/ports.ts";
import type { PageSource } from "./page-source.ts";

export interface ReceivedFile extends PageSource {
  /** Adds `chunk`, which is the caller's again when it resolves. Rejects with DiskError. */
  append(chunk: Uint8Array): Promise<void>;
  /** Closes and removes it. Twice is fine. */
  remove(): Promise<void>;
}

export class ReceivedBytes implements ReceivedFile {
  size = 0;
  private chunks: Uint8Array[] = [];
  private whole: Uint8Array | undefined;

  async append(chunk: Uint8Array): Promise<void> {
    this.chunks.push(cloneBytes(chunk));
    this.size += chunk.length;
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    if (this.whole === undefined || this.whole.length < this.size) {
      this.whole = Buffer.concat(this.chunks);
      this.chunks = [this.whole];
    }
    return this.whole.subarray(position, position + length);
  }

  async remove(): Promise<void> {
    this.chunks = [];
    this.whole = undefined;
    this.size = 0;
  }
}

/** Not synced: it is worth nothing after a crash, which the next start removes it for. */
export class FileOnDisk implements ReceivedFile {
  size = 0;
  private readonly fs: Fs;
  private readonly path: string;
  private file: File | undefined;

  private constructor(fs: Fs, path: string, file: File) {
    this.fs = fs;
    this.path = path;
    this.file = file;
  }

  /** Rejects with what the file system rejects with. */
  static async create(fs: Fs, path: string): Promise<FileOnDisk> {
    return new FileOnDisk(fs, path, await fs.open(path, "create"));
  }

  async append(chunk: Uint8Array): Promise<void> {
    await this.using("write", (file) => file.write(chunk, this.size));
    this.size += chunk.length;
  }

  read(position: number, length: number): Promise<Uint8Array> {
    return this.using("read", (file) => file.read(position, length));
  }

  async remove(): Promise<void> {
    const { file } = this;
    if (file === undefined) return;
    this.file = undefined;
    await file.close();
    await this.fs.remove(this.path);
  }

  private async using<Result>(what: string, act: (file: File) => Promise<Result>): Promise<Result> {
    if (this.file === undefined) throw new Error(`${this.path} is closed`);
    try {
      return await act(this.file);
    } catch (error) {
      throw diskError(`cannot ${what} ${this.path}, a state from another member`, error);
    }
  }
}
