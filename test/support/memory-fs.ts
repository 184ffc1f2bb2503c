/**
 * The `Fs` port in memory, with the one thing a real disk does not show a test: what a power cut leaves behind.
 *
 * A file has what is durable, and the writes and truncations since then. At a crash each 512-byte sector of an unsynced
 * write survives or not on its own (a sector is never torn inside), a truncation wholly or not. Creations, renames and
 * removals happen in order for the whole file system, as in a journal: a crash keeps the first so many of those that no
 * `syncDir` covered. Luck comes from the `Random` given to `crash`, and completions run through `complete`, so a run
 * can be repeated exactly.
 */
import type { DurableFile, File, FileLock, Fs, Random } from "../../node/lib/ports.ts";

const sectorBytes = 512;

export interface MemoryFsOptions {
  /** Runs a completion later; `queueMicrotask` when not given. A simulator puts its clock and slow disks here. */
  readonly complete?: (run: () => void) => void;
  /** Space for file content; a write beyond it fails with ENOSPC. */
  readonly capacityBytes?: number;
}

/** What an injected fault is asked about. `other`: renaming, removing, shortening. */
export type Operation = "write" | "sync" | "create" | "other";

/** Says whether the operation that is about to happen fails, and how. */
export type Fault = (operation: Operation) => Error | undefined;

type Change =
  | { readonly kind: "write"; readonly bytes: Uint8Array; readonly position: number }
  | { readonly kind: "truncate"; readonly length: number };

/** How much of what was not synced a crash keeps. `random` draws one of the others for each file. */
export type CrashMode = "random" | "nothing" | "everything" | "sectors" | "prefix";

class Content {
  private bytes: Uint8Array;
  length: number;

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.bytes = bytes;
    this.length = bytes.length;
  }

  view(start = 0, end = this.length): Uint8Array {
    return this.bytes.subarray(Math.min(start, this.length), Math.min(end, this.length));
  }

  copy(): Content {
    return new Content(copyOf(this.view()));
  }

  write(bytes: Uint8Array, position: number): void {
    this.resize(Math.max(this.length, position + bytes.length));
    this.bytes.set(bytes, position);
  }

  resize(length: number): void {
    if (length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.bytes.length * 2));
      grown.set(this.view());
      this.bytes = grown;
    } else if (length < this.length) {
      this.bytes.fill(0, length, this.length);
    }
    this.length = length;
  }

  apply(change: Change): void {
    if (change.kind === "write") this.write(change.bytes, change.position);
    else this.resize(change.length);
  }
}

class FileNode {
  readonly current: Content;
  readonly durable: Content;
  /** Since the last sync, oldest first. */
  pending: Change[] = [];

  constructor(durable: Content = new Content(), pending: Change[] = []) {
    this.durable = durable;
    this.current = durable.copy();
    for (const change of pending) this.change(change);
  }

  change(change: Change): void {
    this.pending.push(change);
    this.current.apply(change);
  }

  /** The first `count` pending changes became durable. */
  sync(count: number): void {
    for (const change of this.pending.splice(0, count)) this.durable.apply(change);
  }
}

class DirNode {
  readonly current = new Map<string, Node>();
  readonly durable = new Map<string, Node>();
}

type Node = FileNode | DirNode;

/** One creation, rename or removal: entries set or, without a node, deleted, all at once. */
interface DirChange {
  readonly steps: readonly { readonly dir: DirNode; readonly name: string; readonly node?: Node }[];
}

/** Never `slice`: on a Buffer that is a view. */
const copyOf = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

function failure(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}

export class MemoryFs implements Fs {
  private root = new DirNode();
  private dirChanges: DirChange[] = [];
  /** Locks die with the process: neither a crash nor a kill hands them on. */
  private readonly locked = new Set<FileNode>();
  private isHalted = false;
  private fault: Fault | undefined;
  private options: MemoryFsOptions;

  constructor(options: MemoryFsOptions = {}) {
    this.options = options;
  }

  // What tests and the simulator do to the disk.

