/**
 * The disk as a program of its own: serves two files over FUSE until the file system is unmounted.
 *   image    the bytes of the disk; a loop device sits on it
 *   control  one JSON command per write: {"cut": {"path", "mode", "seed", "flushes"}}; reads are empty until it is done, then
 *            they give its answer. The cut is made at once with `flushes` 0, otherwise just before the so many-th flush
 *            from now takes effect, when the cache is at its fullest.
 * File descriptor 3 is an open /dev/fuse that the parent mounts; the one argument is the image file to begin with.
 * It answers one request after the other and does nothing else: that is what makes a cut one point in time.
 */
import { readSync, writeSync } from "node:fs";
import { type CutMode, type CutResult, DiskImage } from "./disk-image.ts";
import {
  attributesReply,
  decodeRequest,
  encodeReply,
  entryReply,
  errno,
  type FuseNode,
  type FuseRequest,
  initReply,
  nameArgument,
  opcode,
  openReply,
  readArguments,
  requestBytesMax,
  writeArguments,
  writeReply,
} from "./fuse.ts";

const fuseDevice = 3;
const rootNode = 1;
const imageNode = 2;
const controlNode = 3;

interface Answer {
  readonly error: number;
  readonly payload?: Uint8Array;
}

interface CutCommand {
  readonly path: string;
  readonly mode: CutMode;
  readonly seed: number;
  readonly flushes: number;
}

class DiskFileSystem {
  readonly #image: DiskImage;
  #controlAnswer: Buffer = Buffer.alloc(0);
  #armed: CutCommand | undefined;
  #flushesLeft = 0;

  constructor(image: DiskImage) {
    this.#image = image;
  }

  /** Undefined for requests that get no answer. */
  handle(request: FuseRequest): Answer | undefined {
    switch (request.opcode) {
      case opcode.init:
        return { error: 0, payload: initReply() };
      case opcode.lookup:
        return this.#lookup(nameArgument(request.body));
      case opcode.getattr:
      case opcode.setattr:
        return { error: 0, payload: attributesReply(this.#node(request.node)) };
      case opcode.open:
      case opcode.opendir:
        return { error: 0, payload: openReply() };
      case opcode.read:
        return this.#read(request);
      case opcode.write:
        return this.#write(request);
      case opcode.fsync:
        if (request.node === imageNode) this.#flush();
        return { error: 0 };
      case opcode.statfs:
        return { error: 0, payload: Buffer.alloc(80) };
      case opcode.readdir:
      case opcode.release:
      case opcode.releasedir:
      case opcode.flush:
      case opcode.access:
      case opcode.destroy:
        return { error: 0 };
      case opcode.forget:
      case opcode.batchForget:
      case opcode.interrupt:
        return undefined;
      default:
        // Includes fallocate: the loop device then offers no discard, and ext4 never asks for one.
        return { error: errno.ENOSYS };
    }
  }

  #node(node: number): FuseNode {
    return {
      node,
      isDirectory: node === rootNode,
      size: node === imageNode ? this.#image.size : 0,
    };
  }

  #lookup(name: string): Answer {
    if (name === "image") return { error: 0, payload: entryReply(this.#node(imageNode)) };
    if (name === "control") return { error: 0, payload: entryReply(this.#node(controlNode)) };
    return { error: errno.ENOENT };
  }

  #read(request: FuseRequest): Answer {
    const { offset, size } = readArguments(request.body);
    if (request.node === controlNode)
      return { error: 0, payload: this.#controlAnswer.subarray(offset, offset + size) };
    return { error: 0, payload: this.#image.read(offset, size) };
  }

  #write(request: FuseRequest): Answer {
    const { offset, data } = writeArguments(request.body);
    if (request.node === controlNode) this.#command(data.toString());
    else if (offset + data.length > this.#image.size) return { error: errno.EINVAL };
    else this.#image.write(offset, data);
    return { error: 0, payload: writeReply(data.length) };
  }

  #flush(): void {
    this.#flushesLeft -= 1;
    if (this.#flushesLeft === 0) this.#cut();
    this.#image.flush();
  }

  #command(text: string): void {
    this.#controlAnswer = Buffer.alloc(0);
    const { cut } = JSON.parse(text) as { cut: CutCommand };
    this.#armed = cut;
    this.#flushesLeft = cut.flushes;
    if (cut.flushes === 0) this.#cut();
  }

  #cut(): void {
    if (this.#armed === undefined) return;
    const { path, mode, seed } = this.#armed;
    this.#armed = undefined;
    this.#controlAnswer = Buffer.from(JSON.stringify(this.#tryCut(path, mode, seed)));
  }

  #tryCut(path: string, mode: CutMode, seed: number): CutResult | { error: string } {
    try {
      return this.#image.cut(path, mode, seed);
    } catch (error) {
      return { error: String(error) };
    }
  }
}

function isError(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

function serve(files: DiskFileSystem): void {
  const buffer = Buffer.alloc(requestBytesMax);
  for (;;) {
    try {
      const length = readSync(fuseDevice, buffer);
      const request = decodeRequest(buffer.subarray(0, length));
      const answer = files.handle(request);
      if (answer !== undefined)
        writeSync(fuseDevice, encodeReply(request.unique, answer.error, answer.payload));
    } catch (error) {
      if (isError(error, "ENODEV")) return;
      // ENOENT: the request was interrupted before it was read or answered.
      if (!isError(error, "ENOENT") && !isError(error, "EINTR") && !isError(error, "EAGAIN"))
        throw error;
    }
  }
}

serve(new DiskFileSystem(DiskImage.load(process.argv[2] ?? "")));
