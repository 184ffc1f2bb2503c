/** Mode Provided: the operator makes nothing, and says what is wrong with what it was given before members and clients run into it. */
import { clientServiceNameOf } from "../../resources/names.ts";
import { clientTlsKeys } from "../../resources/tls-secrets.ts";
import { hostOf, namespaceOf, peerUrlOf } from "../../resources/urls.ts";
import { type Answer, type Look, stuck, wait } from "../rule.ts";
import type { CertificateFacts } from "./facts.ts";
import { timeText } from "./leaf-end.ts";

interface Given {
  /** Field of spec.tls.provided. */
  readonly field: string;
  readonly secretName: string;
  readonly usages: readonly string[];
  /** DNS names that the certificate must be valid for. */
  readonly hosts: readonly string[];
  readonly commonName: string | undefined;
}

/** The first thing that is wrong. A Secret that is not there may come at any time; what is in one that is there has to be changed by somebody. */
export function providedAnswer(look: Look): Answer {
  let missing: Answer;
  for (const given of givenOf(look)) {
    const facts = look.observed.tls.secrets.get(given.secretName);
    if (facts === undefined) {
      missing ??= wait(
        "CertificatesMissing",
        `Secret ${given.secretName} (spec.tls.provided.${given.field}) does not exist: create it with tls.crt, tls.key and ca.crt`,
      );
      continue;
    }
    const why = flawOf(look, given);
    if (why !== undefined) {
      return stuck(
        "CertificatesInvalid",
        `Secret ${given.secretName} (spec.tls.provided.${given.field}): ${why}; members take up a better one without a restart`,
      );
    }
  }
  return missing;
}

function givenOf(look: Look): readonly Given[] {
  const { cluster } = look;
  const { provided, peer } = cluster.spec.tls;
  if (provided === undefined) return [];
  const hosts = hostsOf(look);
  const service = `${clientServiceNameOf(cluster.metadata.name)}.${namespaceOf(cluster)}.svc`;
  return [
    {
      field: "serverSecretRef",
      secretName: provided.serverSecretRef.name,
      usages: ["serverAuth"],
      hosts: [...hosts, service],
      commonName: undefined,
    },
    {
      field: "peerSecretRef",
      secretName: provided.peerSecretRef.name,
      usages: ["serverAuth", "clientAuth"],
      hosts,
      commonName: peer?.allowedCommonName,
    },
    {
      field: "operatorSecretRef",
      secretName: provided.operatorSecretRef.name,
      usages: ["clientAuth"],
      hosts: [],
      commonName: undefined,
    },
  ];
}

/** Of the members there are, and of one that may come: names of members are drawn, so only a wildcard covers those. */
function hostsOf({ cluster, members, target, context }: Look): readonly string[] {
  const present = members.map(({ member }) => hostOf(member));
  if (members.length >= target) return present;
  const url = peerUrlOf(cluster, context.candidateMemberName, context.clusterDomain);
  return [...present, new URL(url).hostname];
}

function flawOf(look: Look, given: Given): string | undefined {
  const { pairs, bundle } = look.observed.tls.secrets.get(given.secretName) ?? {};
  const pair = pairs?.get(clientTlsKeys.certificate);
  if (pair === undefined) return "tls.crt is missing";
  if (pair.kind === "broken") return `tls.crt or tls.key cannot be used: ${pair.why}`;
  if (!pair.hasKey) return "tls.key is missing";
  if (bundle === undefined) return "ca.crt is missing or cannot be read";
  return dateFlaw(pair.certificate, look.nowMs) ?? useFlaw(pair.certificate, given);
}

function dateFlaw(
  { notBeforeMs, notAfterMs }: CertificateFacts,
  nowMs: number,
): string | undefined {
  if (nowMs > notAfterMs) return `tls.crt has ended on ${timeText(notAfterMs)}`;
  return nowMs < notBeforeMs ? `tls.crt is valid from ${timeText(notBeforeMs)} only` : undefined;
}

function useFlaw(certificate: CertificateFacts, given: Given): string | undefined {
  const { usages, commonName } = certificate;
  const lacking =
    usages.length === 0 ? undefined : given.usages.find((usage) => !usages.includes(usage));
  if (lacking !== undefined) return `tls.crt lacks the extended key usage ${lacking}`;
  const uncovered = given.hosts.find((host) => !isValidFor(certificate.dnsNames, host));
  if (uncovered !== undefined) return `tls.crt is not valid for ${uncovered}`;
  return given.commonName === undefined || given.commonName === commonName
    ? undefined
    : `tls.crt has the common name "${commonName}", and spec.tls.peer.allowedCommonName is "${given.commonName}"`;
}

/** A wildcard stands for one label (RFC 6125). */
export function isValidFor(dnsNames: readonly string[], host: string): boolean {
  const wanted = host.toLowerCase();
  const parent = wanted.slice(wanted.indexOf(".") + 1);
  return dnsNames.some((name) => {
    const known = name.toLowerCase();
    return known === wanted || known === `*.${parent}`;
  });
}
