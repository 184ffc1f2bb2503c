/**
 * The pair that a member makes for itself (--auto-tls, --peer-auto-tls; etcd client/pkg/transport/listener.go, SelfCert): it
 * encrypts and proves nothing about who is at the other end.
 */
import { resolve } from "node:path";
import { diskError } from "../lib/disk-error.ts";
import { makeDirDurable } from "../lib/durable-dir.ts";
import type { Fs, Logger } from "../lib/ports.ts";
import { issueCertificate, randomSerial } from "./x509/certificate.ts";
import type { ExtendedUsage } from "./x509/extensions.ts";
import { ipBytes } from "./x509/ip-address.ts";
import { newKeyPair, privateKeyPem } from "./x509/keys.ts";

export interface SelfSignedOptions {
  /** <data-dir>/fixtures/client or <data-dir>/fixtures/peer. Created when it is not there. */
  readonly dir: string;
  /** Hosts of the listen URLs, with or without ports; they become the certificate's names as they are, 0.0.0.0 too. */
  readonly hosts: readonly string[];
  /** Years of 365 days. */
  readonly validityYears: number;
  /** etcd gives serverAuth only. */
  readonly usages: readonly ExtendedUsage[];
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
  readonly logger: Logger;
}

export interface PairFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

const yearMs = 365 * 24 * 3_600_000;

/**
 * Absolute paths of the pair: the one that is there (whatever it says, and however old: as on etcd, removing both files is how one
 * gets a new one), or a new one with mode 0600. The certificate gets its name last, when its key is durable, and an old one without
 * a key goes first: whenever the process or the machine stops, two files that do not belong together are never there.
 * Rejects with a DiskError, and with an Error for no validity or a host that no certificate can name.
 */
export async function ensureSelfSigned(fs: Fs, options: SelfSignedOptions): Promise<PairFiles> {
  const { logger } = options;
  if (!(options.validityYears > 0)) {
    const error = new Error("selfSignedCertValidity is invalid,it should be greater than 0");
    logger.warn("cannot generate cert", { error: error.message });
    throw error;
  }
  const dir = resolve(options.dir);
  const files = { certFile: `${dir}/cert.pem`, keyFile: `${dir}/key.pem` };
  try {
    await makeDirDurable(fs, dir);
    const hasCertificate = await fs.exists(files.certFile);
    if (hasCertificate && (await fs.exists(files.keyFile))) return files;
    if (hasCertificate) await fs.remove(files.certFile);
    const { certPem, keyPem } = newPair(options);
    await placeFile(fs, { dir, path: files.keyFile, text: keyPem });
    logger.info("created key file", { path: files.keyFile });
    await placeFile(fs, { dir, path: files.certFile, text: certPem });
    logger.info("created cert file", { path: files.certFile });
  } catch (error) {
    if ((error as { code?: unknown }).code === undefined) throw error;
    throw diskError(`cannot write a self-signed certificate into ${dir}`, error);
  }
  return files;
}

/** The subject, key and usages of etcd's own: a CA by its flag, so that it can be trusted as it is, though it may sign no other. */
function newPair({ hosts, validityYears, usages, nowMs, logger }: SelfSignedOptions) {
  const notAfterMs = nowMs + validityYears * yearMs;
  const { publicKey, privateKey } = newKeyPair("ecdsa-p521");
  const names = [...new Set(hosts.map(hostOf))].filter((name) => name !== "");
  const request = {
    subject: { organization: "etcd" },
    publicKey,
    serial: randomSerial(),
    notBeforeMs: nowMs,
    notAfterMs,
    isCa: true,
    keyUsages: ["digitalSignature", "keyEncipherment", "cRLSign"],
    usages,
    dnsNames: names.filter((name) => !isAddress(name)),
    ipAddresses: names.filter(isAddress),
  } as const;
  const certPem = issueCertificate(request, { selfKey: privateKey });
  logger.warn("automatically generate certificates", {
    "certificate-validity-bound-not-after": new Date(notAfterMs).toISOString(),
  });
  return { certPem, keyPem: privateKeyPem(privateKey) };
}

const isAddress = (name: string): boolean => ipBytes(name) !== undefined;

/** The host of "host:port", "[::1]:port", "host" or "::1"; an IPv6 zone, which no certificate knows, is cut off. */
function hostOf(host: string): string {
  const bracketed = /^\[(.*)\](?::\d*)?$/.exec(host)?.[1];
  const name = bracketed ?? (isAddress(host) ? host : host.replace(/:\d*$/, ""));
  const withoutZone = name.replace(/%.*$/, "");
  return isAddress(withoutZone) ? withoutZone : name;
}

async function placeFile(
  fs: Fs,
  { dir, path, text }: { readonly dir: string; readonly path: string; readonly text: string },
): Promise<void> {
  const temporary = `${path}.tmp`;
  if (await fs.exists(temporary)) await fs.remove(temporary);
  const file = await fs.open(temporary, "create");
  try {
    await file.write(Buffer.from(text), 0);
    await file.datasync();
  } finally {
    await file.close();
  }
  await fs.rename(temporary, path);
  await fs.syncDir(dir);
}
