/**
 * The members that a client of a cluster may ask at the moment, and how: pods that are ready, by their addresses, with the certificate of an
 * application where the cluster has TLS. Both are looked up again and again, as pods and certificates come and go.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "../../../node/client/client.ts";
import type { TlsOptions } from "../../../node/client/tls-credentials.ts";
import { ApiClient } from "../../../operator/kernel/api-client.ts";
import { HttpTransport } from "../../../operator/kernel/http-transport.ts";
import { accessFromKubeConfig } from "../../../operator/kernel/kube-config.ts";
import type { KubernetesObject, ResourceType } from "../../../operator/kernel/resource.ts";
import { adminKubeconfig } from "../cluster/layout.ts";
import { secrets } from "../store/kinds.ts";
import { processPorts } from "../support/two-servers.ts";

export interface TargetsOptions {
  readonly namespace: string;
  readonly cluster: string;
  /** Of spec.tls.clients; without it members are asked in plain text. */
  readonly application?: string | undefined;
}

const pods: ResourceType = { ...secrets, plural: "pods", kind: "Pod" };
const lookEveryMs = 300;

interface Pod extends KubernetesObject {
  readonly status?: {
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

export class Targets {
  readonly #options: TargetsOptions;
  readonly #transport = new HttpTransport(accessFromKubeConfig({ file: adminKubeconfig }));
  readonly #client: ApiClient;
  readonly #clients = new Set<{ readonly name: string; readonly client: Client }>();
  readonly #looking: Promise<void>;
  #addresses: readonly string[] = [];
  #tls: TlsOptions | undefined;
  #secretVersion = "";
  #isOver = false;

  constructor(options: TargetsOptions) {
    this.#options = options;
    this.#client = new ApiClient({
      transport: this.#transport,
      ports: processPorts,
      timeoutMs: 10_000,
      readTries: 5,
      userAgent: "e2e-writer",
    });
    this.#looking = this.#look();
  }

  /** "10.91.1.4:2379#<member>", of members that are ready; those of the last look that found any. Empty before the first one. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  /** How often the application's certificate or its CAs have changed. */
  certificateChanges = 0;

  /** A client of one address, which follows the certificates of the application. */
  readonly connect = (address: string): Client => {
    const [endpoint = "", name = ""] = address.split("#");
    if (this.#options.application === undefined) return new Client({ endpoints: [endpoint] });
    const client = new Client({ endpoints: [`https://${endpoint}`], tls: this.#tlsOf(name) });
    this.#clients.add({ name, client });
    return client;
  };

  /** The same, for one call: it takes the certificates of now. */
  connectOnce(address: string): Client {
    const [endpoint = "", name = ""] = address.split("#");
    if (this.#options.application === undefined) return new Client({ endpoints: [endpoint] });
    return new Client({ endpoints: [`https://${endpoint}`], tls: this.#tlsOf(name) });
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#looking;
    this.#transport.close();
  }

  #tlsOf(name: string): TlsOptions {
    const { namespace, cluster } = this.#options;
    return { ...this.#tls, serverName: `${name}.${cluster}-peers.${namespace}.svc` };
  }

  async #look(): Promise<void> {
    while (!this.#isOver) {
      await this.#followSecret();
      await this.#followPods();
      await sleep(lookEveryMs);
    }
  }

  async #followPods(): Promise<void> {
    const { namespace, cluster } = this.#options;
    const labelSelector = `etcd-ts.dev/cluster=${cluster},app.kubernetes.io/component=member`;
    const { items } = await this.#client.list(pods, { namespace, labelSelector });
    const ready = (items as readonly Pod[]).filter(isReady);
    const found = ready.map(
      ({ metadata, status }) => `${status?.podIP ?? ""}:2379#${metadata.name}`,
    );
    if (found.length > 0) this.#addresses = found;
  }

  async #followSecret(): Promise<void> {
    const { namespace, cluster, application } = this.#options;
    if (application === undefined) return;
    const name = `${cluster}-client-${application}-tls`;
    const secret = await this.#client.find(secrets, { namespace, name });
    const { resourceVersion = "" } = secret?.metadata ?? {};
    if (secret === undefined || resourceVersion === this.#secretVersion) return;
    const data = secret["data"] as Readonly<Record<string, string>>;
    const file = (key: string): Buffer => Buffer.from(data[key] ?? "", "base64");
    this.#tls = { ca: file("ca.crt"), cert: file("tls.crt"), key: file("tls.key") };
    if (this.#secretVersion !== "") this.certificateChanges += 1;
    this.#secretVersion = resourceVersion;
    for (const { name: member, client } of this.#clients) client.renewTls(this.#tlsOf(member));
  }
}

/** A pod that ends is led to no longer, as by a Service. */
function isReady({ metadata, status }: Pod): boolean {
  if (metadata.deletionTimestamp !== undefined || status?.podIP === undefined) return false;
  return (
    status.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") ?? false
  );
}
