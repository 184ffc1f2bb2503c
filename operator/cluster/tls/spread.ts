/**
 * Whether what was written into Secrets has come to all who mount them: the kubelet takes up to a minute and a half, a node that is cut off as long as it
 * is. Members are dialled, and nothing is concluded from time. Applications cannot be dialled: they get some minutes.
 */
import { memberTlsSecretNameOf } from "../../resources/names.ts";
import { memberTlsKeys } from "../../resources/tls-volume.ts";
import { whyNotHealthy } from "../calm.ts";
import type { MemberView } from "../member-view.ts";
import type { TlsProof } from "../observed.ts";
import { type Answer, type Look, wait } from "../rule.ts";
import { wantedOfClients } from "./wanted.ts";

/** Longer than the kubelet needs, with as much again for the application to look at its files. */
const applicationGraceMs = 180_000;

/** The next phase of a change of the CA waits for this. `fingerprint`: of the CA that clients of every member must be let in by. */
export function whyNotTrusted(look: Look, fingerprint: string): Answer {
  return whyNotSpread(look, (proof) =>
    proof.trusts.includes(fingerprint) ? undefined : "does not let in clients of the next CA yet",
  );
}

/** And for this: every member shows the certificates that are in its Secret now, on both ports. */
export function whyNotShown(look: Look, fingerprint: string): Answer {
  return whyNotSpread(look, (proof, { name }) => {
    const pairs = look.observed.tls.secrets.get(memberTlsSecretNameOf(name))?.pairs;
    const isShown = (key: string, shown: string): boolean => {
      const pair = pairs?.get(key);
      return pair?.kind === "pair" && pair.certificate.fingerprint === shown;
    };
    const { serverCertificate, peerCertificate } = memberTlsKeys;
    if (!isShown(serverCertificate, proof.serverFingerprint))
      return "does not serve clients with its new certificate yet";
    if (!isShown(peerCertificate, proof.peerFingerprint))
      return "does not serve peers with its new certificate yet";
    return proof.trusts.includes(fingerprint) ? undefined : "does not let in clients of the new CA";
  });
}

/** Members that run, or may run again with what they had. One that has never lived gets its Secret as it is when its Pod is made. */
export function holdsCertificates({ standing }: MemberView): boolean {
  return standing !== "Unborn" && standing !== "Removed";
}

/** Where the Secret is missing and nobody can issue (the key of the CA is lost), there is nothing to be behind, and waiting would have no end. */
function mayBeBehind({ observed }: Look, member: MemberView): boolean {
  return holdsCertificates(member) && observed.tls.secrets.has(memberTlsSecretNameOf(member.name));
}

function whyNotSpread(
  look: Look,
  flawOf: (proof: TlsProof, member: MemberView) => string | undefined,
): Answer {
  const unhealthy = whyNotHealthy(look);
  if (unhealthy !== undefined) return unhealthy;
  for (const member of look.members.filter((seen) => mayBeBehind(look, seen))) {
    const proof = look.observed.proofs.get(member.name);
    const flaw =
      proof === undefined ? "cannot be asked for its certificates" : flawOf(proof, member);
    if (flaw !== undefined) return wait("CertificatesSpreading", `member ${member.name} ${flaw}`);
  }
  return whyNotTakenUp(look);
}

/** Where clients need no certificate, those that only trust the CA cannot be known, and are given the same time. */
function whyNotTakenUp(look: Look): Answer {
  const { clients, client } = look.cluster.spec.tls;
  if ((clients ?? []).length === 0 && client.requireClientCert) return undefined;
  const changes = wantedOfClients(look.cluster).flatMap(
    ({ secretName }) => look.observed.tls.secrets.get(secretName)?.changedAtMs ?? [],
  );
  return look.nowMs - Math.max(0, ...changes) < applicationGraceMs
    ? wait(
        "CertificatesSpreading",
        "applications get three minutes to take up what was written into their Secrets",
      )
    : undefined;
}
