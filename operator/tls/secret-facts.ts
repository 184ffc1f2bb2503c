/** Reads the facts that the plan needs out of the Secrets with certificates. Never throws for what stands in a Secret: it may be anybody's. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { certificateFacts } from "../../node/tls/x509/certificate-facts.ts";
import { certificatesChangedAnnotation, rotateAnnotation } from "../api/v1alpha1/names.ts";
import type { CertificateFacts, PairFacts, SecretFacts, TlsFacts } from "../cluster/tls/facts.ts";
import type { KubernetesObject } from "../kernel/resource.ts";
import { caKeys, clientTlsKeys, textsIn } from "../resources/tls-secrets.ts";
import { memberTlsKeys } from "../resources/tls-volume.ts";
import { fingerprintOf, pemCertificates } from "./pem.ts";

/** Key of a certificate ▸ key of its private key, in whichever Secret. */
const pairKeys: readonly (readonly [string, string])[] = [
  [clientTlsKeys.certificate, clientTlsKeys.key],
  [caKeys.nextCertificate, caKeys.nextKey],
  [memberTlsKeys.serverCertificate, memberTlsKeys.serverKey],
  [memberTlsKeys.peerCertificate, memberTlsKeys.peerKey],
];

const usageNames: ReadonlyMap<string, string> = new Map([
  ["1.3.6.1.5.5.7.3.1", "serverAuth"],
  ["1.3.6.1.5.5.7.3.2", "clientAuth"],
]);

type Texts = ReadonlyMap<string, string>;

/** A certificate's issuer is looked for among all CAs of these Secrets. A few milliseconds for a large cluster. */
export function readTlsFacts(secrets: ReadonlyMap<string, KubernetesObject>): TlsFacts {
  const texts = new Map([...secrets].map(([name, secret]) => [name, textsIn(secret)] as const));
  const authorities = authoritiesIn([...texts.values()]);
  return {
    secrets: new Map(
      [...secrets].map(([name, secret]) => [
        name,
        factsOf(secret, texts.get(name) ?? new Map<string, string>(), authorities),
      ]),
    ),
  };
}

/** All CAs that stand in these Secrets, in a bundle or as a certificate, by fingerprint. */
export function authoritiesIn(texts: readonly Texts[]): ReadonlyMap<string, X509Certificate> {
  const sources = [clientTlsKeys.ca, caKeys.certificate, caKeys.nextCertificate];
  const pems = new Set(
    texts.flatMap((text) => sources.flatMap((key) => pemCertificates(text.get(key) ?? "") ?? [])),
  );
  const found = [...pems].flatMap((pem) => certificateIn(pem) ?? []).filter(({ ca }) => ca);
  return new Map(found.map((certificate) => [fingerprintOf(certificate), certificate] as const));
}

function factsOf(
  { metadata }: KubernetesObject,
  texts: Texts,
  authorities: ReadonlyMap<string, X509Certificate>,
): SecretFacts {
  const pairs = pairKeys.flatMap(([certificateKey, keyKey]) => {
    const pem = texts.get(certificateKey);
    if (pem === undefined) return [];
    return [[certificateKey, pairOf(pem, texts.get(keyKey) ?? "", authorities)] as const];
  });
  const changedAtMs = Date.parse(metadata.annotations?.[certificatesChangedAnnotation] ?? "");
  return {
    pairs: new Map(pairs),
    bundle: bundleOf(texts.get(clientTlsKeys.ca)),
    rotation: metadata.annotations?.[rotateAnnotation] ?? "",
    changedAtMs: Number.isNaN(changedAtMs) ? undefined : changedAtMs,
  };
}

function bundleOf(text: string | undefined): readonly string[] | undefined {
  const pems = pemCertificates(text ?? "");
  if (pems === undefined || pems.length === 0) return undefined;
  const certificates = pems.map(certificateIn);
  return certificates.every((certificate) => certificate !== undefined)
    ? certificates.map(fingerprintOf)
    : undefined;
}

/** `keyPem`: "" for none, as of a CA that issues no more. */
function pairOf(
  pem: string,
  keyPem: string,
  authorities: ReadonlyMap<string, X509Certificate>,
): PairFacts {
  const [leaf] = pemCertificates(pem) ?? [];
  const certificate = leaf === undefined ? undefined : certificateIn(leaf);
  if (certificate === undefined) return broken("there is no certificate in it");
  const facts = readFacts(certificate, authorities);
  if (facts === undefined) return broken("the certificate is malformed");
  if (keyPem.trim() === "") return { kind: "pair", certificate: facts, hasKey: false };
  const key = privateKeyIn(keyPem);
  if (key === undefined) return broken("the private key cannot be read");
  return certificate.checkPrivateKey(key)
    ? { kind: "pair", certificate: facts, hasKey: true }
    : broken("the private key is another certificate's");
}

function readFacts(
  certificate: X509Certificate,
  authorities: ReadonlyMap<string, X509Certificate>,
): CertificateFacts | undefined {
  try {
    return {
      ...certificateFacts(certificate),
      fingerprint: fingerprintOf(certificate),
      // Node.js: undefined for a certificate without the extension, whatever its types say.
      usages: ((certificate.keyUsage as string[] | undefined) ?? []).map(
        (oid) => usageNames.get(oid) ?? oid,
      ),
      keyType: keyTypeOf(certificate.publicKey),
      isCa: certificate.ca,
      issuerFingerprint: issuerOf(certificate, authorities),
    };
  } catch {
    return undefined;
  }
}

/** By its signature: two CAs of one cluster may have the same name. */
function issuerOf(
  certificate: X509Certificate,
  authorities: ReadonlyMap<string, X509Certificate>,
): string | undefined {
  for (const [fingerprint, authority] of authorities) {
    if (certificate.checkIssued(authority) && certificate.verify(authority.publicKey))
      return fingerprint;
  }
  return undefined;
}

function keyTypeOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  const { namedCurve, modulusLength } = asymmetricKeyDetails ?? {};
  if (asymmetricKeyType === "ec" && namedCurve === "prime256v1") return "ECDSA-P256";
  return asymmetricKeyType === "rsa"
    ? `RSA-${modulusLength ?? 0}`
    : [asymmetricKeyType ?? "", namedCurve ?? ""].join(" ").trim();
}

function certificateIn(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function privateKeyIn(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

const broken = (why: string): PairFacts => ({ kind: "broken", why });
