/**
 * What the flags say of TLS: certificates from their files, and whether connections are encrypted (etcdctl ctlv3/command/global.go, client/v3
 * config.go). Texts of errors are etcdctl's.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { TlsOptions } from "../client/tls-credentials.ts";
import { CtlError, exitCode } from "./ctl-error.ts";
import type { FlagValues } from "./flag-values.ts";

export interface TlsFlags {
  readonly options: TlsOptions;
  /** Endpoints without http:// or https:// are dialled over TLS: some flag asks for it. */
  readonly isWanted: boolean;
}

/** Throws CtlError, exit code 128. */
export function readTls(values: FlagValues): TlsFlags {
  for (const name of ["cert", "key", "cacert"]) {
    if (values.isGiven(name) && values.text(name) === "")
      throw refusal(`empty string is passed to --${name} option`);
  }
  const serverName = values.isOn("insecure-discovery") ? "" : values.text("discovery-srv");
  const insecureSkipVerify = values.isOn("insecure-skip-tls-verify");
  const options = {
    ...identityOf(values.text("cert"), values.text("key")),
    ...authorityOf(values.text("cacert")),
    ...(serverName === "" ? {} : { serverName }),
    insecureSkipVerify,
  };
  const isNamed = ["cert", "key", "cacert"].some((name) => values.text(name) !== "");
  const isWanted =
    isNamed || serverName !== "" || insecureSkipVerify || !values.isOn("insecure-transport");
  return { options, isWanted };
}

/** The pair that the client shows. */
function identityOf(certFile: string, keyFile: string): Pick<TlsOptions, "cert" | "key"> {
  if (certFile === "" && keyFile === "") return {};
  if (certFile === "" || keyFile === "") {
    const which = `[key: ${keyFile}, cert: ${certFile}]`;
    throw refusal(`KeyFile and CertFile must both be present${which}`);
  }
  const [cert, key] = [contents(certFile), contents(keyFile)];
  const certificate = certificateOf(cert);
  if (!certificate.checkPrivateKey(privateKeyOf(key)))
    throw refusal("tls: private key does not match public key");
  return { cert, key };
}

const pemKinds = (pem: Uint8Array): readonly string[] =>
  [
    ...Buffer.from(pem)
      .toString("latin1")
      .matchAll(/-----BEGIN ([^-]+)-----/g),
  ].map(([, kind = ""]) => kind);

function certificateOf(pem: Uint8Array): X509Certificate {
  const kinds = pemKinds(pem);
  if (kinds.length === 0) throw refusal("tls: failed to find any PEM data in certificate input");
  if (!kinds.includes("CERTIFICATE")) {
    const found = kinds.some((kind) => kind.endsWith("PRIVATE KEY"))
      ? ", but did find a private key; PEM inputs may have been switched"
      : ` after skipping PEM blocks of the following types: [${kinds.join(" ")}]`;
    throw refusal(`tls: failed to find certificate PEM data in certificate input${found}`);
  }
  return parsed(() => new X509Certificate(pem), "x509: malformed certificate");
}

function privateKeyOf(pem: Uint8Array): KeyObject {
  const kinds = pemKinds(pem);
  if (kinds.length === 0) throw refusal("tls: failed to find any PEM data in key input");
  if (!kinds.some((kind) => kind.endsWith("PRIVATE KEY"))) {
    throw refusal(
      kinds[0] === "CERTIFICATE"
        ? "tls: found a certificate rather than a key in the PEM for the private key"
        : `tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the following types: [${kinds.join(" ")}]`,
    );
  }
  return parsed(() => createPrivateKey(Buffer.from(pem)), "tls: failed to parse private key");
}

/** A file without certificates is no error: no server is trusted then. */
function authorityOf(file: string): Pick<TlsOptions, "ca"> {
  if (file === "") return {};
  const ca = contents(file);
  const blocks = Buffer.from(ca)
    .toString("latin1")
    .matchAll(/-----BEGIN ([^-]+)-----([^-]*)-----END \1-----/g);
  for (const [, , base64 = ""] of blocks) {
    const der = Buffer.from(base64, "base64");
    parsed(() => new X509Certificate(der), "x509: malformed certificate");
  }
  return { ca };
}

function parsed<Result>(parse: () => Result, refused: string): Result {
  try {
    return parse();
  } catch {
    throw refusal(refused);
  }
}

/** Why a file cannot be read, as Go says it: of a directory only reading fails, not opening. */
const readErrors: Readonly<Record<string, readonly [string, string]>> = {
  ENOENT: ["open", "no such file or directory"],
  EACCES: ["open", "permission denied"],
  ENOTDIR: ["open", "not a directory"],
  EISDIR: ["read", "is a directory"],
};

function contents(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    const [act, reason] = readErrors[code] ?? ["open", message];
    throw refusal(`${act} ${file}: ${reason}`);
  }
}

const refusal = (text: string): CtlError => new CtlError(exitCode.badArguments, text);
