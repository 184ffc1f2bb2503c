/**
 * How large the operator is: the program of the image, as a process of its own with the chart's settings, against a real kube-apiserver with many EtcdClusters of three
 * members, whose members answer over real sockets and TLS in another process. Prints memory, processor time and requests, while the clusters are born and at rest;
 * ends with 1 when the process was ever larger than it may be. `npm run operator:scale`, by hand; Linux, with kube-apiserver and etcd of `sh test/peers/install.sh --e2e`.
 */
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";

import { etcdClusters } from "../../../operator/api/v1alpha1/names.ts";
import type { EtcdCluster } from "../../../operator/api/v1alpha1/types.ts";
import { ApiClient } from "../../../operator/kernel/api-client.ts";
import { HttpTransport } from "../../../operator/kernel/http-transport.ts";
import { accessFromKubeConfig } from "../../../operator/kernel/kube-config.ts";
import { listAll } from "../../../operator/kernel/pager.ts";
import { stablePort } from "../../cluster/stable-port.ts";
import { startApiServer } from "../../e2e/support/api-server.ts";
import { processPorts } from "../../e2e/support/two-servers.ts";
import { auditIn } from "./api-requests.ts";
import {
  applyCrds,
  bundleInto,
  chartNodeOptions,
  limitBytes,
  looksOf,
  startOperator,
} from "./operator-process.ts";
import { type EtcdCounts, type Figures, Phase, type Subject } from "./phase.ts";
import { tableOf } from "./table.ts";

const namespace = "default";
const leaseName = "etcd-ts-operator";
const memberCount = 3;
/** After all were born, for what comes after. */
const settleMs = 60_000;
const idleMs = 20_000;

interface Choice {
  readonly clusters: number;
  readonly tls: string;
  readonly minutes: number;
  readonly nodeOptions: string;
}

const help = `npm run operator:scale -- [flags]: how large the operator is with many EtcdClusters of three members, on a real kube-apiserver.

  --clusters N          how many (200)
  --tls MODE            of the members: Managed or Disabled (Managed)
  --minutes N           how long they are looked at when all are at rest (10)
  --node-options TEXT   NODE_OPTIONS of the operator (those of the chart)
  --help                this text
`;

