/** Key pairs: made, written, and told apart. They are node:crypto's own objects. */
import { createHash, generateKeyPairSync, type KeyObject } from "node:crypto";
import { assert } from "../../lib/assert.ts";
import { readElement, readElements, tags } from "./der.ts";

export type KeyType =
  | "ecdsa-p256"
  | "ecdsa-p384"
  | "ecdsa-p521"
  | "ed25519"
  | "rsa-2048"
  | "rsa-4096";

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** RSA takes 0.1 s and more, the others less than a millisecond. */
export function newKeyPair(type: KeyType): KeyPair {
  switch (type) {
    case "ecdsa-p256":
      return generateKeyPairSync("ec", { namedCurve: "P-256" });
    case "ecdsa-p384":
      return generateKeyPairSync("ec", { namedCurve: "P-384" });
    case "ecdsa-p521":
      return generateKeyPairSync("ec", { namedCurve: "P-521" });
    case "ed25519":
      return generateKeyPairSync("ed25519");
    case "rsa-2048":
      return generateKeyPairSync("rsa", { modulusLength: 2048 });
    case "rsa-4096":
      return generateKeyPairSync("rsa", { modulusLength: 4096 });
  }
}

/** PKCS #8, the one form that every client's library reads. Not encrypted: etcd and its clients take no passwords. */
export function privateKeyPem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }) as string;
}

/** SubjectPublicKeyInfo, DER. */
export function publicKeyInfo(key: KeyObject): Uint8Array {
  return key.export({ type: "spki", format: "der" });
}

/** Names a key in subjectKeyIdentifier: SHA-256 of the public key's bits, cut to 160 (RFC 7093, method 1; Go does so too). */
export function keyIdentifier(publicKey: KeyObject): Uint8Array {
  const [, bits] = readElements(readElement(publicKeyInfo(publicKey)).content);
  assert(bits?.tag === tags.bitString, "a public key ends with its bits");
  // The first byte counts the unused bits of the last one.
  return createHash("sha256").update(bits.content.subarray(1)).digest().subarray(0, 20);
}
