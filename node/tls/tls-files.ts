/** The files of one side: by which flag each was named, and all of them read as they were at one moment. */
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import type { TlsSettings } from "./settings.ts";

export type TlsFileRole = "cert" | "key" | "clientCert" | "clientKey" | "ca" | "crl";

export interface TlsFile {
  readonly role: TlsFileRole;
  /** With its dashes. */
  readonly flag: string;
  readonly path: string;
}

/** One of the files is not what it should be. The message names flag and path. */
export class TlsFileError extends Error {
  override readonly name = "TlsFileError";
  readonly file: TlsFile;

  constructor(file: TlsFile, reason: unknown) {
    const text = reason instanceof Error ? reason.message : String(reason);
    super(`${file.flag} ${file.path}: ${text}`, { cause: reason });
    this.file = file;
  }
}

/** The files that the settings name. */
export function tlsFiles(settings: TlsSettings): readonly TlsFile[] {
  const isPeer = settings.side === "peer";
  const flag = (name: string): string => (isPeer ? `--peer-${name}` : `--${name}`);
  const ofPair = (name: string): string => {
    if (!settings.isSelfSigned) return flag(name);
    return isPeer ? "--peer-auto-tls" : "--auto-tls";
  };
  const files: readonly TlsFile[] = [
    { role: "cert", flag: ofPair("cert-file"), path: settings.certFile },
    { role: "key", flag: ofPair("key-file"), path: settings.keyFile },
    { role: "clientCert", flag: flag("client-cert-file"), path: settings.clientCertFile },
    { role: "clientKey", flag: flag("client-key-file"), path: settings.clientKeyFile },
    { role: "ca", flag: flag("trusted-ca-file"), path: settings.trustedCaFile },
    { role: "crl", flag: isPeer ? "--peer-crl-file" : "--client-crl-file", path: settings.crlFile },
  ];
  return files.filter(({ path }) => path !== "");
}

export interface FileContent {
  readonly file: TlsFile;
  /** What the disk answered, where it could not be read. */
  readonly content: Uint8Array | Error;
}

export interface FilesContent {
  readonly files: readonly FileContent[];
  /** Equal for equal contents, and for equal errors. */
  readonly digest: string;
  /** What `look` said before and after the reading. */
  readonly look: string;
}

const triesMax = 5;

/**
 * What stat says of all files, links followed: it changes with a new content, a file renamed into place, and the symlink of a Kubernetes secret that is
 * turned to another directory.
 */
export async function lookAt(files: readonly TlsFile[]): Promise<string> {
  const seen = await Promise.all(
    files.map(({ path }) =>
      stat(path, { bigint: true }).then(
        ({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs].join(":"),
        (error: unknown) => `error ${codeOf(error)}`,
      ),
    ),
  );
  return seen.join(" ");
}

/**
 * Reads all files. A directory of a Kubernetes secret is swapped whole, but we open one file after the other: when something changed meanwhile all are
 * read again, so that a certificate and the key of another never meet. Files that never rest are returned as they were read last.
 */
export async function readTogether(files: readonly TlsFile[]): Promise<FilesContent> {
  for (let tries = 1; ; tries++) {
    const before = await lookAt(files);
    const contents = await Promise.all(files.map(readOne));
    const look = await lookAt(files);
    if (look === before || tries === triesMax)
      return { files: contents, digest: digestOf(contents), look };
  }
}

async function readOne(file: TlsFile): Promise<FileContent> {
  try {
    return { file, content: await readFile(file.path) };
  } catch (error) {
    return { file, content: error instanceof Error ? error : new Error(String(error)) };
  }
}

function digestOf(contents: readonly FileContent[]): string {
  const hash = createHash("sha256");
  for (const { content } of contents) {
    const isError = content instanceof Error;
    const bytes = isError ? Buffer.from(codeOf(content)) : content;
    hash.update(`${isError ? "error" : "bytes"} ${bytes.length} `).update(bytes);
  }
  return hash.digest("hex");
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
