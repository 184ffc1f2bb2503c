/** Mode Managed: what is to be done next to the cluster's certificates. */
import type { KubernetesObject } from "../../kernel/resource.ts";
import { isControlledBy, uidOf } from "../../resources/owners.ts";
import { type Answer, type Look, step, stuck } from "../rule.ts";
import { type Authority, authorityOf, latchCertificates, rotationRequestOf } from "./authority.ts";
import { bundleAfter, checkSecret, type LeafPolicy, type SecretCheck } from "./leaf-check.ts";
import { firstEndOf, timeText } from "./leaf-end.ts";
import { advance, isForCa, policyOf, prepareCa } from "./rotation.ts";
import { holdsCertificates } from "./spread.ts";
import { type WantedSecret, wantedOfClients, wantedOfMember } from "./wanted.ts";

/** How much of the work is asked for: what members cannot run without, or all of it. */
export type Scope = "pressing" | "all";

export function managedAnswer(look: Look, scope: Scope): Answer {
  const invalid = invalidNames(look);
  if (invalid !== undefined) return invalid;
  const authority = authorityOf(look);
  if (authority.kind === "answer") return authority.answer;
  const prepared = scope === "all" ? prepareCa(look, authority) : undefined;
  if (prepared !== undefined) return prepared;
  const policy = policyOf(look, authority);
  const mended = mendSecret(look, policy, scope);
  if (mended !== undefined || scope === "pressing") return mended;
  return dropUnwanted(look) ?? record(look, authority) ?? advance(look, authority);
}

/** All that are to be there. Clients before members: in each phase they may have what is new, and need more time. */
function wantedSecretsOf(look: Look): readonly WantedSecret[] {
  const members = look.members.filter(
    (seen) => holdsCertificates(seen) && seen.member.metadata.deletionTimestamp === undefined,
  );
  return [
    ...wantedOfClients(look.cluster),
    ...members.map(({ member }) => wantedOfMember(look.cluster, member)),
  ];
}

function mendSecret(look: Look, policy: LeafPolicy, scope: Scope): Answer {
  for (const wanted of wantedSecretsOf(look)) {
    const facts = look.observed.tls.secrets.get(wanted.secretName);
    const check = checkSecret(facts, wanted, policy);
    // Without any leaf, and nobody to issue one, a bundle is of no use.
    if (facts === undefined && policy.issuer === undefined) continue;
    if (scope === "pressing" && !isPressing(check)) continue;
    const answer = mend(look, wanted, policy, check);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

function isPressing({ leaves, bundle }: SecretCheck): boolean {
  return leaves?.isUnusable === true || bundle?.isUnusable === true;
}

function mend(
  look: Look,
  { secretName, holder }: WantedSecret,
  policy: LeafPolicy,
  { leaves, bundle }: SecretCheck,
): Answer {
  const flaw = leaves ?? bundle;
  if (flaw === undefined) return undefined;
  const facts = look.observed.tls.secrets.get(secretName);
  const isNew = facts === undefined;
  return step({
    kind: "issue",
    secretName,
    order: {
      kind: "leaves",
      holder,
      leaves: leaves === undefined ? "keep" : "new",
      issuer: policy.issuer?.fingerprint ?? "",
      bundle: bundleAfter(facts, policy),
      rotation: rotationRequestOf(look) ?? "",
    },
    reason: isNew
      ? "IssuedCertificates"
      : leaves === undefined
        ? "ChangedTrustedCAs"
        : "RenewedCertificates",
    message: isNew
      ? `Secret ${secretName} is made, with new certificates`
      : `Secret ${secretName} is written anew: ${flaw.why}`,
  });
}

/** Of applications that are not in spec.tls.clients any more. */
function dropUnwanted(look: Look): Answer {
  const { cluster, observed } = look;
  const prefix = `${cluster.metadata.name}-client-`;
  const wanted = new Set(wantedOfClients(cluster).map(({ secretName }) => secretName));
  const isUnwanted = (secret: KubernetesObject): boolean => {
    const { name, deletionTimestamp } = secret.metadata;
    return (
      name.startsWith(prefix) &&
      name.endsWith("-tls") &&
      !wanted.has(name) &&
      deletionTimestamp === undefined &&
      isControlledBy(secret, uidOf(cluster))
    );
  };
  const unwanted = [...observed.secrets.values()].find(isUnwanted);
  return unwanted === undefined
    ? undefined
    : step({
        kind: "delete",
        object: { apiVersion: "v1", kind: "Secret", ...unwanted },
        reason: "DeletedCertificates",
        message: `Secret ${unwanted.metadata.name} is deleted: its application is not in spec.tls.clients`,
      });
}

/** For people, and so that a request is carried out once. Only while nothing else is under way. */
function record(look: Look, { latched, current }: Authority): Answer {
  if (latched.phase !== "Stable") return undefined;
  const request = rotationRequestOf(look);
  const leafNotAfter = firstEndOf(
    look.observed,
    wantedSecretsOf(look).map(({ secretName }) => secretName),
  );
  const recorded = {
    ...latched,
    caNotAfter: timeText(current.certificate.notAfterMs),
    ...(leafNotAfter === undefined ? {} : { leafNotAfter }),
    // Every leaf was made for it by now. One for the CA is noted when it is begun.
    ...(request === undefined || isForCa(request) ? {} : { rotationRequest: request }),
  };
  const isRecorded =
    latched.caNotAfter === recorded.caNotAfter &&
    latched.leafNotAfter === recorded.leafNotAfter &&
    latched.rotationRequest === recorded.rotationRequest;
  return isRecorded
    ? undefined
    : latchCertificates(recorded, {
        reason: "RecordedCertificates",
        message: `all certificates are as wanted; the first of them ends on ${leafNotAfter ?? "no day"}`,
      });
}

/** What no certificate can hold would fail again and again. The CRD does not know what a DNS name is. */
function invalidNames({ cluster }: Look): Answer {
  const bad = cluster.spec.tls.extraSANs?.dnsNames?.find((name) => !/^[\x21-\x7e]+$/.test(name));
  return bad === undefined
    ? undefined
    : stuck(
        "CertificatesInvalid",
        `spec.tls.extraSANs.dnsNames holds ${JSON.stringify(bad)}, which no certificate can hold: write it in ASCII (international names as xn--…)`,
      );
}