  /**
   * The power goes: this instance stops for good, its outstanding calls never complete. Returns the disk as it is found
   * afterwards, with new options when given.
   */
  crash(
    random: Random,
    mode: CrashMode = "random",
    options: MemoryFsOptions = this.options,
  ): MemoryFs {
    this.isHalted = true;
    const kept = keptChanges(this.dirChanges.length, random, mode);
    for (const change of this.dirChanges.slice(0, kept)) applyTo(change, "durable");
    const after = new MemoryFs(options);
    const files = new Map<FileNode, FileNode>();
    after.root = cloneDir(this.root, "durable", (file) => {
      const known = files.get(file) ?? new FileNode(survivingContent(file, random, mode));
      files.set(file, known);
      return known;
    });
    return after;
  }

  /** The process is killed, the machine goes on: everything written is seen, what was not synced may still be lost later. */
  kill(options: MemoryFsOptions = this.options): MemoryFs {
    this.isHalted = true;
    const after = new MemoryFs(options);
    after.root = this.root;
    after.dirChanges = this.dirChanges;
    return after;
  }

  /** From now on completions run this way. */
  setComplete(complete: (run: () => void) => void): void {
    this.options = { ...this.options, complete };
  }

  /** From now on every write, sync and creation fails with this error; undefined ends it. */
  failWith(error: Error | undefined): void {
    this.fault = error === undefined ? undefined : () => error;
  }

  /** From now on this decides about every operation that changes something. */
  setFault(fault: Fault | undefined): void {
    this.fault = fault;
  }

  /** Bit rot: xors one byte of a file, past all caches. */
  flip(path: string, position: number, mask: number): void {
    const file = this.fileAt(path);
    for (const content of [file.current, file.durable]) {
      if (position >= content.length) continue;
      const byte = content.view()[position] as number;
      content.view()[position] = byte ^ mask;
    }
  }

  /** A file's content now, without a wait. */
  content(path: string): Uint8Array {
    return copyOf(this.fileAt(path).current.view());
  }

  /** Puts a whole durable file there, with its directories. */
  place(path: string, bytes: Uint8Array): void {
    const file = new FileNode(new Content(copyOf(bytes)));
    const { dir, name } = this.parent(path, true);
    dir.current.set(name, file);
    dir.durable.set(name, file);
  }

  /** All files by path, with their content, in order. */
  files(): Map<string, Uint8Array> {
    const found = new Map<string, Uint8Array>();
    const walk = (dir: DirNode, prefix: string): void => {
      for (const name of [...dir.current.keys()].sort()) {
        const node = dir.current.get(name);
        if (node instanceof DirNode) walk(node, `${prefix}${name}/`);
        else if (node !== undefined) found.set(prefix + name, copyOf(node.current.view()));
      }
    };
    walk(this.root, "/");
    return found;
  }

  get usedBytes(): number {
    let sum = 0;
    for (const bytes of this.files().values()) sum += bytes.length;
    return sum;
  }

  // The port.

  makeDir(path: string): Promise<void> {
    return this.later(() => {
      let dir = this.root;
      for (const name of partsOf(path)) {
        let node = dir.current.get(name);
        if (node === undefined) {
          node = new DirNode();
          this.changeDirs([{ dir, name, node }]);
        }
        if (!(node instanceof DirNode)) throw failure("ENOTDIR", path);
        dir = node;
      }
    }, "create");
  }

  readDir(path: string): Promise<string[]> {
    return this.later(() => [...this.dirAt(path).current.keys()].sort());
  }

  exists(path: string): Promise<boolean> {
    return this.later(() => this.lookUp(path) !== undefined);
  }

  readFile(path: string): Promise<Uint8Array> {
    return this.later(() => copyOf(this.fileAt(path).current.view()));
  }

  open(path: string, mode: "read" | "readWrite" | "create"): Promise<File> {
    return this.later(
      () => {
        if (mode !== "create") return new MemoryFile(this, this.fileAt(path), mode === "readWrite");
        if (this.lookUp(path) !== undefined) throw failure("EEXIST", path);
        const node = new FileNode();
        const { dir, name } = this.parent(path);
        this.changeDirs([{ dir, name, node }]);
        return new MemoryFile(this, node, true);
      },
      mode === "create" ? "create" : undefined,
    );
  }

  openDurable(path: string): Promise<DurableFile> {
    return this.later(() => new MemoryDurableFile(this, this.fileAt(path)));
  }

