/** Why a TLS connection was refused, in the words that etcd's own client has for it (Go's crypto/tls and crypto/x509). */

const unknownAuthority = "x509: certificate signed by unknown authority";
const notValidNow = "x509: certificate has expired or is not yet valid";

/** Node's codes for what is wrong with the server's certificate. */
const verificationTexts: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  CERT_SIGNATURE_FAILURE: unknownAuthority,
  CERT_HAS_EXPIRED: `${notValidNow}: it has expired`,
  CERT_NOT_YET_VALID: `${notValidNow}: it is not yet valid`,
  INVALID_PURPOSE: "x509: certificate specifies an incompatible key usage",
};

/** Alerts with which a server ends a connection (RFC 8446, section 6). */
const alertTexts: Readonly<Record<string, string>> = {
  "40": "handshake failure",
  "42": "bad certificate",
  "43": "unsupported certificate",
  "44": "revoked certificate",
  "45": "expired certificate",
  "46": "unknown certificate",
  "48": "unknown certificate authority",
  "49": "access denied",
  "70": "protocol version not supported",
  "71": "insufficient security level",
  "80": "internal error",
  "112": "unrecognized name",
  "116": "certificate required",
  "120": "no application protocol",
};

/** Of an error that a TLSSocket gave, or that @grpc/grpc-js made a text of; other errors keep their message. */
export function tlsErrorText(error: Error & { readonly code?: unknown }): string {
  const { code, message } = error;
  const verification = typeof code === "string" ? verificationTexts[code] : undefined;
  if (verification !== undefined) return `tls: failed to verify certificate: ${verification}`;
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return `tls: failed to verify certificate: ${message}`;
  const [, alert = ""] = /SSL alert number (\d+)/.exec(message) ?? [];
  if (alert !== "") return `remote error: tls: ${alertTexts[alert] ?? `alert ${alert}`}`;
  if (message.includes("wrong version number")) return "tls: the server does not speak TLS";
  return message;
}
