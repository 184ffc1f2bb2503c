import assert from "node:assert/strict";
import { test } from "node:test";
import { tlsErrorText } from "../../../node/lib/tls-error-text.ts";

const textOf = (code: string, reason = ""): string | undefined =>
  tlsErrorText(Object.assign(new Error("40DDAA17287F0000:error:0A000438"), { code, reason }));

test("an alert of the other end reads as Go's", () => {
  const alerts = {
    ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: "bad certificate",
    "ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE": "bad certificate",
    "ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_REVOKED": "revoked certificate",
    ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: "expired certificate",
    ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "unknown certificate authority",
    ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "certificate required",
    ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "protocol version not supported",
    ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: "handshake failure",
    ERR_SSL_TLSV1_UNRECOGNIZED_NAME: "unrecognized name",
  };
  for (const [code, text] of Object.entries(alerts)) {
    assert.equal(textOf(code), `remote error: tls: ${text}`);
  }
});

test("what is no TLS reads as Go's, whatever OpenSSL makes of it", () => {
  for (const code of ["ERR_SSL_HTTP_REQUEST", "ERR_SSL_WRONG_VERSION_NUMBER"]) {
    assert.equal(textOf(code), "tls: first record does not look like a TLS handshake");
  }
});

test("other errors of OpenSSL keep its reason, and errors of others are theirs", () => {
  assert.equal(textOf("ERR_SSL_BAD_SIGNATURE", "bad signature"), "tls: bad signature");
  assert.equal(textOf("ERR_SSL_BAD_SIGNATURE"), "tls: bad signature");
  assert.equal(textOf("ECONNRESET"), undefined);
  assert.equal(tlsErrorText(new Error("plain")), undefined);
});