  tryLock(path: string): Promise<FileLock | undefined> {
    return this.later(() => {
      const file = this.fileAt(path);
      if (this.locked.has(file)) return undefined;
      this.locked.add(file);
      return {
        release: () => this.later(() => void this.locked.delete(file)),
      };
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.later(() => {
      const source = this.parent(from);
      const target = this.parent(to);
      const node = source.dir.current.get(source.name);
      if (node === undefined) throw failure("ENOENT", from);
      const replaced = target.dir.current.get(target.name);
      if (replaced instanceof DirNode && replaced.current.size > 0) throw failure("ENOTEMPTY", to);
      if (replaced !== undefined && replaced instanceof DirNode !== node instanceof DirNode) {
        throw failure(node instanceof DirNode ? "ENOTDIR" : "EISDIR", to);
      }
      this.changeDirs([source, { ...target, node }]);
    }, "other");
  }

  remove(path: string): Promise<void> {
    return this.later(() => {
      const place = this.parent(path);
      const node = place.dir.current.get(place.name);
      if (node === undefined) throw failure("ENOENT", path);
      if (node instanceof DirNode && node.current.size > 0) throw failure("ENOTEMPTY", path);
      this.changeDirs([place]);
    }, "other");
  }

  syncDir(path: string): Promise<void> {
    // What is durable is what had happened when the call was made.
    const issued = new Set(this.dirChanges);
    return this.later(() => {
      const dir = this.dirAt(path);
      this.dirChanges = this.dirChanges.filter((change) => {
        const isCovered = issued.has(change) && change.steps.some((step) => step.dir === dir);
        if (isCovered) applyTo(change, "durable");
        return !isCovered;
      });
    }, "sync");
  }

  // For the files opened here.

  /** Does `act` when its turn comes. A crash before that turn drops it together with its callback. */
  schedule(act: () => void): void {
    (this.options.complete ?? queueMicrotask)(() => {
      if (!this.isHalted) act();
    });
  }

  /** Applies a write at once, so that a crash before its completion can tear it. */
  write(file: FileNode, bytes: Uint8Array, position: number): void {
    const grows = Math.max(0, position + bytes.length - file.current.length);
    const { capacityBytes } = this.options;
    if (capacityBytes !== undefined && grows > 0 && this.usedBytes + grows > capacityBytes) {
      throw failure("ENOSPC", "no space left on device");
    }
    this.mayFail("write");
    if (!this.isHalted) file.change({ kind: "write", bytes: copyOf(bytes), position });
  }

  later<T>(act: () => T, operation?: Operation): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.schedule(() => {
        try {
          if (operation !== undefined) this.mayFail(operation);
          resolve(act());
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
  }

  mayFail(operation: Operation): void {
    const error = this.isHalted ? undefined : this.fault?.(operation);
    if (error !== undefined) throw error;
  }

  private changeDirs(steps: DirChange["steps"]): void {
    const change = { steps };
    applyTo(change, "current");
    this.dirChanges.push(change);
  }

  private lookUp(path: string): Node | undefined {
    let node: Node | undefined = this.root;
    for (const name of partsOf(path)) {
      node = node instanceof DirNode ? node.current.get(name) : undefined;
    }
    return node;
  }

  private fileAt(path: string): FileNode {
    const node = this.lookUp(path);
    if (node === undefined) throw failure("ENOENT", path);
    if (node instanceof DirNode) throw failure("EISDIR", path);
    return node;
  }

  private dirAt(path: string): DirNode {
    const node = this.lookUp(path);
    if (node === undefined) throw failure("ENOENT", path);
    if (!(node instanceof DirNode)) throw failure("ENOTDIR", path);
    return node;
  }

  private parent(path: string, isMade = false): { dir: DirNode; name: string } {
    const parts = partsOf(path);
    const name = parts.pop();
    if (name === undefined) throw failure("EINVAL", path);
    let dir = this.root;
    for (const part of parts) {
      let next = dir.current.get(part);
      if (next === undefined && isMade) {
        next = new DirNode();
        dir.current.set(part, next);
        dir.durable.set(part, next);
      }
      if (!(next instanceof DirNode)) throw failure("ENOENT", path);
      dir = next;
    }
    return { dir, name };
  }
}

class MemoryFile implements File {
  private readonly fs: MemoryFs;
  private readonly node: FileNode;
  private readonly isWritable: boolean;

  constructor(fs: MemoryFs, node: FileNode, isWritable: boolean) {
    this.fs = fs;
    this.node = node;
    this.isWritable = isWritable;
  }

  read(position: number, length: number): Promise<Uint8Array> {
    return this.fs.later(() => copyOf(this.node.current.view(position, position + length)));
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    if (!this.isWritable) return Promise.reject(failure("EBADF", "write"));
    try {
      this.fs.write(this.node, bytes, position);
    } catch (error) {
      return this.fs.later(() => {
        throw error;
      });
    }
    return this.fs.later(() => undefined);
  }

  truncate(length: number): Promise<void> {
    if (!this.isWritable) return Promise.reject(failure("EBADF", "truncate"));
    return this.fs.later(() => this.node.change({ kind: "truncate", length }), "other");
  }

  size(): Promise<number> {
    return this.fs.later(() => this.node.current.length);
  }

  datasync(): Promise<void> {
    const issued = this.node.pending.length;
    const last = this.node.pending[issued - 1];
    return this.fs.later(() => {
      // Another sync may have covered some of them meanwhile.
      if (last !== undefined) this.node.sync(this.node.pending.indexOf(last) + 1);
    }, "sync");
  }

  close(): Promise<void> {
    return this.fs.later(() => undefined);
  }
}

class MemoryDurableFile implements DurableFile {
  private readonly fs: MemoryFs;
  private readonly node: FileNode;
  private isWriting = false;

  constructor(fs: MemoryFs, node: FileNode) {
    this.fs = fs;
    this.node = node;
  }

  write(
    bytes: Uint8Array,
    length: number,
    position: number,
    done: (error: Error | null) => void,
  ): void {
    if (this.isWriting) throw new Error("a durable write is in flight already");
    this.isWriting = true;
    let problem: Error | null = null;
    try {
      this.fs.write(this.node, bytes.subarray(0, length), position);
    } catch (error) {
      problem = error as Error;
    }
    const own = this.node.pending.at(-1);
    this.fs.schedule(() => {
      this.isWriting = false;
      // As O_DSYNC: this write becomes durable, together with what was pending before it.
      try {
        if (problem === null) this.fs.mayFail("sync");
      } catch (error) {
        problem = error as Error;
      }
      if (problem === null && own !== undefined) this.node.sync(this.node.pending.indexOf(own) + 1);
      done(problem);
    });
  }

  close(): Promise<void> {
    return this.fs.later(() => undefined);
  }
}

function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

function applyTo(change: DirChange, side: "current" | "durable"): void {
  for (const { dir, name, node } of change.steps) {
    if (node === undefined) dir[side].delete(name);
    else dir[side].set(name, node);
  }
}

function cloneDir(from: DirNode, side: "durable", fileOf: (file: FileNode) => FileNode): DirNode {
  const dir = new DirNode();
  for (const [name, node] of from[side]) {
    const copy = node instanceof DirNode ? cloneDir(node, side, fileOf) : fileOf(node);
    dir.current.set(name, copy);
    dir.durable.set(name, copy);
  }
  return dir;
}

function keptChanges(count: number, random: Random, mode: CrashMode): number {
  if (mode === "nothing") return 0;
  if (mode === "everything") return count;
  return random.uint32() % (count + 1);
}

const modes = ["nothing", "everything", "sectors", "prefix"] as const;

/** What is on the platters of one file after a crash. */
function survivingContent(file: FileNode, random: Random, mode: CrashMode): Content {
  const content = file.durable.copy();
  if (file.pending.length === 0) return content;
  const chosen = mode === "random" ? (modes[random.uint32() % modes.length] as CrashMode) : mode;
  const total = file.pending.reduce((sum, change) => sum + sectorsOf(change).length, 0);
  const limit = chosen === "prefix" ? random.uint32() % (total + 1) : total;
  let seen = 0;
  for (const change of file.pending) {
    for (const part of sectorsOf(change)) {
      const isKept =
        chosen === "everything" ||
        (chosen === "prefix" && seen < limit) ||
        (chosen === "sectors" && (random.uint32() & 1) === 1);
      if (isKept) content.apply(part);
      seen += 1;
    }
  }
  return content;
}

/** A write in pieces that end at sector borders of the file. */
function sectorsOf(change: Change): Change[] {
  if (change.kind === "truncate") return [change];
  const parts: Change[] = [];
  const end = change.position + change.bytes.length;
  for (let at = change.position; at < end; ) {
    const next = Math.min(end, (Math.floor(at / sectorBytes) + 1) * sectorBytes);
    const bytes = change.bytes.subarray(at - change.position, next - change.position);
    parts.push({ kind: "write", bytes, position: at });
    at = next;
  }
  return parts;
}
