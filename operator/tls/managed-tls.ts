/** Certificates of mode Managed as the controller uses them: issues, and proves. */
import type { EtcdCluster } from "../api/v1alpha1/types.ts";
import type { Observed, TlsProof } from "../cluster/observed.ts";
import type { Step } from "../cluster/step.ts";
import type { TlsPort, TlsTarget } from "../controller/tls-port.ts";
import type { ApiClient } from "../kernel/api-client.ts";
import type { Clock } from "../kernel/ports.ts";
import type { KubernetesObject } from "../kernel/resource.ts";
import { caSecretNameOf } from "../resources/names.ts";
import { operatorLeafNames, peerCommonNameOf } from "../resources/tls-names.ts";
import { caKeys, clientTlsKeys, operatorSecretNameOf, textsIn } from "../resources/tls-secrets.ts";
import { issuerIn, makeLeaf, type PemPair } from "./certificates.ts";
import { type ProvingClient, proveTls } from "./dial.ts";
import { carryOutIssue } from "./issuer.ts";
import { authoritiesIn } from "./secret-facts.ts";

/** A proof takes seconds; the rest is for clocks that differ. */
const proofLifeMs = 600_000;
const nothingProved: TlsProof = { serverFingerprint: "", peerFingerprint: "", trusts: [] };

export class ManagedTls implements TlsPort {
  private readonly clock: Pick<Clock, "unixMs">;

  constructor(clock: Pick<Clock, "unixMs">) {
    this.clock = clock;
  }

  issue(
    client: ApiClient,
    observed: Observed,
    step: Extract<Step, { readonly kind: "issue" }>,
  ): Promise<void> {
    return carryOutIssue(client, observed, step, this.clock.unixMs());
  }

  /** Certificates for it are made in memory, for some minutes; that of a peer has no names, so that it is a peer's wherever it comes from. */
  async prove(target: TlsTarget, signal: AbortSignal): Promise<TlsProof> {
    const { cluster, host, clientPort, peerPort, serverName, secrets } = target;
    const operatorPair = pairOf(secrets.get(operatorSecretNameOf(cluster) ?? ""));
    if (operatorPair === undefined) return nothingProved;
    const clients = await this.clientsOf(cluster, secrets);
    const ca = [...authoritiesIn([...secrets.values()].map(textsIn)).values()].join("");
    return proveTls({ host, clientPort, peerPort, serverName, ca, operatorPair, clients, signal });
  }

  /** One for each CA whose key is there. */
  private async clientsOf(
    cluster: EtcdCluster,
    secrets: ReadonlyMap<string, KubernetesObject>,
  ): Promise<readonly ProvingClient[]> {
    const secret = secrets.get(caSecretNameOf(cluster.metadata.name));
    if (secret === undefined) return [];
    const texts = textsIn(secret);
    const pairs = [
      { certificate: texts.get(caKeys.certificate), key: texts.get(caKeys.key) },
      { certificate: texts.get(caKeys.nextCertificate), key: texts.get(caKeys.nextKey) },
    ];
    const made = await Promise.all(
      pairs.map(({ certificate = "", key = "" }) => this.clientOf(cluster, { certificate, key })),
    );
    return made.flatMap((client) => client ?? []);
  }

  private async clientOf(cluster: EtcdCluster, ca: PemPair): Promise<ProvingClient | undefined> {
    const issuer = issuerIn(ca);
    const nowMs = this.clock.unixMs();
    // One that has ended issues nothing that anybody would let in.
    if (issuer === undefined || issuer.certificate.validToDate.getTime() < nowMs) return undefined;
    const life = { keyType: "ECDSA-P256", nowMs, lifeMs: proofLifeMs } as const;
    const usages = ["clientAuth"] as const;
    const peerNames = { commonName: peerCommonNameOf(cluster), dnsNames: [], ipAddresses: [] };
    const [clientPair, peerPair] = await Promise.all([
      makeLeaf(issuer, { names: operatorLeafNames(), usages }, life),
      makeLeaf(issuer, { names: peerNames, usages }, life),
    ]);
    return { authority: issuer.fingerprint, clientPair, peerPair };
  }
}

function pairOf(secret: KubernetesObject | undefined): PemPair | undefined {
  if (secret === undefined) return undefined;
  const texts = textsIn(secret);
  const certificate = texts.get(clientTlsKeys.certificate);
  const key = texts.get(clientTlsKeys.key);
  return certificate === undefined || key === undefined ? undefined : { certificate, key };
}
