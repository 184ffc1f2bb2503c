/** Certificates in virtual time: issued as in earnest; what members show and trust is what was in their Secrets a kubelet's time ago. */
import type { TlsProof } from "../../operator/cluster/observed.ts";
import type { SecretFacts } from "../../operator/cluster/tls/facts.ts";
import type { TlsPort, TlsTarget } from "../../operator/controller/tls-port.ts";
import type { Clock } from "../../operator/kernel/ports.ts";
import { memberTlsSecretNameOf } from "../../operator/resources/names.ts";
import { memberTlsKeys } from "../../operator/resources/tls-volume.ts";
import { ManagedTls } from "../../operator/tls/managed-tls.ts";
import { readTlsFacts } from "../../operator/tls/secret-facts.ts";

const kubeletMs = 60_000;

interface Written {
  readonly atMs: number;
  readonly facts: SecretFacts;
}

export class LabTls implements TlsPort {
  readonly issue: TlsPort["issue"];
  private readonly clock: Clock;
  /** By the name of the member, the newest last. */
  private readonly written = new Map<string, readonly Written[]>();

  constructor(clock: Clock) {
    this.clock = clock;
    const managed = new ManagedTls(clock);
    this.issue = managed.issue.bind(managed);
  }

  prove({ memberName, secrets }: TlsTarget): Promise<TlsProof> {
    const facts = readTlsFacts(secrets).secrets.get(memberTlsSecretNameOf(memberName));
    const atMs = this.clock.monotonicMs();
    const before = this.written.get(memberName) ?? [];
    const last = before.at(-1);
    const isSame = JSON.stringify(last?.facts.bundle) === JSON.stringify(facts?.bundle);
    const isNew = facts !== undefined && !(isSame && shownBy(last?.facts) === shownBy(facts));
    const all = isNew ? [...before, { atMs, facts }] : before;
    this.written.set(memberName, all);
    const mounted = all.findLast((each) => atMs - each.atMs >= kubeletMs)?.facts;
    return Promise.resolve({
      serverFingerprint: fingerprintOf(mounted, memberTlsKeys.serverCertificate),
      peerFingerprint: fingerprintOf(mounted, memberTlsKeys.peerCertificate),
      trusts: mounted?.bundle ?? [],
    });
  }
}

function shownBy(facts: SecretFacts | undefined): string {
  return [memberTlsKeys.serverCertificate, memberTlsKeys.peerCertificate]
    .map((key) => fingerprintOf(facts, key))
    .join();
}

function fingerprintOf(facts: SecretFacts | undefined, key: string): string {
  const pair = facts?.pairs.get(key);
  return pair?.kind === "pair" ? pair.certificate.fingerprint : "";
}