function choiceOf(): Choice {
  const { values } = parseArgs({
    options: {
      clusters: { type: "string", default: "200" },
      tls: { type: "string", default: "Managed" },
      minutes: { type: "string", default: "10" },
      "node-options": { type: "string", default: chartNodeOptions() },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    process.exit(0);
  }
  const { tls, "node-options": nodeOptions } = values;
  const clusters = Number(values.clusters);
  const minutes = Number(values.minutes);
  assert.ok(Number.isInteger(clusters) && clusters > 0, "--clusters: not a number of clusters");
  assert.ok(minutes > 0, "--minutes: not a time");
  assert.ok(["Managed", "Disabled"].includes(tls), "--tls: neither Managed nor Disabled");
  return { clusters, tls, minutes, nodeOptions };
}

/** What is undone at the end, the last first. */
const undo: (() => unknown)[] = [];
/** Rejects when one of the processes ends before its time. */
const ended = Promise.withResolvers<never>();

function watchOver(child: ChildProcess, what: string, lastWords: () => string): void {
  child.once("exit", (code, signal) => {
    ended.reject(new Error(`${what} ended (${code ?? signal})\n${lastWords()}`));
  });
  undo.push(() => {
    child.removeAllListeners("exit");
    return end(child);
  });
}

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const over = once(child, "exit");
  child.kill("SIGTERM");
  await over;
}

async function startMachines(kubeconfig: string): Promise<() => Promise<EtcdCounts>> {
  // Below 127.0.0.0/8, and not where other tests listen.
  const network = `127.${randomInt(64, 250)}`;
  const child = fork(join(import.meta.dirname, "machines-main.ts"), [kubeconfig, network]);
  watchOver(child, "the machines' process", () => "");
  await once(child, "spawn");
  return async () => {
    const answer = once(child, "message");
    child.send("counts");
    const [counts] = (await answer) as [EtcdCounts];
    return counts;
  };
}

async function createClusters(client: ApiClient, { clusters, tls }: Choice): Promise<void> {
  const { group, version, kind } = etcdClusters;
  for (let at = 0; at < clusters; at += 1) {
    const name = `db-${String(at).padStart(3, "0")}`;
    const spec = { replicas: memberCount, tls: { mode: tls } };
    const metadata = { name, namespace };
    await client.create(etcdClusters, { apiVersion: `${group}/${version}`, kind, metadata, spec });
  }
}

function isReady({ status }: EtcdCluster): boolean {
  const ready = status?.conditions?.find(({ type }) => type === "Ready")?.status;
  return ready === "True" && status?.readyReplicas === memberCount;
}

async function untilReady(client: ApiClient, count: number): Promise<void> {
  for (let told = -1; ; await delay(3_000)) {
    const { items } = await listAll(client, etcdClusters, { namespace });
    const ready = items.filter((item) => isReady(item as unknown as EtcdCluster)).length;
    if (ready === count) return;
    const tens = Math.floor((10 * ready) / count);
    if (tens > told) say(`${ready} of ${count} clusters are ready`);
    told = Math.max(told, tens);
  }
}

/** Where all of it runs. */
interface World {
  readonly client: ApiClient;
  /** Starts the operator; `subject` is that process. */
  readonly launch: () => Promise<{ readonly subject: Subject; readonly child: ChildProcess }>;
}

async function makeWorld({ nodeOptions }: Choice): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), "etcd-ts-operator-scale-"));
  undo.push(() => rmSync(dir, { recursive: true, force: true }));
  const audit = auditIn(dir);
  const server = await startApiServer({ flags: audit.flags });
  undo.push(() => server.stop());
  const { kubeconfig } = server;
  const program = { dir: join(dir, "bundle"), kubeconfig };
  await bundleInto(program.dir);
  await applyCrds(program);
  const etcdCounts = await startMachines(kubeconfig);
  const transport = new HttpTransport(accessFromKubeConfig({ file: kubeconfig }));
  undo.push(() => transport.close());
  const calls = { timeoutMs: 60_000, readTries: 4, userAgent: "scale" };
  const client = new ApiClient({ transport, ports: processPorts, ...calls });
  const launch = async () => {
    const metricsPort = await stablePort();
    const logFile = join(dir, "operator.log");
    const child = startOperator({ ...program, metricsPort, leaseName, nodeOptions, logFile });
    watchOver(child, "the operator", () => readFileSync(logFile, "utf8").slice(-2_000));
    const subject = {
      pid: child.pid ?? 0,
      metricsPort,
      auditLog: audit.log,
      leaseName,
      etcdCounts,
    };
    return { subject, child };
  };
  return { client, launch };
}

async function measure(choice: Choice): Promise<readonly Figures[]> {
  const { client, launch } = await makeWorld(choice);
  const { subject, child } = await launch();
  const idle = Phase.begin(subject, "no cluster");
  await delay(idleMs);
  const figures = [await idle.end()];
  const birth = Phase.begin(subject, "birth");
  await createClusters(client, choice);
  await untilReady(client, choice.clusters);
  figures.push(await birth.end());
  await delay(settleMs);
  const rest = Phase.begin(subject, "rest");
  await delay(choice.minutes * 60_000);
  figures.push(await rest.end());
  child.removeAllListeners("exit");
  await end(child);
  const { subject: next } = await launch();
  const restart = Phase.begin(next, "new process");
  await untilLooked(next, choice.clusters);
  figures.push(await restart.end());
  return figures;
}

/** A process that has just begun looks at all clusters, and finds nothing to do. */
async function untilLooked({ metricsPort }: Subject, count: number): Promise<void> {
  while ((await looksOf(metricsPort).catch(() => 0)) < count) await delay(1_000);
}

const choice = choiceOf();
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.once(name, () => ended.reject(new Error(`told to stop by ${name}`)));
}
try {
  const figures = await Promise.race([measure(choice), ended.promise]);
  const peak = Math.max(...figures.map(({ peakRssBytes }) => peakRssBytes));
  const fits = peak <= limitBytes();
  say(`\n${choice.clusters} EtcdClusters of ${memberCount} members, TLS ${choice.tls}\n`);
  say(tableOf(figures, choice.clusters));
  const limit = limitBytes() / 2 ** 20;
  say(`NODE_OPTIONS ${choice.nodeOptions}`);
  say(`${fits ? "fits" : "DOES NOT FIT"} ${limit} MiB: ${(peak / 2 ** 20).toFixed(0)} at most`);
  process.exitCode = fits ? 0 : 1;
} finally {
  for (const each of undo.toReversed()) await each();
}
