/**
 * The chart against a real kube-apiserver: each rendered object in a dry run, whole installations, and the rights of the CRD hook. Run by hand:
 * `node --test test/chart/api-server.e2e.ts`; needs kube-apiserver, kubectl, helm3, helm4, etcd and openssl. Pods do not run here: that is test/e2e.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { type ApiServer, startApiServer } from "../e2e/support/api-server.ts";
import { peer } from "../support/peers.ts";
import { chartCrds, chartDir, type Json, type KubeObject, projectDir } from "./chart-files.ts";
import { crdsExamples, renderAll } from "./render.ts";

let server: ApiServer;

before(async () => {
  server = await startApiServer();
  // As Helm does.
  const apply = ["apply", "--server-side", "--field-manager=helm", "-f", "-"];
  kubectl(apply, [...chartCrds().values(), podMonitorCrd]);
  kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
});

after(() => server.stop());

/** Stands in for the Prometheus operator's: any spec is taken. */
const podMonitorCrd = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "podmonitors.monitoring.coreos.com" },
  spec: {
    group: "monitoring.coreos.com",
    scope: "Namespaced",
    names: { kind: "PodMonitor", plural: "podmonitors", singular: "podmonitor" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
        },
      },
    ],
  },
};

/** What the program printed; throws with its standard error when it fails, or warns. */
function run(program: string, args: readonly string[], objects: readonly Json[] = []): string {
  // One document: kubectl's reader of several loses its way in one as long as our CRDs.
  const list = { apiVersion: "v1", kind: "List", items: objects };
  const input = objects.length === 0 ? "" : JSON.stringify(list);
  const env = { ...process.env, KUBECONFIG: server.kubeconfig };
  const result = spawnSync(program, args, { input, encoding: "utf8", env });
  const failed = result.status !== 0 || /^Warning:|would violate/m.test(result.stderr);
  if (failed)
    throw new Error(`${program} ${args.join(" ")}: ${result.stderr}`, { cause: result.error });
  return result.stdout;
}

function kubectl(args: readonly string[], objects: readonly Json[] = []): string {
  return run(peer("kubectl"), args, objects);
}

/** A namespace that refuses pods below "restricted", and warns of templates that would make them. */
function namespaceObject(name: string): Json {
  const mode = (key: string): [string, string] => [
    `pod-security.kubernetes.io/${key}`,
    "restricted",
  ];
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name, labels: Object.fromEntries([mode("enforce"), mode("warn")]) },
  };
}

function dryRun(objects: readonly KubeObject[]): void {
  const args = ["apply", "--server-side", "--dry-run=server", "--validate=strict"];
  kubectl([...args, "-f", "-"], objects);
}

for (const program of ["helm3", "helm4"]) {
  test(`the API server takes every object that ${program} renders, in restricted namespaces`, () => {
    const sets = renderAll(peer(program));
    const namespaces = new Set(sets.flatMap((set) => set.namespaces));
    kubectl(["apply", "--server-side", "-f", "-"], [...namespaces].map(namespaceObject));
    for (const { objects } of sets) dryRun(objects);
  });

  test(`${program} installs, upgrades over a status of the operator's, and uninstalls`, () => {
    const namespace = `life-${program}`;
    const helm = (...args: readonly string[]): string =>
      run(peer(program), [...args, "--namespace", namespace]);
    kubectl(["create", "namespace", namespace]);
    // Hooks wait for a Job, which nobody runs here.
    const cluster = ["--no-hooks", "--set", "cluster.create=true"];
    helm("install", "my-etcd", chartDir, ...cluster);
    const status = ["--subresource=status", "--field-manager=etcd-ts-operator-status"];
    const { metadata, ...object } = written(namespace);
    assert.equal((object["spec"] as Json)["replicas"], 1);
    kubectl(
      ["apply", "--server-side", ...status, "--namespace", namespace, "-f", "-"],
      [
        {
          apiVersion: object.apiVersion,
          kind: object.kind,
          metadata: { name: metadata.name },
          status: { phase: "Running", replicas: 1 },
        },
      ],
    );
    helm("upgrade", "my-etcd", chartDir, ...cluster, "--set", "cluster.annotations.changed=yes");
    const upgraded = written(namespace);
    assert.equal(upgraded.metadata.annotations?.["changed"], "yes");
    assert.equal((upgraded["status"] as Json)["phase"], "Running");
    helm("uninstall", "my-etcd", "--no-hooks");
    const left = ["get", "etcdclusters,deployments,roles,services", "--output=name"];
    assert.equal(kubectl([...left, "--namespace", namespace]), "");
  });
}

