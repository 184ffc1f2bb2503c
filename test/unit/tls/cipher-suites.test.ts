import assert from "node:assert/strict";
import { test } from "node:test";
import { createSecureContext, getCiphers } from "node:tls";
import { chooseCiphers } from "../../../node/tls/cipher-suites.ts";

const goNames = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
  "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
  "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
  "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
  "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
  "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
  "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
  "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
  "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
  "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
  "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
  "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
  "TLS_RSA_WITH_AES_128_CBC_SHA",
  "TLS_RSA_WITH_AES_256_CBC_SHA",
  "TLS_RSA_WITH_AES_128_CBC_SHA256",
  "TLS_RSA_WITH_AES_128_GCM_SHA256",
  "TLS_RSA_WITH_AES_256_GCM_SHA384",
  "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
  "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
];

test("every name that Go knows is one that this OpenSSL has", () => {
  for (const name of goNames) {
    const { ciphers, unavailable } = chooseCiphers([name]);
    assert.deepEqual(unavailable, []);
    for (const cipher of ciphers.split(":"))
      assert.ok(getCiphers().includes(cipher.toLowerCase()), cipher);
    createSecureContext({ ciphers, ca: [] });
  }
});

test("suites of TLS 1.3 stay on whatever is chosen", () => {
  assert.equal(
    chooseCiphers(["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]).ciphers,
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:ECDHE-RSA-AES128-GCM-SHA256",
  );
});

test("without a choice there is no exchange without forward secrecy", () => {
  const ciphers = chooseCiphers([]).ciphers.split(":");
  assert.equal(ciphers.length, 13);
  for (const cipher of ciphers) assert.match(cipher, /^(TLS_|ECDHE-)/);
});

test("an unknown name is refused with etcd's text", () => {
  assert.throws(() => chooseCiphers(["TLS_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-SHA"]), {
    message: 'unexpected TLS cipher suite "ECDHE-RSA-AES128-SHA"',
  });
});

test("RC4 and triple DES are known and left out; alone they would leave every suite on, so they are refused", () => {
  const { unavailable, ciphers } = chooseCiphers([
    "TLS_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
  ]);
  assert.deepEqual(unavailable, ["TLS_RSA_WITH_RC4_128_SHA"]);
  assert.match(ciphers, /:AES128-SHA$/);
  assert.throws(() => chooseCiphers(["TLS_RSA_WITH_3DES_EDE_CBC_SHA"]), /none of the TLS cipher/);
});
