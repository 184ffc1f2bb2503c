/** What fills the image: bytes of files by what they are for. */
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** The parts of the image, each with the paths that belong to it; a file counts for the first that matches. */
const parts: readonly (readonly [name: string, path: RegExp])[] = [
  ["Node.js", /^usr\/local\/bin\/node$/],
  ["native modules", /^opt\/etcd-ts\/node_modules\/.*\.node$/],
  ["their JavaScript", /^opt\/etcd-ts\/node_modules\//],
  ["source maps", /^opt\/etcd-ts\/.*\.map$/],
  ["licences", /^opt\/etcd-ts\/.*(LICENSE|THIRD-PARTY).*$/],
  ["bundles", /^opt\/etcd-ts\//],
  ["base system", /^/],
];

const baseName = "base system";

export interface PartSize {
  readonly part: string;
  readonly bytes: number;
}

/** Sizes of the parts of an unpacked image, in the order of the table. Hard links count once. */
export function partSizes(folder: string): readonly PartSize[] {
  const bytes = new Map(parts.map(([name]) => [name, 0]));
  const seen = new Set<number>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { size, ino } = lstatSync(path);
    if (seen.has(ino)) continue;
    seen.add(ino);
    const relative = path.slice(folder.length + 1);
    const name = parts.find(([, pattern]) => pattern.test(relative))?.[0] ?? baseName;
    bytes.set(name, (bytes.get(name) ?? 0) + size);
  }
  return [...bytes].map(([part, size]) => ({ part, bytes: size }));
}

/** Bytes that the image adds to its base system. */
export function addedBytes(sizes: readonly PartSize[]): number {
  return sizes.filter(({ part }) => part !== baseName).reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The table that build.ts prints. */
export function sizeTable(sizes: readonly PartSize[]): string {
  const all = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  const row = (name: string, bytes: number): string =>
    `  ${name.padEnd(26)}${(bytes / 1e6).toFixed(1).padStart(8)} MB`;
  return [
    ...sizes.map(({ part, bytes }) => row(part, bytes)),
    row("without the base system", addedBytes(sizes)),
    row("all", all),
  ].join("\n");
}
