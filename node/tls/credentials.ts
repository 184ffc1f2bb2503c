/** The contents of the files of one side, checked whole: what they say is used together or not at all. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { type RevokedSerials, readRevokedSerials } from "./crl.ts";
import { type PemBlock, pemBlocks } from "./pem-blocks.ts";
import { type FileContent, type TlsFile, TlsFileError, type TlsFileRole } from "./tls-files.ts";

/** A certificate with its key. */
export interface Pair {
  readonly file: TlsFile;
  /** The leaf, then what its file holds of its issuers. */
  readonly chain: readonly [X509Certificate, ...X509Certificate[]];
  readonly chainPem: string;
  readonly keyPem: string;
}

export interface Credentials {
  /** What we show to those who dial us; undefined on a side that only dials. */
  readonly server: Pair | undefined;
  /** What we show to those whom we dial. */
  readonly client: Pair | undefined;
  /** Undefined where no file names them. */
  readonly authorities:
    | { readonly file: TlsFile; readonly certificates: readonly X509Certificate[] }
    | undefined;
  readonly revoked: RevokedSerials;
}

/**
 * Throws a TlsFileError for the first file that is missing, unreadable, cut off or not what it should be, and for a key that is another certificate's.
 * `pause` gives the event loop a turn while a long list is read.
 */
export async function readCredentials(
  contents: readonly FileContent[],
  pause: () => Promise<void>,
): Promise<Credentials> {
  const withRole = (role: TlsFileRole): FileContent | undefined =>
    contents.find(({ file }) => file.role === role);
  const server = readPair(withRole("cert"), withRole("key"));
  const client = readPair(withRole("clientCert"), withRole("clientKey"));
  const ca = withRole("ca");
  const crl = withRole("crl");
  return {
    server,
    client: client ?? server,
    authorities:
      ca === undefined
        ? undefined
        : { file: ca.file, certificates: checked(ca.file, () => readAuthorities(bytesOf(ca))) },
    revoked: crl === undefined ? new Set() : await readCrl(crl, pause),
  };
}

function readPair(cert: FileContent | undefined, key: FileContent | undefined): Pair | undefined {
  if (cert === undefined || key === undefined) {
    const alone = cert ?? key;
    if (alone === undefined) return undefined;
    throw new TlsFileError(alone.file, "a certificate and its key must both be named");
  }
  const chain = checked(cert.file, () => readChain(bytesOf(cert)));
  const keyPem = checked(key.file, () => readKey(bytesOf(key)));
  const [leaf] = chain;
  checked(key.file, () => {
    if (!leaf.checkPrivateKey(createPrivateKey(keyPem)))
      throw new Error(`private key does not match public key of ${cert.file.path}`);
  });
  return { file: cert.file, chain, chainPem: chain.map(String).join(""), keyPem };
}

function readChain(bytes: Uint8Array): [X509Certificate, ...X509Certificate[]] {
  const blocks = blocksOf(bytes);
  const [leaf, ...issuers] = blocks
    .filter(({ label }) => label === "CERTIFICATE")
    .map(({ text }) => new X509Certificate(text));
  if (leaf === undefined) throw new Error(`it holds no certificate${insteadOf(blocks)}`);
  return [leaf, ...issuers];
}

function readKey(bytes: Uint8Array): string {
  const blocks = blocksOf(bytes);
  const key = blocks.find(({ label }) => label.endsWith("PRIVATE KEY"));
  if (key === undefined) throw new Error(`it holds no private key${insteadOf(blocks)}`);
  return key.text;
}

/** A bundle with anything else in it is refused, as by etcd: it is more likely a wrong path than a wish. */
function readAuthorities(bytes: Uint8Array): readonly X509Certificate[] {
  const blocks = blocksOf(bytes);
  const other = blocks.find(({ label }) => label !== "CERTIFICATE");
  if (blocks.length === 0 || other !== undefined)
    throw new Error(`it must hold certificates${insteadOf(blocks)}`);
  return blocks.map(({ text }) => new X509Certificate(text));
}

async function readCrl(crl: FileContent, pause: () => Promise<void>): Promise<RevokedSerials> {
  try {
    return await readRevokedSerials(bytesOf(crl), pause);
  } catch (error) {
    throw asFileError(crl.file, error);
  }
}

function bytesOf({ content }: FileContent): Uint8Array {
  if (content instanceof Error) throw content;
  if (content.length === 0) throw new Error("it is empty");
  return content;
}

const blocksOf = (bytes: Uint8Array): readonly PemBlock[] =>
  pemBlocks(Buffer.from(bytes).toString("latin1"));

function insteadOf(blocks: readonly PemBlock[]): string {
  const labels = [...new Set(blocks.map(({ label }) => label))];
  return labels.length === 0
    ? ", nor any PEM block"
    : `, but PEM blocks of type ${labels.join(", ")}`;
}

function checked<T>(file: TlsFile, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw asFileError(file, error);
  }
}

const asFileError = (file: TlsFile, error: unknown): TlsFileError =>
  error instanceof TlsFileError ? error : new TlsFileError(file, error);
