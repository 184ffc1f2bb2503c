/** Certificate files for tests: plain ones, and a directory as kubelet mounts a Secret. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

type Files = Readonly<Record<string, string | Uint8Array>>;
type Paths<Content extends Files> = { readonly [Name in keyof Content]: string };

/** Writes `{ name: content }` into `dir`, which is created; returns the paths by name. Existing files get the new content in place. */
export function writeFiles<Content extends Files>(dir: string, files: Content): Paths<Content> {
  mkdirSync(dir, { recursive: true });
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(dir, name), content, { mode: 0o600 });
  return pathsIn(dir, files);
}

/**
 * Writes one file the way cert-manager's users and editors do: beside it, then renamed over it, so that its inode changes.
 * Returns the path.
 */
export function replaceFile(path: string, content: string | Uint8Array): string {
  writeFileSync(`${path}.new`, content, { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return path;
}

/** A Secret as kubelet mounts it (pkg/volume/util/atomic_writer.go): name → ..data/name, ..data → ..<timestamp>/. Returns the paths by name. */
export function writeSecretDirectory<Content extends Files>(
  dir: string,
  files: Content,
): Paths<Content> {
  mkdirSync(dir, { recursive: true });
  return swapSecret(dir, files);
}

/**
 * The Secret has changed: the new files are written beside the old ones, one rename makes them all seen at once, then the old ones
 * go. Paths stay the same.
 */
export function swapSecret<Content extends Files>(dir: string, files: Content): Paths<Content> {
  const data = join(dir, "..data");
  const before = existsSync(data) ? readlinkSync(data) : undefined;
  const after = freshName(dir);
  writeFiles(join(dir, after), files);
  symlinkSync(after, join(dir, "..data_tmp"));
  renameSync(join(dir, "..data_tmp"), data);
  const names = new Set(Object.keys(files));
  for (const name of names)
    if (!existsSync(join(dir, name))) symlinkSync(join("..data", name), join(dir, name));
  for (const name of readdirSync(dir))
    if (!name.startsWith("..") && !names.has(name)) unlinkSync(join(dir, name));
  if (before !== undefined) rmSync(join(dir, before), { recursive: true });
  return pathsIn(dir, files);
}

function freshName(dir: string): string {
  const time = new Date().toISOString().replace(/[-:T]/g, "_");
  for (let count = 0; ; count++)
    if (!existsSync(join(dir, `..${time}.${count}`))) return `..${time}.${count}`;
}

function pathsIn<Content extends Files>(dir: string, files: Content): Paths<Content> {
  const entries = Object.keys(files).map((name) => [name, join(dir, name)]);
  return Object.fromEntries(entries) as Paths<Content>;
}
