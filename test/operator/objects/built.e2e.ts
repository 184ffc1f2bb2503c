/**
 * What operator/resources builds, on a real kube-apiserver and with the rights of the chart: each object is taken as it is, in a namespace that refuses Pods
 * below "restricted", and reads as built afterwards, so that a cluster at rest is written to no more. Run by hand:
 * `node --test test/operator/objects/built.e2e.ts`; needs kube-apiserver, kubectl, helm4, etcd and openssl.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, test } from "node:test";

import { customResourceDefinitions } from "../../../operator/api/v1alpha1/crd.ts";
import type { EtcdCluster, EtcdMember } from "../../../operator/api/v1alpha1/types.ts";
import type { KubernetesObject } from "../../../operator/kernel/resource.ts";
import { isAsBuilt } from "../../../operator/resources/built-hash.ts";
import {
  buildCompactionCronJob,
  buildDefragCronJob,
} from "../../../operator/resources/cron-jobs.ts";
import { buildDisruptionBudget } from "../../../operator/resources/disruption-budget.ts";
import { buildMaintenanceAccess } from "../../../operator/resources/maintenance-access.ts";
import { buildMember } from "../../../operator/resources/member.ts";
import { clientTlsSecretNameOf } from "../../../operator/resources/names.ts";
import { buildPod } from "../../../operator/resources/pod.ts";
import { buildClientService, buildPeersService } from "../../../operator/resources/services.ts";
import {
  buildCaSecret,
  buildClientTlsSecret,
  buildMemberTlsSecret,
} from "../../../operator/resources/tls-secrets.ts";
import { buildVolumeClaim, ownedVolumeClaim } from "../../../operator/resources/volume-claim.ts";
import { renderAll } from "../../chart/render.ts";
import { type ApiServer, startApiServer } from "../../e2e/support/api-server.ts";
import { peer } from "../../support/peers.ts";
import { selfSignedLeaf } from "../../support/pki.ts";

const namespace = "built";
const image = "localhost/etcd-ts:1.0";
const operator = "--as=system:serviceaccount:etcd-ts-system:etcd-ts-operator";

let server: ApiServer;
let cluster: EtcdCluster;
let member: EtcdMember;

before(async () => {
  server = await startApiServer();
  const [defaults] = renderAll(peer("helm4"));
  assert.ok(defaults);
  const rights = defaults.objects.filter(
    ({ kind, metadata }) => /^ClusterRole/.test(kind) && metadata.annotations === undefined,
  );
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  applyAll([
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels } },
    ...customResourceDefinitions,
    ...rights,
  ]);
  kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
  cluster = applied({
    apiVersion: "etcd-ts.dev/v1alpha1",
    kind: "EtcdCluster",
    metadata: { name: "demo", namespace },
    spec: {
      replicas: 3,
      storage: { reclaim: { onClusterDelete: "Delete" } },
      tls: { clients: [{ name: "app" }] },
      maintenance: {
        compaction: { schedule: "@hourly" },
        defrag: { schedule: "30 3 * * 0", timeZone: "Europe/Berlin", isSuspended: true },
      },
    },
  }) as EtcdCluster;
  const context = { clusterDomain: "cluster.local", defaultImage: image };
  const name = "demo-bcdfg";
  member = applied(
    buildMember(cluster, { name, bootstrap: "NewCluster", ...context }),
    operator,
  ) as EtcdMember;
});

after(() => server.stop());

function kubectl(args: readonly string[], input = ""): string {
  const env = { ...process.env, KUBECONFIG: server.kubeconfig };
  const result = spawnSync(peer("kubectl"), args, { input, encoding: "utf8", env });
  const failed = result.status !== 0 || /^Warning:|would violate/m.test(result.stderr);
  if (failed) throw new Error(`kubectl ${args.join(" ")}: ${result.stderr}`);
  return result.stdout;
}

const applyArgs = ["apply", "--server-side", "--validate=strict", "--output=json", "-f", "-"];

function applyAll(objects: readonly object[]): void {
  const list = { apiVersion: "v1", kind: "List", items: objects };
  kubectl(applyArgs, JSON.stringify(list));
}

function applied(object: KubernetesObject, as = ""): KubernetesObject {
  const manager = "--field-manager=etcd-ts-operator";
  const args = [...applyArgs, manager, ...(as === "" ? [] : [as])];
  return JSON.parse(kubectl(args, JSON.stringify(object))) as KubernetesObject;
}

/** The API server looks into Secrets of TLS. */
const { certPem: certificate, keyPem: key } = selfSignedLeaf();
const pair = { certificate, key, ca: certificate };
const memberFiles = {
  serverCertificate: pair.certificate,
  serverKey: pair.key,
  peerCertificate: pair.certificate,
  peerKey: pair.key,
  ca: pair.ca,
};