test("helm4 installs another version over the CRDs that the hook of an earlier one has left", () => {
  const dir = mkdtempSync(join(tmpdir(), "etcd-ts-chart-"));
  try {
    const main = join(projectDir, "operator/main.ts");
    const apply = ["apply-crds", `--kubeconfig=${server.kubeconfig}`];
    execFileSync(process.execPath, [main, ...apply], { stdio: ["ignore", "pipe", "pipe"] });
    cpSync(chartDir, dir, { recursive: true });
    const path = join(dir, "crds/etcd-ts.dev_etcdclusters.yaml");
    const changed = readFileSync(path, "utf8").replace(/description: .+/, "description: Changed.");
    writeFileSync(path, changed);
    const args = ["--no-hooks", "--namespace", "another-version", "--create-namespace"];
    run(peer("helm4"), ["install", "etcd-ts", dir, ...args]);
    assert.match(kubectl(["get", "crd", "--output=yaml"]), /description: Changed\./);
    run(peer("helm4"), ["uninstall", "etcd-ts", "--namespace", "another-version"]);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

function written(namespace: string): KubeObject {
  const args = ["get", "etcdcluster", "my-etcd", "--output=json", "--namespace", namespace];
  return JSON.parse(kubectl(args)) as KubeObject;
}

test("the API server takes the examples of Chart.yaml", () => {
  dryRun(crdsExamples());
});

test("apply-crds works with the rights of the hook, which allow nothing else", () => {
  const [defaults] = renderAll(peer("helm4"));
  assert.ok(defaults);
  const namespace = "etcd-ts-system";
  const rights = defaults.objects.filter(
    ({ kind, metadata }) =>
      metadata.annotations?.["helm.sh/hook"] === "pre-upgrade" && kind !== "Job",
  );
  kubectl(["apply", "--server-side", "-f", "-"], [namespaceObject(namespace), ...rights]);
  const crd = [...chartCrds().values()][0]?.metadata.name ?? "";
  // What an older version left behind: the new one takes its fields from whoever wrote them.
  kubectl(["label", "crd", crd, "--overwrite", "app.kubernetes.io/part-of=before"]);
  const dir = mkdtempSync(join(tmpdir(), "etcd-ts-chart-"));
  try {
    const kubeconfig = join(dir, "kubeconfig");
    const token = kubectl(["create", "token", "etcd-ts-crds", "--namespace", namespace]);
    writeFileSync(kubeconfig, withToken(token), { mode: 0o600 });
    const main = join(projectDir, "operator/main.ts");
    const apply = ["apply-crds", `--kubeconfig=${kubeconfig}`];
    execFileSync(process.execPath, [main, ...apply], { stdio: ["ignore", "pipe", "pipe"] });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  const label = "--output=jsonpath={.metadata.labels.app\\.kubernetes\\.io/part-of}";
  assert.equal(kubectl(["get", "crd", crd, label]), "etcd-ts");

  const account = `--as=system:serviceaccount:${namespace}:etcd-ts-crds`;
  const beyond = [
    ["get", "crd"],
    ["get", "pods", "--all-namespaces"],
    ["get", "crd", podMonitorCrd.metadata.name],
    ["delete", "crd", crd, "--dry-run=server"],
  ];
  for (const args of beyond) assert.throws(() => kubectl([...args, account]), /forbidden/i);
});

/** The administrator's kubeconfig, which is JSON, with a service account's token in the place of the certificate. */
function withToken(token: string): string {
  const config = JSON.parse(readFileSync(server.kubeconfig, "utf8")) as { users: unknown };
  return JSON.stringify({ ...config, users: [{ name: "admin", user: { token: token.trim() } }] });
}
