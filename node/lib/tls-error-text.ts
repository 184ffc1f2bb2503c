/** What went wrong in a TLS connection, in words by which a person finds help: Go's, where Go has the same. */

/** Undefined for an error that does not come from OpenSSL. */
export function tlsErrorText(error: Error): string | undefined {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const own = ownProblems.get(code);
  if (own !== undefined) return own;
  const alert = /^ERR_SSL_(?:SSLV3|SSL\/TLS|TLSV1|TLSV13)_(?:ALERT_)?(.*)$/.exec(code)?.[1];
  if (alert !== undefined) {
    return `remote error: tls: ${alerts.get(alert) ?? alert.toLowerCase().replaceAll("_", " ")}`;
  }
  if (!code.startsWith("ERR_SSL_")) return undefined;
  const reason = "reason" in error && typeof error.reason === "string" ? error.reason : "";
  return `tls: ${reason === "" ? code.slice(8).toLowerCase().replaceAll("_", " ") : reason}`;
}

const noRecord = "tls: first record does not look like a TLS handshake";

/** OpenSSL's name of what it does not like itself ▸ Go's text. */
const ownProblems: ReadonlyMap<string, string> = new Map([
  ["ERR_SSL_HTTP_REQUEST", noRecord],
  ["ERR_SSL_HTTPS_PROXY_REQUEST", noRecord],
  ["ERR_SSL_WRONG_VERSION_NUMBER", noRecord],
  ["ERR_SSL_PACKET_LENGTH_TOO_LONG", noRecord],
  ["ERR_SSL_BAD_RECORD_TYPE", noRecord],
  ["ERR_SSL_UNEXPECTED_MESSAGE", "tls: unexpected message"],
  ["ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", "tls: client didn't provide a certificate"],
  ["ERR_SSL_NO_SHARED_CIPHER", "tls: no cipher suite supported by both client and server"],
  ["ERR_SSL_UNSUPPORTED_PROTOCOL", "tls: client offered only unsupported versions"],
  ["ERR_SSL_NO_APPLICATION_PROTOCOL", "tls: client requested unsupported application protocols"],
  ["ERR_TLS_RENEGOTIATION_DISABLED", "tls: renegotiation is not supported"],
]);

/** OpenSSL's name of an alert that the other end has sent ▸ Go's text, where the words differ. */
const alerts: ReadonlyMap<string, string> = new Map([
  ["BAD_RECORD_MAC", "bad record MAC"],
  ["CERTIFICATE_EXPIRED", "expired certificate"],
  ["CERTIFICATE_REVOKED", "revoked certificate"],
  ["CERTIFICATE_UNKNOWN", "unknown certificate"],
  ["UNKNOWN_CA", "unknown certificate authority"],
  ["PROTOCOL_VERSION", "protocol version not supported"],
  ["DECRYPT_ERROR", "error decrypting message"],
  ["DECODE_ERROR", "error decoding message"],
  ["INSUFFICIENT_SECURITY", "insufficient security level"],
  ["USER_CANCELLED", "user canceled"],
]);
