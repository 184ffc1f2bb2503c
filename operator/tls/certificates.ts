/** Certificates of mode Managed: a CA for one cluster, and leaves by it. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { type Issuer, issueCertificate, randomSerial } from "../../node/tls/x509/certificate.ts";
import { privateKeyPem } from "../../node/tls/x509/keys.ts";
import type { EtcdCluster } from "../api/v1alpha1/types.ts";
import type { WantedPair } from "../cluster/tls/wanted.ts";
import { namespaceOf } from "../resources/urls.ts";
import { makeKeyPair } from "./key-pairs.ts";
import { fingerprintOf } from "./pem.ts";

/** PEM texts. */
export interface PemPair {
  readonly certificate: string;
  readonly key: string;
}

const dayMs = 86_400_000;
/** The clocks of the machines of a Kubernetes cluster differ: what was just made must be valid on all of them. */
const backdatedMs = 3_600_000;
const commonNameLimit = 64;

/** P-256 whatever the leaves are: all clients know it. No CA may stand below it. */
export async function makeCa(cluster: EtcdCluster, nowMs: number): Promise<PemPair> {
  const { publicKey, privateKey } = await makeKeyPair("ECDSA-P256");
  const serial = randomSerial();
  // A name of its own for each: clients look for the issuer by its name.
  const mark = Buffer.from(serial).toString("hex").slice(0, 8);
  const name = `${cluster.metadata.name}.${namespaceOf(cluster)}`;
  const certificate = issueCertificate(
    {
      subject: {
        organization: "etcd-ts",
        commonName: `${name.slice(0, commonNameLimit - 16)} CA ${mark}`,
      },
      publicKey,
      serial,
      notBeforeMs: nowMs - backdatedMs,
      notAfterMs: nowMs + cluster.spec.tls.ca.validityDays * dayMs,
      isCa: true,
      pathLength: 0,
      usages: [],
      dnsNames: [],
      ipAddresses: [],
    },
    { selfKey: privateKey },
  );
  return { certificate, key: privateKeyPem(privateKey) };
}

/** For `lifeMs`, or for as long as its CA lives. */
export async function makeLeaf(
  issuer: Issuer,
  wanted: Pick<WantedPair, "names" | "usages">,
  life: {
    readonly keyType: EtcdCluster["spec"]["tls"]["leaf"]["keyType"];
    readonly nowMs: number;
    readonly lifeMs: number;
  },
): Promise<PemPair> {
  const { publicKey, privateKey } = await makeKeyPair(life.keyType);
  const { commonName, dnsNames, ipAddresses } = wanted.names;
  const certificate = issueCertificate(
    {
      subject: { commonName },
      publicKey,
      serial: randomSerial(),
      notBeforeMs: life.nowMs - backdatedMs,
      notAfterMs: Math.min(life.nowMs + life.lifeMs, issuer.certificate.validToDate.getTime()),
      isCa: false,
      usages: wanted.usages,
      dnsNames,
      ipAddresses,
    },
    issuer,
  );
  return { certificate, key: privateKeyPem(privateKey) };
}

/** A leaf's life as the spec wants it. */
export function leafLifeOf({ spec }: EtcdCluster): number {
  return spec.tls.leaf.validityDays * dayMs;
}

/** The CA of a pair. Undefined for what cannot be read, and for a key that is another one's. */
export function issuerIn(pair: PemPair): (Issuer & { readonly fingerprint: string }) | undefined {
  try {
    const certificate = new X509Certificate(pair.certificate);
    const privateKey = createPrivateKey(pair.key);
    return certificate.checkPrivateKey(privateKey)
      ? { certificate, privateKey, fingerprint: fingerprintOf(certificate) }
      : undefined;
  } catch {
    return undefined;
  }
}
