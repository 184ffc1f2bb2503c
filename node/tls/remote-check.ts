/**
 * Whether the other end of a finished handshake is one whom we talk to. OpenSSL verifies signatures, dates, basic constraints and the extended key usage (clientAuth
 * of those who dial, serverAuth of those who are dialled) and we let it finish every handshake, so that a refusal can be logged with its cause; the rest is etcd's.
 *
 * Everything that one certificate can tell is asked again on a resumed session, which verifies nothing: it brings the leaf it began with, not the issuers
 * that were shown. Sessions with certificates are not resumed here at all, see secure-contexts.ts; these checks do not depend on it.
 */
import type { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { hostnameProblem } from "./allowed-names.ts";
import { type RevokedSerials, serialText } from "./crl.ts";
import { chainProblem } from "./verify-result.ts";
import { type CertificateFacts, certificateFacts } from "./x509/certificate-facts.ts";

/** Who the other end is to us. `host`: what we dialled, which its certificate must be valid for. */
export type Remote =
  | { readonly role: "dialler" }
  | { readonly role: "dialled"; readonly host: string };

export interface RemoteRules {
  readonly revoked: RevokedSerials;
  readonly allowedCns: readonly string[];
  readonly allowedHostnames: readonly string[];
  /** False where a certificate is looked at, but not verified: --auto-tls, when dialling. */
  readonly verifiesChain: boolean;
}

/** The reason for which it is refused, in the words of Go and etcd; undefined when it is admitted. */
export function remoteProblem(
  socket: TLSSocket,
  remote: Remote,
  rules: RemoteRules,
  nowMs: number,
): string | undefined {
  const presented = presentedCertificates(socket);
  const [leaf] = presented;
  if (leaf === undefined) {
    return remote.role === "dialler"
      ? "tls: client didn't provide a certificate"
      : "tls: server didn't provide a certificate";
  }
  const facts = readFacts(leaf);
  if (facts === undefined) return "x509: malformed certificate";
  if (rules.verifiesChain) {
    const problem = verificationProblem(socket, facts, remote, nowMs);
    if (problem !== undefined) return `tls: failed to verify certificate: ${problem}`;
  }
  return revocationProblem(presented, rules.revoked) ?? allowedProblem(facts, rules);
}

function verificationProblem(
  socket: TLSSocket,
  facts: CertificateFacts,
  remote: Remote,
  nowMs: number,
): string | undefined {
  return (
    // Our own look at the dates comes first: it can say which they are.
    validityProblem(facts, nowMs) ??
    chainProblem(socket) ??
    (remote.role === "dialled" ? hostnameProblem(facts, remote.host) : undefined)
  );
}

function validityProblem(facts: CertificateFacts, nowMs: number): string | undefined {
  const expired = "x509: certificate has expired or is not yet valid: current time";
  if (nowMs < facts.notBeforeMs)
    return `${expired} ${rfc3339(nowMs)} is before ${rfc3339(facts.notBeforeMs)}`;
  if (nowMs > facts.notAfterMs)
    return `${expired} ${rfc3339(nowMs)} is after ${rfc3339(facts.notAfterMs)}`;
  return undefined;
}

function revocationProblem(
  presented: readonly X509Certificate[],
  revoked: RevokedSerials,
): string | undefined {
  if (revoked.size === 0) return undefined;
  const serial = presented
    .map(({ serialNumber }) => serialText(serialNumber))
    .find((text) => revoked.has(text));
  return serial === undefined ? undefined : `transport: certificate serial ${serial} revoked`;
}

/** Etcd looks at verified chains only, so a rule together with a chain that is not verified refuses everybody. */
function allowedProblem(facts: CertificateFacts, rules: RemoteRules): string | undefined {
  const { allowedCns, allowedHostnames } = rules;
  if (allowedCns.length === 0 && allowedHostnames.length === 0) return undefined;
  const isAllowed =
    rules.verifiesChain &&
    (allowedCns.length === 0 || allowedCns.includes(facts.commonName)) &&
    (allowedHostnames.length === 0 ||
      allowedHostnames.some((name) => hostnameProblem(facts, name) === undefined));
  return isAllowed ? undefined : "client certificate authentication failed";
}

/** The leaf, then the issuers that were shown with it. */
function presentedCertificates(socket: TLSSocket): readonly X509Certificate[] {
  const presented: X509Certificate[] = [];
  let certificate = socket.getPeerX509Certificate();
  while (certificate !== undefined) {
    presented.push(certificate);
    certificate = certificate.issuerCertificate;
  }
  return presented;
}

/** Undefined for a certificate whose extensions are broken: at this point nobody has vouched for it yet. */
function readFacts(certificate: X509Certificate): CertificateFacts | undefined {
  try {
    return certificateFacts(certificate);
  } catch {
    return undefined;
  }
}

const rfc3339 = (unixMs: number): string => new Date(unixMs).toISOString().replace(/\.\d+Z$/, "Z");
