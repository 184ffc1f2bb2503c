/** Certificates in PEM, and how they are named. */
import type { X509Certificate } from "node:crypto";

const block = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Each certificate of a text as a text of its own, in order; undefined for a text in which a block is cut off or of another kind. */
export function pemCertificates(text: string): readonly string[] | undefined {
  const blocks = text.match(block) ?? [];
  const begun = text.split("-----BEGIN ").length - 1;
  return begun === blocks.length ? blocks.map((pem) => `${pem}\n`) : undefined;
}

/** SHA-256 of the DER, lower-case hex. */
export function fingerprintOf(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(":", "").toLowerCase();
}
