/** Three members of ours over mutual TLS, with a proxy before each peer port that can cut what passes; their clients' certificate; and their state. */
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "../../node/client/client.ts";
import type { Status } from "../../node/client/cluster-results.ts";
import type { TlsOptions } from "../../node/client/tls-credentials.ts";
import { fromText } from "../../node/lib/bytes.ts";
import { metricsOf, type Samples } from "../bench/member-metrics.ts";
import { FaultyProxy } from "../cluster/faulty-proxy.ts";
import { stablePort } from "../cluster/stable-port.ts";
import { until } from "../cluster/until.ts";
import type { TestLeaf } from "../support/pki.ts";
import { type BySide, RotatingMember } from "./rotating-member.ts";
import { type SecretContent, SecretFiles, type Way } from "./secret-files.ts";
import { Trust } from "./trust.ts";

const memberCount = 3;

export class RotatingCluster {
  readonly directory = mkdtempSync(join(tmpdir(), "etcd-ts-rotation-"));
  readonly trusts: BySide<Trust> = { client: new Trust("client"), peer: new Trust("peer") };
  readonly members: RotatingMember[] = [];
  /** For questions about the state; its connections live through rotations. */
  readonly admin: Client;
  readonly #clientFiles: SecretFiles;
  readonly #proxies: FaultyProxy[] = [];
  #clientLeaf: TestLeaf;
  #isCut = false;

  private constructor(
    ports: readonly { readonly client: number; readonly peer: number; readonly proxy: number }[],
  ) {
    this.#clientLeaf = this.#newClientLeaf();
    this.#clientFiles = new SecretFiles(join(this.directory, "clients-tls"), this.#clientContent());
    const initialCluster = ports
      .map(({ proxy }, at) => `m${at + 1}=https://127.0.0.1:${proxy}`)
      .join(",");
    for (const [at, { client, peer, proxy }] of ports.entries()) {
      const place = {
        ...{ name: `m${at + 1}`, directory: this.directory, initialCluster },
        ...{ clientPort: client, peerPort: peer, advertisedPeerPort: proxy },
        clientFiles: this.#clientFiles,
      };
      this.members.push(new RotatingMember(place, this.trusts));
    }
    const endpoints = this.members.map(({ address }) => `https://${address}`);
    this.admin = new Client({ endpoints, tls: this.#adminTls() });
  }

  /** Resolves when all three are healthy. */
  static async start(): Promise<RotatingCluster> {
    const ports: { client: number; peer: number; proxy: number }[] = [];
    for (let count = 0; count < memberCount; count++)
      ports.push({
        client: await stablePort(),
        peer: await stablePort(),
        proxy: await stablePort(),
      });
    const cluster = new RotatingCluster(ports);
    try {
      for (const { peer, proxy } of ports) await cluster.#place(proxy, peer);
      for (const member of cluster.members) member.start();
      await Promise.all(cluster.members.map((member) => member.ready()));
      await cluster.untilConnected();
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  /** What clients show. */
  get clientLeaf(): TestLeaf {
    return this.#clientLeaf;
  }

  renewClientLeaf(way: Way): Promise<void> {
    this.#clientLeaf = this.#newClientLeaf();
    return this.renewClientBundle(way);
  }

  renewClientBundle(way: Way): Promise<void> {
    this.admin.renewTls(this.#adminTls());
    return this.#clientFiles.write(this.#clientContent(), way);
  }

  /** All connections between members are reset; new ones are let through. */
  cutPeers(): void {
    this.#isCut = true;
    for (const proxy of this.#proxies) proxy.refresh();
    this.#isCut = false;
  }

  metrics(member: RotatingMember): Promise<Samples> {
    const { ca, cert, key } = this.#clientFiles;
    return metricsOf(member.address, { ca, cert, key });
  }

  status(member: RotatingMember): Promise<Status> {
    return this.admin.status({ endpoint: `https://${member.address}` });
  }

  /** Resolves when every member has a stream to every other. */
  async untilConnected(): Promise<void> {
    for (const member of this.members) {
      await until(`${member.name} to be connected with the others`, async () => {
        const samples = [...(await this.metrics(member))];
        const active = samples.filter(
          ([name, value]) => name.startsWith("etcd_network_active_peers{") && value === 1,
        );
        return active.length === memberCount - 1 || undefined;
      });
    }
  }

  /** Ends all; the directory goes too unless somebody wants to read the logs. */
  async close(keepsDirectory = false): Promise<void> {
    this.admin.close();
    await Promise.all(this.members.map((member) => member.stop("SIGKILL")));
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
    if (!keepsDirectory) await rm(this.directory, { recursive: true, force: true });
  }

  async #place(port: number, targetPort: number): Promise<void> {
    const fault = (): { kind: "cut" } | undefined => (this.#isCut ? { kind: "cut" } : undefined);
    this.#proxies.push(await FaultyProxy.start({ port, targetPort, fault }));
  }

  #newClientLeaf(): TestLeaf {
    return this.trusts.client.leaf({ commonName: "client", dnsNames: [], usages: ["clientAuth"] });
  }

  #adminTls(): TlsOptions {
    const { "ca.crt": ca, "tls.crt": cert, "tls.key": key } = this.#clientContent();
    return { ca: fromText(ca), cert: fromText(cert), key: fromText(key) };
  }

  #clientContent(): SecretContent {
    const { chainPem, keyPem } = this.#clientLeaf;
    return { "ca.crt": this.trusts.client.bundlePem, "tls.crt": chainPem, "tls.key": keyPem };
  }
}
