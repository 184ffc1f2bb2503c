/** The operator as a program: wires the parts to this process and says with which exit code it ends. */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";

import { customResourceDefinitions } from "./api/v1alpha1/crd.ts";
import { applyCrds } from "./apply-crds.ts";
import { readClusterDomain } from "./cluster-domain.ts";
import { EtcdClient } from "./controller/etcd-client.ts";
import { Operator } from "./controller/operate.ts";
import { listenForHealth } from "./health.ts";
import { jsonLogger, type LogLevel } from "./json-logger.ts";
import { ApiClient } from "./kernel/api-client.ts";
import { HttpTransport } from "./kernel/http-transport.ts";
import { accessFromKubeConfig } from "./kernel/kube-config.ts";
import type { Ports } from "./kernel/ports.ts";
import { processClock, processRandom, processTimers } from "./kernel/process-ports.ts";
import { MemberClient } from "./maintenance/member-client.ts";
import { runMaintenance } from "./maintenance/run-maintenance.ts";
import { OperatorMetrics } from "./metrics.ts";
import {
  type ApplyCrdsOptions,
  helpText,
  type MaintenanceOptions,
  parseOptions,
  type RunOptions,
  UsageError,
} from "./options.ts";
import { ManagedTls } from "./tls/managed-tls.ts";

/** Fields that the API server owns are managed under the part before the slash. */
const userAgent = "etcd-ts-operator/0.1.0";
const apiTimeoutMs = 10_000;

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Runs until `signal` aborts or the work ends. Exit codes: 0 ended as told, 1 leadership lost or failed, 2 a mistake on the command line.
 * Rejects for bugs only.
 */
export async function run(
  args: readonly string[],
  environment: Environment,
  signal: AbortSignal,
): Promise<number> {
  try {
    const options = parseOptions(args, environment);
    if (options.command === "help") {
      process.stdout.write(helpText(options));
      return 0;
    }
    switch (options.command) {
      case "run":
        return await operate(options, environment, signal);
      case "apply-crds":
        return await bringCrds(options);
      case "maintenance":
        return await maintain(options, environment, signal);
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`etcd-ts-operator: ${error.message}\n`);
    return 2;
  }
}

function portsOf(options: { readonly logLevel: LogLevel }): Ports {
  const logger = jsonLogger(options.logLevel, (line) => process.stderr.write(line));
  return { clock: processClock, timers: processTimers, random: processRandom, logger };
}

function transportOf(kubeconfig: string | undefined): HttpTransport {
  try {
    return new HttpTransport(accessFromKubeConfig({ file: kubeconfig }));
  } catch (error) {
    throw new UsageError(`no way to Kubernetes (--kubeconfig): ${messageOf(error)}`);
  }
}

function clientOver(transport: HttpTransport, ports: Ports): ApiClient {
  return new ApiClient({ transport, ports, userAgent, timeoutMs: apiTimeoutMs, readTries: 4 });
}

async function operate(
  options: RunOptions,
  environment: Environment,
  signal: AbortSignal,
): Promise<number> {
  const ports = portsOf(options);
  const transport = transportOf(options.kubeconfig);
  const etcd = new EtcdClient();
  const metrics = new OperatorMetrics();
  const instance = environment["POD_NAME"] ?? hostname();
  const clusterDomain = options.clusterDomain ?? readClusterDomain();
  const operator = new Operator({
    client: clientOver(transport, ports),
    etcd,
    tls: new ManagedTls(ports.clock),
    ports,
    metrics,
    instance,
    context: { defaultImage: options.defaultImage, clusterDomain },
    lease: { namespace: options.leaderElectionNamespace, name: options.leaderElectionName },
    identity: `${instance}_${randomBytes(8).toString("hex")}`,
    namespaces: options.namespaces,
    workerCount: options.workers,
  });
  const listener = await listenForHealth(options.metricsAddress, operator, metrics).catch(
    (error: unknown) => {
      throw new UsageError(`--metrics-address: ${messageOf(error)}`);
    },
  );
  const { namespaces, defaultImage } = options;
  ports.logger.info("starting", { namespaces, defaultImage, clusterDomain, port: listener.port });
  try {
    const how = await operator.run(signal);
    ports.logger.info("ended", { how });
    return how === "stopped" ? 0 : 1;
  } finally {
    await listener.close();
    etcd.close();
    transport.close();
  }
}

async function bringCrds(options: ApplyCrdsOptions): Promise<number> {
  const ports = portsOf(options);
  const transport = transportOf(options.kubeconfig);
  try {
    await applyCrds(clientOver(transport, ports), ports, customResourceDefinitions);
    return 0;
  } catch (error) {
    ports.logger.error("the definitions could not be applied", {
      error: messageOf(error),
    });
    return 1;
  } finally {
    transport.close();
  }
}

/** One run of a CronJob: see operator/maintenance. */
async function maintain(
  { logLevel, kubeconfig, task, cluster }: MaintenanceOptions,
  environment: Environment,
  signal: AbortSignal,
): Promise<number> {
  const ports = portsOf({ logLevel });
  const transport = transportOf(kubeconfig);
  const etcd = new MemberClient();
  // HOSTNAME of a pod is its name, and the CronJobs give no other variable.
  const instance = environment["POD_NAME"] ?? hostname();
  const identity = `${instance}_${randomBytes(8).toString("hex")}`;
  try {
    const client = clientOver(transport, ports);
    return await runMaintenance({ client, ports, etcd, task, cluster, instance, identity }, signal);
  } finally {
    etcd.close();
    transport.close();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
