/**
 * The CustomResourceDefinitions on a real API server: served at once, explained, with defaults; what is wrong is refused with a message that says what
 * to do. Run by hand: `node --test test/e2e/crd.e2e.ts`; needs kube-apiserver, etcd, openssl and kubectl. It starts a server of its own; with
 * ETCD_TS_KUBECONFIG it takes that cluster and a namespace of its own there.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";

import { customResourceDefinitions, definitionsIn } from "../../operator/api/v1alpha1/crd.ts";
import { etcdClusters, etcdMembers } from "../../operator/api/v1alpha1/names.ts";
import { applyCrds, customResourceDefinitionType } from "../../operator/apply-crds.ts";
import { ApiClient } from "../../operator/kernel/api-client.ts";
import { ApiError } from "../../operator/kernel/api-error.ts";
import { HttpTransport } from "../../operator/kernel/http-transport.ts";
import { accessFromKubeConfig } from "../../operator/kernel/kube-config.ts";
import type { KubernetesObject, ResourceType } from "../../operator/kernel/resource.ts";
import { type ObjectCase, objectCases } from "../operator/objects/cases.ts";
import { startApiServer } from "./support/api-server.ts";
import { built } from "./support/programs.ts";
import { processPorts } from "./support/two-servers.ts";

const namespaces: ResourceType = {
  group: "",
  version: "v1",
  plural: "namespaces",
  kind: "Namespace",
  isNamespaced: false,
};
const namespace = "etcd-ts-crd";

/** The definitions of this version, and beside them, in another group, the design with all markers taken away. */
type Side = "this version" | "the design";
const designGroup = "design.etcd-ts.dev";

let kubeconfig: string;
let client: ApiClient;
/** What is undone at the end, the last first, however far it went. */
const undo: (() => unknown)[] = [];

before(async () => {
  const given = process.env["ETCD_TS_KUBECONFIG"];
  const server = given === undefined ? await startApiServer() : undefined;
  undo.push(() => server?.stop());
  kubeconfig = server?.kubeconfig ?? given ?? "";
  const transport = new HttpTransport(accessFromKubeConfig({ file: kubeconfig }));
  undo.push(() => {
    transport.close();
  });
  client = new ApiClient({
    transport,
    ports: processPorts,
    timeoutMs: 30_000,
    readTries: 3,
    userAgent: "crd.e2e",
  });
  await client.apply(namespaces, { metadata: { name: namespace } }, { fieldManager: "crd.e2e" });
  undo.push(() => client.delete(namespaces, { name: namespace }));
  for (const definition of design()) {
    await applyCrds(client, processPorts, [definition]);
    undo.push(() => client.delete(customResourceDefinitionType, definition.metadata));
  }
  await applyCrds(client, processPorts, customResourceDefinitions);
});

after(async () => {
  for (const step of undo.reverse()) await step();
});

function design(): readonly KubernetesObject[] {
  return definitionsIn("all").map((definition) => {
    const { spec, metadata } = definition as KubernetesObject & {
      readonly spec: { readonly names: { readonly kind: string; readonly plural: string } };
    };
    const plural = `designed${spec.names.plural}`;
    // Short names and categories belong to the real ones.
    const { kind } = spec.names;
    const names = { kind, plural, singular: plural.slice(0, -1) };
    return {
      ...definition,
      metadata: { ...metadata, name: `${plural}.${designGroup}` },
      spec: { ...spec, group: designGroup, names },
    };
  });
}

function kubectl(...args: readonly string[]): string {
  return execFileSync(built("kubectl"), ["--kubeconfig", kubeconfig, ...args], {
    encoding: "utf8",
  });
}

/** The writes of the case, one after the other; what they make is deleted at the end. */
async function write(each: ObjectCase, resource: ResourceType): Promise<KubernetesObject> {
  const ref = { namespace, name: each.name };
  const object = {
    apiVersion: `${resource.group}/${resource.version}`,
    kind: resource.kind,
    metadata: ref,
    ...(each.spec === undefined ? {} : { spec: each.spec }),
  };
  const made = await client.create(resource, object);
  try {
    if (each.update !== undefined) {
      return await client.replace(resource, { ...made, spec: each.update });
    }
    if (each.status === undefined) return made;
    const subresource = "status";
    const first = await client.replace(resource, { ...made, status: each.status }, { subresource });
    const second = { ...first, status: each.updateStatus };
    return await client.replace(resource, second, { subresource });
  } finally {
    await client.delete(resource, ref);
  }
}

function resourceOf(each: ObjectCase, side: Side): ResourceType {
  const resource = each.kind === "EtcdCluster" ? etcdClusters : etcdMembers;
  if (side === "this version") return resource;
  return { ...resource, group: designGroup, plural: `designed${resource.plural}` };
}

