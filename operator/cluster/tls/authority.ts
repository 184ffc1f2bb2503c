/**
 * The CA of a cluster of mode Managed: whether the Secret with it and what was latched of it belong together, and what repairs that. Between any two
 * writes the operator may end; each state that this leaves is told apart here.
 */
import { rotateAnnotation } from "../../api/v1alpha1/names.ts";
import type { EtcdClusterStatus } from "../../api/v1alpha1/types.ts";
import { caSecretNameOf } from "../../resources/names.ts";
import { caKeys } from "../../resources/tls-secrets.ts";
import { type Answer, type Look, step, stuck } from "../rule.ts";
import type { CertificateFacts, SecretFacts } from "./facts.ts";
import type { CaChange } from "./issue-order.ts";
import { timeText } from "./leaf-end.ts";

export type Latched = NonNullable<EtcdClusterStatus["certificates"]>;

/** A CA in the Secret. */
export interface KnownCa {
  readonly certificate: CertificateFacts;
  readonly hasKey: boolean;
}

/** The CA as it is latched and there. */
export interface Authority {
  readonly kind: "authority";
  readonly latched: Latched;
  /** That of `latched.caFingerprint`. */
  readonly current: KnownCa;
  /** The one that comes, or the one that goes. */
  readonly other: KnownCa | undefined;
}

/** An answer where something has to be done, or a person to help, before certificates can be issued. */
export function authorityOf(
  look: Look,
): Authority | { readonly kind: "answer"; readonly answer: Answer } {
  const name = caSecretNameOf(look.cluster.metadata.name);
  const { certificates: latched } = look.latched;
  const facts = look.observed.tls.secrets.get(name);
  if (facts === undefined) return { kind: "answer", answer: makeCa(look, latched) };
  const current = caIn(facts, caKeys.certificate);
  const other = caIn(facts, caKeys.nextCertificate);
  if (current === undefined) {
    return {
      kind: "answer",
      answer: lost(name, "its tls.crt is no certificate of a CA, or tls.key is another one's"),
    };
  }
  const fingerprint = current.certificate.fingerprint;
  if (latched?.caFingerprint === undefined) {
    return { kind: "answer", answer: latchFound(look, current, other) };
  }
  if (fingerprint === latched.caFingerprint) {
    return current.hasKey || latched.phase === "AddNew"
      ? { kind: "authority", latched, current, other }
      : { kind: "answer", answer: latchKeyLost(look, latched, current) };
  }
  return { kind: "answer", answer: latchedOther(look, { name, latched, current, other }) };
}

/** One write of the Secret with the CA. */
export function changeCa(
  { cluster }: Look,
  change: CaChange,
  told: { readonly reason: string; readonly message: string },
): Answer {
  const secretName = caSecretNameOf(cluster.metadata.name);
  return step({ kind: "issue", secretName, order: { kind: "ca", change }, ...told });
}

export function latchCertificates(
  certificates: Latched,
  told: { readonly reason: string; readonly message: string },
): Answer {
  return step({ kind: "latch-cluster", fields: { certificates }, ...told });
}

/** Whether anybody still trusts this CA. */
function isInBundles({ observed }: Look, fingerprint: string): boolean {
  return [...observed.tls.secrets.values()].some(
    ({ bundle }) => bundle?.includes(fingerprint) === true,
  );
}

function caIn(facts: SecretFacts, key: string): KnownCa | undefined {
  const pair = facts.pairs.get(key);
  return pair?.kind === "pair" && pair.certificate.isCa ? pair : undefined;
}

function lost(name: string, why: string): Answer {
  return stuck(
    "CertificateAuthorityLost",
    `Secret ${name} does not hold the cluster's CA: ${why}; put back what was there, or delete the Secret: the operator then makes another CA and changes to it without an interruption`,
  );
}

/** The Secret is not there. Certificates of a CA whose key is gone go on to be good; the CA after it comes the usual way. */
function makeCa(look: Look, latched: Latched | undefined): Answer {
  const lostFingerprint = latched?.caFingerprint;
  if (lostFingerprint !== undefined && isInBundles(look, lostFingerprint)) {
    return changeCa(
      look,
      { kind: "restore", lostFingerprint },
      {
        reason: "RestoredCA",
        message:
          "the Secret with the CA is gone, and its key with it: another CA is made to follow it",
      },
    );
  }
  return changeCa(
    look,
    { kind: "create" },
    { reason: "CreatedCA", message: "the cluster's CA is made" },
  );
}

/** Nothing is latched: the CA was just made, or somebody emptied the status. What stands beside it tells how far a change was. */
function latchFound(look: Look, current: KnownCa, other: KnownCa | undefined): Answer {
  const isComing = other?.hasKey === true || !current.hasKey;
  const phase = other === undefined && current.hasKey ? "Stable" : isComing ? "AddNew" : "Reissue";
  return latchCertificates(
    {
      phase,
      ...nowIssuing(current),
      ...(other === undefined ? {} : { nextCAFingerprint: other.certificate.fingerprint }),
      ...requestOf(look),
    },
    { reason: "RecordedCA", message: "the CA is recorded that the cluster's certificates are of" },
  );
}

/** There is the certificate without its key: nothing can be issued before the next CA is trusted. */
function latchKeyLost(look: Look, latched: Latched, current: KnownCa): Answer {
  return latchCertificates(
    { ...latched, phase: "AddNew", ...nowIssuing(current), ...requestOf(look) },
    { reason: "ReplacingCA", message: "the key of the CA is gone, and another CA is to follow it" },
  );
}

interface Found {
  readonly name: string;
  readonly latched: Latched;
  readonly current: KnownCa;
  readonly other: KnownCa | undefined;
}

/** The Secret's first CA is not the latched one. */
function latchedOther(look: Look, { name, latched, current, other }: Found): Answer {
  const { caFingerprint = "" } = latched;
  const isNext = other?.hasKey === true && other.certificate.fingerprint === caFingerprint;
  if (isNext && latched.phase !== "Stable" && latched.phase !== "AddNew") {
    return changeCa(
      look,
      { kind: "promote" },
      {
        reason: "PromotedCA",
        message: "the next CA issues from now on, and the key of the one before is destroyed",
      },
    );
  }
  // It was lost in the middle of a change, and put back by an operator that did not know how far that was.
  if (!current.hasKey && other?.hasKey === true) return latchKeyLost(look, latched, current);
  if (isInBundles(look, caFingerprint) || !current.hasKey) return lost(name, "it is another one");
  // The old one is in nobody's hands any more: this is as if the cluster had none before.
  return latchFound(look, current, other);
}

export function nowIssuing({
  certificate,
}: KnownCa): Pick<Latched, "caFingerprint" | "caNotAfter"> {
  return { caFingerprint: certificate.fingerprint, caNotAfter: timeText(certificate.notAfterMs) };
}

/** The annotation as it is now counts as carried out: with another CA everything is made anew. */
function requestOf(look: Look): Pick<Latched, "rotationRequest"> {
  const request = rotationRequestOf(look);
  return request === undefined ? {} : { rotationRequest: request };
}

/** Value of the annotation etcd-ts.dev/rotate, cut to what the status holds; undefined for none. */
export function rotationRequestOf({ cluster }: Look): string | undefined {
  const value = cluster.metadata.annotations?.[rotateAnnotation];
  return value === undefined || value === "" ? undefined : value.slice(0, 253);
}
