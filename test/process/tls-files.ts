/** Certificates of tests in files, by the names of their owners. */

import { writeFiles } from "../support/pki/files.ts";
import type { TestLeaf } from "../support/pki.ts";

/** Paths of PEM files. */
export interface LeafFiles {
  readonly cert: string;
  readonly key: string;
}

/** Writes name.crt, with the intermediate CAs above it, and name.key. */
export function leafFiles(directory: string, name: string, leaf: TestLeaf): LeafFiles {
  const [cert, key] = [`${name}.crt`, `${name}.key`];
  const paths = writeFiles(directory, { [cert]: leaf.chainPem, [key]: leaf.keyPem });
  return { cert: paths[cert] ?? "", key: paths[key] ?? "" };
}

/** Writes one file and gives its path. */
export function file(directory: string, name: string, content: string | Uint8Array): string {
  return writeFiles(directory, { [name]: content })[name] ?? "";
}

export const leafFlags = (side: "" | "peer-", { cert, key }: LeafFiles): string[] => [
  `--${side}cert-file=${cert}`,
  `--${side}key-file=${key}`,
];