const kept: Readonly<Record<string, () => KubernetesObject>> = {
  "the peers' Service": () => buildPeersService(cluster),
  "the clients' Service": () => buildClientService(cluster),
  "the budget": () => buildDisruptionBudget(cluster, { minAvailable: 2 }),
  "the CA": () => buildCaSecret(cluster, { ...pair, next: pair }),
  "a member's certificates": () => buildMemberTlsSecret(cluster, member, memberFiles),
  "an application's certificate": () =>
    buildClientTlsSecret(cluster, clientTlsSecretNameOf("demo", "app"), pair),
  "the CronJobs' account": () => buildMaintenanceAccess(cluster)[0]!,
  "the CronJobs' Role": () => buildMaintenanceAccess(cluster)[1]!,
  "the CronJobs' RoleBinding": () => buildMaintenanceAccess(cluster)[2]!,
  "the CronJob that compacts": () => buildCompactionCronJob(cluster, { image })!,
  "the CronJob that defragments": () => buildDefragCronJob(cluster, { image })!,
};

for (const [what, build] of Object.entries(kept)) {
  test(`${what} is taken as it is, reads as built, and is there once`, () => {
    const built = build();
    const first = applied(built, operator);
    assert.ok(isAsBuilt(first, built), JSON.stringify({ first, built }));
    assert.equal(applied(built, operator).metadata.resourceVersion, first.metadata.resourceVersion);
  });
}

test("a member's pod is taken, and its claim, which then gets its owner by the policy", () => {
  const create = ["create", "--output=json", "-f", "-", operator];
  const claim = JSON.parse(
    kubectl(create, JSON.stringify(buildVolumeClaim(cluster, member))),
  ) as KubernetesObject;
  const owned = applied(ownedVolumeClaim(cluster, claim), operator);
  assert.equal(owned.metadata.ownerReferences?.[0]?.uid, cluster.metadata.uid);
  const members = [{ name: member.metadata.name, peerUrl: member.spec.peerURL }];
  const initialCluster = { state: "new", members } as const;
  const pod = applied(buildPod(cluster, member, { initialCluster }), operator);
  assert.equal(pod.metadata.name, "demo-bcdfg");
});

test("a right that the operator lacks is one that it cannot grant", () => {
  const [, role] = buildMaintenanceAccess(cluster);
  assert.ok(role !== undefined);
  const rules = [{ apiGroups: [""], resources: ["pods/exec"], verbs: ["create"] }];
  assert.throws(
    () => applied({ ...role, rules }, operator),
    /attempting to grant RBAC permissions/,
  );
});

test("Pods are not the operator's to enter, nor rights to widen, nor nodes to change", () => {
  const asked = [
    ["deletecollection", "secrets"],
    ["deletecollection", "roles.rbac.authorization.k8s.io"],
    ["create", "pods", "--subresource=exec"],
    ["bind", "roles.rbac.authorization.k8s.io"],
    ["escalate", "roles.rbac.authorization.k8s.io"],
    ["delete", "nodes"],
  ];
  const allowed = asked.filter((verb) => {
    const args = ["auth", "can-i", ...verb, "--namespace", namespace, operator];
    const env = { ...process.env, KUBECONFIG: server.kubeconfig };
    return spawnSync(peer("kubectl"), args, { encoding: "utf8", env }).stdout.trim() !== "no";
  });
  assert.deepEqual(allowed, []);
});
