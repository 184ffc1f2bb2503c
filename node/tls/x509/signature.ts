/** Signatures of certificates and CRLs: the algorithm follows from the issuer's key (RFC 5758, RFC 8410, RFC 4055). */
import { type KeyObject, sign } from "node:crypto";
import { bitString, type Element, encode, nothing, objectId, sequence } from "./der.ts";

interface Algorithm {
  readonly oid: string;
  /** Undefined where the algorithm hashes on its own. */
  readonly digest: "sha256" | "sha384" | "sha512" | undefined;
  readonly hasNullParameters: boolean;
}

const ecdsa: Readonly<Record<string, Algorithm>> = {
  prime256v1: { oid: "1.2.840.10045.4.3.2", digest: "sha256", hasNullParameters: false },
  secp384r1: { oid: "1.2.840.10045.4.3.3", digest: "sha384", hasNullParameters: false },
  secp521r1: { oid: "1.2.840.10045.4.3.4", digest: "sha512", hasNullParameters: false },
};
const rsa: Algorithm = { oid: "1.2.840.113549.1.1.11", digest: "sha256", hasNullParameters: true };
const ed25519: Algorithm = { oid: "1.3.101.112", digest: undefined, hasNullParameters: false };

/** Throws an Error that names the type of a key which cannot sign here. */
function algorithmOf(key: KeyObject): Algorithm {
  const type = key.asymmetricKeyType;
  const curve = key.asymmetricKeyDetails?.namedCurve ?? "";
  const algorithm =
    type === "ec" ? ecdsa[curve] : type === "rsa" ? rsa : type === "ed25519" ? ed25519 : undefined;
  if (algorithm === undefined)
    throw new Error(
      `a key of type ${[type ?? "secret", curve].join(" ").trim()} cannot sign certificates: ECDSA (P-256, P-384, P-521), Ed25519 and RSA can`,
    );
  return algorithm;
}

/** AlgorithmIdentifier, as it stands in what is signed and beside the signature. */
export function signatureAlgorithm(key: KeyObject): Element {
  const { oid, hasNullParameters } = algorithmOf(key);
  return sequence(objectId(oid), hasNullParameters ? nothing() : undefined);
}

/** DER of `SEQUENCE { what is signed, algorithm, signature }`. */
export function signed(toBeSigned: Element, key: KeyObject): Buffer<ArrayBuffer> {
  const signature = sign(algorithmOf(key).digest, encode(toBeSigned), key);
  return encode(sequence(toBeSigned, signatureAlgorithm(key), bitString(signature)));
}
