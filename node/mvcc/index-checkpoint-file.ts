/**
 * The file of an index checkpoint: a header that says what the state belongs to, then the memory of the index as it is. Every bit
 * is covered by a sum; whatever is not exactly what was written is not used. Numbers are little-endian, as the memory is.
 *
 *   0               8              12                   16
 *   | "etcdtsIX"    | version u32  | header length u32  | header JSON | crc u32 over all before |
 *   | buffer | buffer | ...                      as the header lists them
 *   | crc u32 of each buffer | crc u32 over these |
 *
 * The file lies under its name only when it was written whole. It holds keys, and the secret of the key hash.
 */
import { emptyBytes, fromText, toText } from "../lib/bytes.ts";
import { crc32c } from "../lib/crc32c.ts";
import { makeDirDurable, parentDir } from "../lib/durable-dir.ts";
import type { File, Fs } from "../lib/ports.ts";
import type { IndexImage } from "./index-image.ts";

/** To be raised with every change of what a part of the index keeps in its memory; test/unit/mvcc/index-checkpoint.test.ts notices. */
export const indexCheckpointVersion = 2;

const magic = "etcdtsIX";
const prefixBytes = 16;
const blockBytes = 4 << 20;
/** A header of 5,000,000 keys has some 100 KB. */
const headerBytesMax = 256 << 20;

export type IndexImages = Readonly<Record<string, IndexImage>>;

interface Header {
  /** What the state belongs to. */
  readonly identity: string;
  readonly parts: Readonly<
    Record<string, { readonly numbers: readonly number[]; readonly lengths: readonly number[] }>
  >;
}

/** Writes the file in place of an older one and returns its length. What lies in `images` must not change meanwhile. */
export async function writeCheckpointFile(
  fs: Fs,
  path: string,
  identity: string,
  images: IndexImages,
): Promise<number> {
  const temporary = `${path}.tmp`;
  await makeDirDurable(fs, parentDir(path));
  // An older checkpoint is of no use any more, and there may be no room for both.
  for (const old of [path, temporary]) if (await fs.exists(old)) await fs.remove(old);
  const file = await fs.open(temporary, "create");
  let length: number;
  try {
    length = await writeAll(file, encodeHeader(identity, images), images);
    await file.datasync();
  } catch (error) {
    await file.close();
    await fs.remove(temporary);
    throw error;
  }
  await file.close();
  await fs.rename(temporary, path);
  await fs.syncDir(parentDir(path));
  return length;
}

async function writeAll(file: File, header: Uint8Array, images: IndexImages): Promise<number> {
  const buffers = Object.values(images).flatMap((image) => image.buffers);
  const sums = new Uint32Array(buffers.length);
  await file.write(header, 0);
  let position = header.length;
  for (const [index, buffer] of buffers.entries()) {
    const bytes = new Uint8Array(buffer);
    sums[index] = crc32c(bytes);
    await file.write(bytes, position);
    position += bytes.length;
  }
  const trailer = withCrc(new Uint8Array(sums.buffer));
  await file.write(trailer, position);
  return position + trailer.length;
}

function encodeHeader(identity: string, images: IndexImages): Uint8Array {
  const parts: Record<string, { numbers: readonly number[]; lengths: number[] }> = {};
  for (const [name, { numbers, buffers }] of Object.entries(images))
    parts[name] = { numbers, lengths: buffers.map((buffer) => buffer.byteLength) };
  const header: Header = { identity, parts };
  const json = fromText(JSON.stringify(header));
  const bytes = new Uint8Array(prefixBytes + json.length);
  const view = new DataView(bytes.buffer);
  bytes.set(fromText(magic));
  view.setUint32(8, indexCheckpointVersion, true);
  view.setUint32(12, json.length, true);
  bytes.set(json, prefixBytes);
  return withCrc(bytes);
}

function withCrc(bytes: Uint8Array): Uint8Array {
  const summed = new Uint8Array(bytes.length + 4);
  summed.set(bytes);
  new DataView(summed.buffer).setUint32(bytes.length, crc32c(bytes), true);
  return summed;
}

/** Why a file is not used. */
export interface UnusedCheckpoint {
  readonly kind: "unused";
  readonly reason: string;
}

