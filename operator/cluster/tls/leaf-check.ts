/** Whether the leaves and the bundle in a Secret are as they are to be now, and if not, why and how much it presses. */

import { ipBytes, ipText } from "../../../node/tls/x509/ip-address.ts";
import type { EtcdClusterSpec } from "../../api/v1alpha1/types.ts";
import type { CertificateFacts, SecretFacts } from "./facts.ts";
import type { WantedPair, WantedSecret } from "./wanted.ts";

/** What holds for all leaves at this time. */
export interface LeafPolicy {
  /** Of the CA that issues now; undefined while there is none that could (its key is lost): nothing is wrong then that only new leaves could mend. */
  readonly issuer: { readonly fingerprint: string; readonly notAfterMs: number } | undefined;
  /** Fingerprints that ca.crt must hold. */
  readonly bundle: readonly string[];
  /**
   * Others that it may hold: while a CA changes nothing is taken away, and who is new trusts whom anybody trusts. Undefined: none.
   */
  readonly others: readonly string[] | undefined;
  /** Leaves are to be made anew when those in the Secret were not made for this value. Undefined: that is not asked. */
  readonly rotation: string | undefined;
  readonly leaf: EtcdClusterSpec["tls"]["leaf"];
  readonly nowMs: number;
}

/** `isUnusable`: nobody can serve or be a client with it. */
export interface Flaw {
  readonly why: string;
  readonly isUnusable: boolean;
}

export interface SecretCheck {
  /** Undefined where there is nothing to be mended. */
  readonly leaves: Flaw | undefined;
  readonly bundle: Flaw | undefined;
}

export function checkSecret(
  facts: SecretFacts | undefined,
  wanted: WantedSecret,
  policy: LeafPolicy,
): SecretCheck {
  if (facts === undefined) {
    const missing = { why: "it does not exist", isUnusable: true };
    return { leaves: policy.issuer && missing, bundle: missing };
  }
  return {
    leaves: policy.issuer === undefined ? undefined : leavesFlaw(facts, wanted, policy),
    bundle: bundleFlaw(facts, policy),
  };
}

/** The bundle after a change: what is there stays in its place as long as others may be in it. */
export function bundleAfter(facts: SecretFacts | undefined, policy: LeafPolicy): readonly string[] {
  const kept = policy.others === undefined ? [] : (facts?.bundle ?? policy.others);
  return [...new Set([...kept, ...policy.bundle])];
}

/** The same names, in whatever order and writing. */
function isSameNames(found: readonly string[], wanted: readonly string[]): boolean {
  const left = new Set(found);
  const right = new Set(wanted);
  return left.size === right.size && [...left].every((name) => right.has(name));
}

function bundleFlaw({ bundle }: SecretFacts, policy: LeafPolicy): Flaw | undefined {
  if (bundle === undefined) return { why: "its ca.crt cannot be read", isUnusable: true };
  if (!policy.bundle.every((fingerprint) => bundle.includes(fingerprint))) {
    return { why: "its ca.crt lacks a CA", isUnusable: false };
  }
  return policy.others !== undefined || isSameNames(bundle, policy.bundle)
    ? undefined
    : { why: "its ca.crt holds a CA that is to go", isUnusable: false };
}

function leavesFlaw(
  facts: SecretFacts,
  wanted: WantedSecret,
  policy: LeafPolicy,
): Flaw | undefined {
  const flaws = wanted.pairs.flatMap((pair) => pairFlaw(facts, pair, policy) ?? []);
  const worst = flaws.find(({ isUnusable }) => isUnusable) ?? flaws[0];
  if (worst !== undefined) return worst;
  return policy.rotation !== undefined && policy.rotation !== facts.rotation
    ? { why: `a new one is asked for by the annotation ("${policy.rotation}")`, isUnusable: false }
    : undefined;
}

function pairFlaw(facts: SecretFacts, pair: WantedPair, policy: LeafPolicy): Flaw | undefined {
  const found = facts.pairs.get(pair.certificateKey);
  const unusable = (why: string): Flaw => ({
    why: `${pair.certificateKey} ${why}`,
    isUnusable: true,
  });
  if (found === undefined) return unusable("is missing");
  if (found.kind === "broken") return unusable(`cannot be used: ${found.why}`);
  if (!found.hasKey) return unusable("has no key");
  if (policy.nowMs > found.certificate.notAfterMs) return unusable("has expired");
  const why =
    wrongOf(found.certificate, pair, policy) ??
    (isDue(found.certificate, policy) ? "is due for renewal" : undefined);
  return why === undefined
    ? undefined
    : { why: `${pair.certificateKey} ${why}`, isUnusable: false };
}

function wrongOf(
  found: CertificateFacts,
  { names, usages }: WantedPair,
  { issuer, leaf }: LeafPolicy,
): string | undefined {
  if (found.isCa) return "is a CA's";
  if (found.issuerFingerprint !== issuer?.fingerprint) return "is not of the CA that issues";
  if (found.commonName !== names.commonName) return "has another common name";
  const addresses = names.ipAddresses.map(canonicalIp);
  if (!isSameNames(found.dnsNames, names.dnsNames)) return "has other DNS names";
  if (!isSameNames(found.ipAddresses, addresses)) return "has other IP addresses";
  if (!isSameNames(found.usages, usages)) return "is for other usages";
  return found.keyType === leaf.keyType ? undefined : "has a key of another kind";
}

/** Not where a new one would end no later: its life is cut at the end of its CA's. */
function isDue(
  { notBeforeMs, notAfterMs }: CertificateFacts,
  { issuer, leaf, nowMs }: LeafPolicy,
): boolean {
  const dueMs = notBeforeMs + (notAfterMs - notBeforeMs) * (leaf.renewAtPercent / 100);
  return nowMs >= dueMs && issuer !== undefined && issuer.notAfterMs > notAfterMs;
}

function canonicalIp(address: string): string {
  const bytes = ipBytes(address);
  return bytes === undefined ? address : ipText(bytes);
}
