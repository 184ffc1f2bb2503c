/**
 * --cipher-suites: Go's names for what TLS 1.2 may use (etcd client/pkg/tlsutil, Go crypto/tls), and OpenSSL's names for the same. TLS 1.3 has
 * its own suites, which Go does not let anybody choose; they are always on.
 */

/** Go's names, the secure ones first in the order in which Go prefers them; these are the default too. */
const secure = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "ECDHE-ECDSA-AES128-GCM-SHA256",
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: "ECDHE-RSA-AES128-GCM-SHA256",
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: "ECDHE-ECDSA-AES256-GCM-SHA384",
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: "ECDHE-RSA-AES256-GCM-SHA384",
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-ECDSA-CHACHA20-POLY1305",
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-RSA-CHACHA20-POLY1305",
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: "ECDHE-ECDSA-AES128-SHA",
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: "ECDHE-RSA-AES128-SHA",
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: "ECDHE-ECDSA-AES256-SHA",
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: "ECDHE-RSA-AES256-SHA",
};

/** Used only when they are named. */
const legacy = {
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: "ECDHE-ECDSA-AES128-SHA256",
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256: "ECDHE-RSA-AES128-SHA256",
  TLS_RSA_WITH_AES_128_GCM_SHA256: "AES128-GCM-SHA256",
  TLS_RSA_WITH_AES_256_GCM_SHA384: "AES256-GCM-SHA384",
  TLS_RSA_WITH_AES_128_CBC_SHA256: "AES128-SHA256",
  TLS_RSA_WITH_AES_128_CBC_SHA: "AES128-SHA",
  TLS_RSA_WITH_AES_256_CBC_SHA: "AES256-SHA",
};

/** Names that Go takes and Node.js's OpenSSL is built without: RC4 and triple DES. */
const unavailable = [
  "TLS_RSA_WITH_RC4_128_SHA",
  "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
  "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
  "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
  "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
];

/** Names from before Go's own ended in the hash; etcd takes them. */
const older = {
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305: "ECDHE-RSA-CHACHA20-POLY1305",
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305: "ECDHE-ECDSA-CHACHA20-POLY1305",
};

/** Of the same name in OpenSSL. */
const ofTls13 = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
];

const opensslNames: ReadonlyMap<string, string> = new Map(
  Object.entries({ ...secure, ...legacy, ...older }),
);

export interface CipherChoice {
  /** What node:tls takes as `ciphers`. */
  readonly ciphers: string;
  /** Named, but not to be had here. */
  readonly unavailable: readonly string[];
}

/**
 * Throws etcd's error for a name that Go does not know, and one of ours when none of those that were named is to be had: an empty choice would
 * stand for all of them. A list of TLS 1.3 suites alone leaves TLS 1.2 with none, as in Go.
 */
export function chooseCiphers(names: readonly string[]): CipherChoice {
  const chosen = names.filter((name) => !unavailable.includes(name));
  for (const name of chosen) {
    if (!opensslNames.has(name) && !ofTls13.includes(name))
      throw new Error(`unexpected TLS cipher suite ${JSON.stringify(name)}`);
  }
  if (names.length > 0 && chosen.length === 0)
    throw new Error(`none of the TLS cipher suites is available: ${names.join(", ")}`);
  const forTls12 =
    names.length === 0
      ? Object.values(secure)
      : chosen.flatMap((name) => opensslNames.get(name) ?? []);
  return {
    ciphers: [...ofTls13, ...forTls12].join(":"),
    unavailable: names.filter((name) => unavailable.includes(name)),
  };
}
