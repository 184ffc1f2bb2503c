/** The two who judge our certificates: OpenSSL, and Go, which etcd and its clients are written in. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { promisify } from "node:util";
import { goPeer, peer } from "../../support/peers.ts";
import { writeFiles } from "../../support/pki/files.ts";
import type { TestCa, TestLeaf } from "../../support/pki.ts";

const execute = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "etcd-ts-x509-"));
after(() => rmSync(folder, { recursive: true }));

let directories = 0;
/** A directory that is not there yet; it goes when the tests of this file are over. */
export const nextDir = (): string => join(folder, String(directories++));

/** As test/peers/x509 prints it. */
export interface GoView {
  /** Why the certificate is refused; empty for none. */
  readonly error: string;
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  readonly algorithm: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly notBefore: string;
  readonly notAfter: string;
  readonly isCa: boolean;
  readonly pathLength: number;
  readonly keyUsage: number;
  readonly keyId: string;
  readonly issuerKeyId: string;
}

export interface GoCrlView {
  readonly error: string;
  readonly serials: readonly string[];
  readonly number: string;
  readonly thisUpdate: string;
  readonly nextUpdate: string;
}

/** Rejects with an error that carries `stderr`. */
export async function openssl(args: readonly string[]): Promise<string> {
  const { stdout } = await execute(peer("openssl"), args);
  return stdout;
}

/** What `openssl verify` with the strict rules of RFC 5280 says: "OK", or the reason. */
export async function opensslVerdict(
  root: Pick<TestCa, "certPem">,
  leaf: Pick<TestLeaf, "certPem" | "chainPem">,
  more: readonly string[] = [],
): Promise<string> {
  const files = writeFiles(nextDir(), {
    root: root.certPem,
    chain: leaf.chainPem,
    leaf: leaf.certPem,
  });
  const trust = ["-x509_strict", "-CAfile", files.root, "-untrusted", files.chain];
  try {
    await openssl(["verify", ...trust, ...more, files.leaf]);
    return "OK";
  } catch (error) {
    const { stderr } = error as { stderr: string };
    return /lookup: ?(.*)/.exec(stderr)?.[1] ?? stderr;
  }
}

/** `openssl x509 -text` of a PEM. */
export function certificateText(pem: string): Promise<string> {
  const { cert } = writeFiles(nextDir(), { cert: pem });
  return openssl(["x509", "-in", cert, "-noout", "-text", "-nameopt", "utf8,sep_comma_plus_space"]);
}

/** What Go sees in the first certificate of a chain, and whether it verifies for a name. */
export async function goView(
  root: Pick<TestCa, "certPem">,
  { chainPem }: Pick<TestLeaf, "chainPem">,
  as: { readonly name?: string; readonly side?: "server" | "client" } = {},
): Promise<GoView> {
  const files = writeFiles(nextDir(), { root: root.certPem, chain: chainPem });
  const { name = "localhost", side = "server" } = as;
  const args = ["certificate", files.root, files.chain, name, side];
  const { stdout } = await execute(goPeer("x509"), args);
  return JSON.parse(stdout) as GoView;
}

export async function goCrlView(
  issuer: Pick<TestCa, "certPem">,
  der: Uint8Array,
): Promise<GoCrlView> {
  const files = writeFiles(nextDir(), { issuer: issuer.certPem, list: der });
  const { stdout } = await execute(goPeer("x509"), ["crl", files.issuer, files.list]);
  return JSON.parse(stdout) as GoCrlView;
}
