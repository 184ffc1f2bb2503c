/**
 * A cluster of three and a real kube-apiserver that keeps everything in it. The members are ours; real etcds where ETCD_TS_CLUSTER=etcd says
 * so, which shows what the API server makes of the same faults there.
 */
import { ApiClient } from "../../../operator/kernel/api-client.ts";
import { isApiError } from "../../../operator/kernel/api-error.ts";
import { HttpTransport } from "../../../operator/kernel/http-transport.ts";
import { accessFromKubeConfig } from "../../../operator/kernel/kube-config.ts";
import type { TransportRequest } from "../../../operator/kernel/transport.ts";
import { ProcessCluster } from "../../cluster/process-cluster.ts";
import { until } from "../../cluster/until.ts";
import { type ApiServer, startApiServer } from "../support/api-server.ts";
import { definitions, processPorts, widgetDefinition } from "../support/two-servers.ts";
import { ApiServerLog } from "./api-server-log.ts";
import { Etcdctl } from "./etcdctl.ts";
import { namespaces, uncachedFlag, widgets } from "./kinds.ts";

/** What an event lives, in seconds: the API server gives it an etcd lease of this time and a little more. */
export const eventSeconds = 15;

const flags = [
  uncachedFlag,
  `--event-ttl=${eventSeconds}s`,
  "--etcd-compaction-interval=4s",
  // Tests write faster than people; fairness between users is not the subject.
  "--max-requests-inflight=2000",
  "--max-mutating-requests-inflight=1000",
];

/** The kernel's default for one try; a machine with many other things to do. */
const timeoutMs = 60_000;
export const namespace = "store";

export class StoreCluster {
  readonly cluster: ProcessCluster;
  readonly server: ApiServer;
  readonly transport: HttpTransport;
  readonly client: ApiClient;
  readonly etcdctl: Etcdctl;
  readonly log: ApiServerLog;

  private constructor(cluster: ProcessCluster, server: ApiServer) {
    this.cluster = cluster;
    this.server = server;
    this.transport = new HttpTransport(accessFromKubeConfig({ file: server.kubeconfig }));
    const userAgent = "kubernetes-store.e2e";
    const options = { transport: this.transport, ports: processPorts, timeoutMs, userAgent };
    this.client = new ApiClient({ ...options, readTries: 10 });
    this.etcdctl = new Etcdctl(() =>
      cluster.members.filter(({ isRunning }) => isRunning).map(({ address }) => address),
    );
    this.log = new ApiServerLog(server.logFile);
  }

  /** With a namespace and a custom kind in it. */
  static async start(): Promise<StoreCluster> {
    const cluster = await ProcessCluster.start({ members: 3 });
    let server: ApiServer | undefined;
    try {
      server = await startApiServer({ etcdUrls: urlsOf(cluster), flags });
      const store = new StoreCluster(cluster, server);
      await store.#fill();
      return store;
    } catch (error) {
      await server?.stop();
      await cluster.close();
      throw error;
    }
  }

  /** Client URLs of the members of the moment. */
  get urls(): readonly string[] {
    return urlsOf(this.cluster);
  }

  async stop(): Promise<void> {
    this.transport.close();
    await this.server.stop();
    await this.cluster.close();
  }

  /** The whole answer to a GET, as the server gave it. */
  async get(path: string): Promise<{ status: number; body: string }> {
    const signal = AbortSignal.timeout(timeoutMs);
    const request: TransportRequest = { method: "GET", path, headers: {}, signal };
    const response = await this.transport.send(request);
    const chunks: Uint8Array[] = [];
    for await (const chunk of response.chunks) chunks.push(chunk);
    return { status: response.status, body: Buffer.concat(chunks).toString() };
  }

  /** The sum over all series of a metric whose labels are among the given ones; 0 where there is none. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const { body } = await this.get("/metrics");
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    const series = body
      .split("\n")
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .filter((line) => wanted.every((each) => line.includes(each)));
    return series.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  }

  async #fill(): Promise<void> {
    await this.client.create(namespaces, { metadata: { name: namespace } });
    await this.client.create(definitions, widgetDefinition);
    const list = async (): Promise<unknown> => {
      return this.client.list(widgets, { namespace }).catch((error: unknown) => {
        if (isApiError(error, "NotFound")) return undefined;
        throw error;
      });
    };
    await until("the custom kind is served", list);
  }
}

const urlsOf = (cluster: ProcessCluster): readonly string[] =>
  cluster.members.map(({ address }) => `http://${address}`);