/** The images that were written with this very `identity`; otherwise a reason. Never rejects. */
export async function readCheckpointFile(
  fs: Fs,
  path: string,
  identity: string,
): Promise<{ readonly kind: "ok"; readonly images: IndexImages } | UnusedCheckpoint> {
  let file: File | undefined;
  try {
    file = await fs.open(path, "read");
    return await readAll(file, identity);
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return unused("there is none");
    return unused(`it cannot be read: ${String(error)}`);
  } finally {
    await file?.close();
  }
}

const unused = (reason: string): UnusedCheckpoint => ({ kind: "unused", reason });

async function readAll(
  file: File,
  identity: string,
): Promise<{ readonly kind: "ok"; readonly images: IndexImages } | UnusedCheckpoint> {
  const size = await file.size();
  const header = await readHeader(file, size);
  if (typeof header === "string") return unused(header);
  if (header.identity !== identity)
    return unused(`it belongs to the state ${header.identity}, the backend has ${identity}`);
  const images: Record<string, { numbers: readonly number[]; buffers: ArrayBuffer[] }> = {};
  const parts = Object.entries(header.parts);
  const lengths = parts.flatMap(([, part]) => part.lengths);
  const start = header.position;
  const end = lengths.reduce((sum, length) => sum + length, start);
  if (size !== end + lengths.length * 4 + 4) return unused(`it has ${size} bytes: it was cut`);
  const trailer = await file.read(end, size - end);
  const sums = new DataView(trailer.buffer, trailer.byteOffset, trailer.byteLength);
  if (!endsWithCrc(trailer)) return unused("its sums are damaged");
  const blocks = new BlockReader(file, start, end);
  let index = 0;
  for (const [name, part] of parts) {
    const buffers: ArrayBuffer[] = [];
    for (const length of part.lengths) {
      const bytes = new Uint8Array(length);
      await blocks.fill(bytes);
      if (crc32c(bytes) !== sums.getUint32(index * 4, true))
        return unused(`its ${name} is damaged`);
      index += 1;
      buffers.push(bytes.buffer);
    }
    images[name] = { numbers: part.numbers, buffers };
  }
  return { kind: "ok", images };
}

/** The header and the position behind it, or what is wrong. */
async function readHeader(
  file: File,
  size: number,
): Promise<(Header & { readonly position: number }) | string> {
  const prefix = await file.read(0, prefixBytes);
  if (prefix.length < prefixBytes) return "it was cut";
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.byteLength);
  if (toText(prefix.subarray(0, 8)) !== magic) return "it is no index checkpoint";
  const version = view.getUint32(8, true);
  if (version !== indexCheckpointVersion)
    return `it has format version ${version}; this version of etcd-ts reads ${indexCheckpointVersion}`;
  const position = prefixBytes + view.getUint32(12, true) + 4;
  if (position > Math.min(size, headerBytesMax)) return "it was cut";
  const bytes = await file.read(0, position);
  if (bytes.length < position) return "it was cut";
  if (!endsWithCrc(bytes)) return "its header is damaged";
  const header = JSON.parse(toText(bytes.subarray(prefixBytes, position - 4))) as Header;
  return { ...header, position };
}

function endsWithCrc(bytes: Uint8Array): boolean {
  const end = bytes.length - 4;
  if (end < 0) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.getUint32(end, true) === crc32c(bytes.subarray(0, end));
}

/** Reads a stretch of a file from front to back; the next block is on its way while one is worked on. */
class BlockReader {
  private readonly file: File;
  private readonly end: number;
  private position: number;
  private block: Uint8Array = emptyBytes;
  private coming: Promise<Uint8Array> | undefined;

  constructor(file: File, start: number, end: number) {
    this.file = file;
    this.position = start;
    this.end = end;
  }

  async fill(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      if (this.block.length === 0) await this.nextBlock();
      const part = this.block.subarray(0, bytes.length - at);
      bytes.set(part, at);
      this.block = this.block.subarray(part.length);
      at += part.length;
    }
  }

  private async nextBlock(): Promise<void> {
    this.block = await (this.coming ?? this.read());
    if (this.block.length === 0) throw new Error("the file has become shorter");
    this.coming = this.position < this.end ? this.read() : undefined;
  }

  private read(): Promise<Uint8Array> {
    const length = Math.min(blockBytes, this.end - this.position);
    const reading = this.file.read(this.position, length);
    this.position += length;
    // Who fills hears of an error; who has stopped before need not.
    reading.catch(() => undefined);
    return reading;
  }
}
