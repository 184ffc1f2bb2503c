/** What OpenSSL found when it verified the chain that the other end of a TLS connection has shown. */
import type { TLSSocket } from "node:tls";

/**
 * Not in Node.js's documentation, and the source of TLSSocket.authorizationError in lib/internal/tls/wrap.js. That property is set by tls.connect and
 * tls.Server only: on a `new TLSSocket(socket, { isServer: true })` it is null whatever OpenSSL has found (Node.js 24), so reading it there would admit everybody.
 */
interface Handle {
  verifyError(): (Error & { readonly code: string }) | null | undefined;
}

/**
 * Undefined when the chain is good, else Go's text for the finding. Sessions keep the finding of the handshake that began them. Where it cannot be asked the
 * answer is no.
 */
export function chainProblem(socket: TLSSocket): string | undefined {
  const { _handle: handle } = socket as unknown as { readonly _handle: Partial<Handle> | null };
  if (handle === null) return "the connection is closed";
  if (typeof handle.verifyError !== "function")
    return "this version of Node.js does not tell how the certificate was verified";
  const finding = handle.verifyError();
  if (finding === null || finding === undefined) return undefined;
  return goTexts.get(finding.code) ?? `x509: ${finding.message} (${finding.code})`;
}

const unknownAuthority = "x509: certificate signed by unknown authority";

/** OpenSSL's names of its findings. */
const goTexts: ReadonlyMap<string, string> = new Map([
  ["UNABLE_TO_GET_ISSUER_CERT", unknownAuthority],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", unknownAuthority],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", unknownAuthority],
  ["SELF_SIGNED_CERT_IN_CHAIN", unknownAuthority],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", unknownAuthority],
  ["CERT_SIGNATURE_FAILURE", unknownAuthority],
  ["CERT_UNTRUSTED", unknownAuthority],
  ["CERT_HAS_EXPIRED", "x509: certificate has expired or is not yet valid"],
  ["CERT_NOT_YET_VALID", "x509: certificate has expired or is not yet valid"],
  ["INVALID_PURPOSE", "x509: certificate specifies an incompatible key usage"],
  ["INVALID_CA", "x509: certificate is not authorized to sign other certificates"],
  ["PATH_LENGTH_EXCEEDED", "x509: too many intermediates for path length constraint"],
]);