function accepts(side: Side, cases: readonly ObjectCase[]): void {
  for (const each of cases) {
    test(`${side} accepts ${each.case}`, async () => {
      await write(each, resourceOf(each, side));
    });
  }
}

function refuses(side: Side, cases: readonly ObjectCase[]): void {
  for (const each of cases) {
    test(`${side} refuses ${each.case}`, async () => {
      await assert.rejects(write(each, resourceOf(each, side)), (error) => {
        assert.ok(error instanceof ApiError);
        assert.equal(error.kind, "Invalid");
        assert.ok(
          each.refused !== undefined && error.message.includes(each.refused),
          error.message,
        );
        return true;
      });
    });
  }
}

accepts("this version", objectCases("accepted"));
accepts("the design", [...objectCases("accepted"), ...objectCases("not-served")]);
refuses("this version", [...objectCases("refused"), ...objectCases("not-served")]);
refuses("the design", [...objectCases("refused"), ...objectCases("design-refused")]);

test("an empty spec is filled with defaults", async () => {
  const empty = { case: "an empty spec", kind: "EtcdCluster", name: "demo", spec: {} } as const;
  const made = await write(empty, etcdClusters);
  assert.deepEqual(made["spec"], {
    replicas: 1,
    allowEvenReplicas: false,
    paused: false,
    storage: { size: "8Gi", reclaim: { onScaleDown: "Delete", onClusterDelete: "Retain" } },
    tls: {
      mode: "Managed",
      client: { requireClientCert: true },
      ca: { validityDays: 3650, overlapDays: 365 },
      leaf: { validityDays: 90, renewAtPercent: 67, keyType: "ECDSA-P256" },
    },
    etcd: {},
    pod: { affinityPreset: "Soft", terminationGracePeriodSeconds: 60 },
    services: { client: { type: "ClusterIP" } },
    recovery: { memberGraceSeconds: 300, maxReplacementsPerHour: 3, quorumLoss: "Assisted" },
  });
});

test("kubectl explains fields, and says which are not served", () => {
  assert.match(kubectl("explain", "etcdclusters.spec.storage.size"), /never\s+shrinks/);
  assert.match(kubectl("explain", "etcdclusters.spec.backup"), /Not served by this version/);
  assert.match(
    kubectl("explain", "etcdclusters.spec.tls.mode"),
    /Managed, Provided, Disabled\s+only/,
  );
});

test("kubectl lists clusters and members under one category, with their columns", async () => {
  const ref = { name: "listed", namespace };
  const made = await client.apply(etcdClusters, { metadata: ref }, { fieldManager: "crd.e2e" });
  const status = {
    ready: "1/1",
    phase: "Running",
    leader: "listed-bcdfg",
    version: "3.7.1",
    replicas: 1,
    selector: "a=b",
    members: [{ name: "listed-bcdfg", role: "Leader", phase: "Ready", dbSizeBytes: 20480 }],
    certificates: { phase: "Reissue" },
    plan: { step: "issues Secret listed-bcdfg-tls", risk: "none" },
  };
  await client.replace(etcdClusters, { ...made, status }, { subresource: "status" });
  try {
    const rows = kubectl("get", "etcdc", "--namespace", namespace, "-o", "wide").split("\n");
    assert.match(
      rows[0] ?? "",
      /^NAME +READY +PHASE +LEADER +VERSION +CERTIFICATES +NEXT +DB SIZE +AGE/,
    );
    assert.match(
      rows[1] ?? "",
      /^listed +1\/1 +Running +listed-bcdfg +3\.7\.1 +Reissue +issues Secret listed-bcdfg-tls +20480 /,
    );
    assert.match(
      kubectl("get", "etcd", "--namespace", namespace),
      /etcdcluster.etcd-ts.dev\/listed/,
    );
    const scale = kubectl(
      "get",
      "etcdc",
      "listed",
      "-n",
      namespace,
      "--subresource=scale",
      "-o",
      "json",
    );
    const { spec, status: seen } = JSON.parse(scale) as Record<string, unknown>;
    assert.deepEqual([spec, seen], [{ replicas: 1 }, { replicas: 1, selector: "a=b" }]);
    const inNamespace = ["listed", "-n", namespace];
    kubectl("scale", "etcdc", ...inNamespace, "--replicas=3");
    assert.throws(
      () => kubectl("scale", "etcdc", ...inNamespace, "--replicas=4"),
      /allowEvenReplicas/,
    );
  } finally {
    await client.delete(etcdClusters, ref);
  }
});
