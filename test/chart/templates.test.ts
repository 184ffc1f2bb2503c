/** What helm 3 and helm 4 make of each value set of test/chart/values, and rules that hold for every object whatever the values are. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { parseOptions } from "../../operator/options.ts";
import { needs, peer } from "../support/peers.ts";
import {
  clusterWideRights,
  electionRights,
  hookRights,
  operatorRights,
  rightsOf,
} from "./access-rules.ts";
import { chartJson, type Json, type KubeObject } from "./chart-files.ts";
import { podSpecOf, problemsOf } from "./pod-rules.ts";
import { lint, notes, render, renderAll, type ValueSet, valueSets } from "./render.ts";

const sets = valueSets();
const { version } = chartJson("Chart.yaml");

/** Kind/name, with the namespace between them where it is not the release's; nothing between the slashes for cluster-wide objects. */
function idOf({ kind, metadata }: KubeObject, set: ValueSet): string {
  const { name, namespace = "" } = metadata;
  return namespace === set.namespace ? `${kind}/${name}` : `${kind}/${namespace}/${name}`;
}

/** The value at a JSON pointer; null where there is none. */
function at(object: KubeObject, pointer: string): unknown {
  const keys = pointer
    .split("/")
    .slice(1)
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
  return keys.reduce<unknown>((node, key) => (node as Json | null)?.[key] ?? null, object);
}

function find(objects: readonly KubeObject[], id: string, set: ValueSet): KubeObject {
  const found = objects.find((object) => idOf(object, set) === id);
  assert.ok(found, `no ${id} among ${objects.map((object) => idOf(object, set)).join(", ")}`);
  return found;
}

function checkExpectations(objects: readonly KubeObject[], set: ValueSet): void {
  const ids = objects.map((object) => idOf(object, set));
  assert.equal(new Set(ids).size, ids.length, "an object is there twice");
  if (set.expect.objects !== undefined)
    assert.deepEqual(ids.toSorted(), set.expect.objects.toSorted());
  for (const [id, fields] of Object.entries(set.expect.where ?? {})) {
    const object = find(objects, id, set);
    for (const [pointer, expected] of Object.entries(fields)) {
      assert.deepEqual(at(object, pointer), expected, `${id} ${pointer}`);
    }
  }
}

function checkNames(object: KubeObject, set: ValueSet): void {
  const { name, namespace, labels = {} } = object.metadata;
  const isClusterWide = object.kind.startsWith("ClusterRole");
  assert.equal(namespace === undefined, isClusterWide, `${idOf(object, set)}: namespace`);
  // RBAC's names are paths; all others end up in a label, a host name or a lease.
  if (!object.kind.includes("Role")) assert.match(name, /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/);
  for (const label of ["name", "component", "part-of", "version", "managed-by"]) {
    assert.ok(`app.kubernetes.io/${label}` in labels, `${idOf(object, set)}: no label ${label}`);
  }
  assert.equal(labels["app.kubernetes.io/instance"], set.release);
  assert.equal(labels["helm.sh/chart"], `etcd-ts-${String(version)}`);
  for (const value of Object.values(labels)) {
    assert.match(value, /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/, idOf(object, set));
  }
}

/** Selectors select the operator's pods and no others of the release. */
function checkSelectors(objects: readonly KubeObject[]): void {
  const deployment = objects.find(({ kind }) => kind === "Deployment");
  if (deployment === undefined) return;
  const labels = at(deployment, "/spec/template/metadata/labels") as Json;
  const selectors = objects.flatMap((object) =>
    ["/spec/selector/matchLabels", "/spec/podSelector/matchLabels", "/spec/selector"]
      .map((pointer) => at(object, pointer) as Json | null)
      .filter(
        (selector) =>
          selector !== null && Object.values(selector).every((it) => typeof it === "string"),
      ),
  ) as Json[];
  assert.ok(selectors.length >= 1);
  for (const selector of selectors) {
    assert.deepEqual(Object.keys(selector).toSorted(), [
      "app.kubernetes.io/component",
      "app.kubernetes.io/instance",
      "app.kubernetes.io/name",
    ]);
    for (const [key, value] of Object.entries(selector)) assert.equal(labels[key], value);
  }
  assert.equal(labels["app.kubernetes.io/component"], "operator");
}

function checkRights(objects: readonly KubeObject[], set: ValueSet): void {
  const roles = objects.filter(({ kind }) => kind === "Role" || kind === "ClusterRole");
  const lease = objects.find(({ kind }) => kind === "Deployment")?.metadata.name ?? "";
  for (const role of roles) {
    const { name, annotations } = role.metadata;
    const isHook = annotations?.["helm.sh/hook"] === "pre-upgrade";
    const allowed = isHook
      ? hookRights
      : name.endsWith("-leader-election")
        ? electionRights(lease)
        : role.kind === "ClusterRole"
          ? clusterWideRights
          : operatorRights;
    assert.deepEqual(rightsOf(role), allowed, name);
  }
  const watched = set.values["watchNamespaces"];
  const serving = roles.filter(
    ({ metadata }) =>
      metadata.annotations === undefined && !metadata.name.endsWith("-leader-election"),
  );
  if (watched === undefined) assert.ok(serving.every(({ kind }) => kind === "ClusterRole"));
  else
    assert.deepEqual(
      serving.map(({ metadata }) => metadata.namespace),
      watched,
    );
}

/** A binding names a role of its own kind that is there, and a ServiceAccount of the release. */
function checkBindings(objects: readonly KubeObject[], set: ValueSet): void {
  const roles = objects.filter(({ kind }) => kind === "Role" || kind === "ClusterRole");
  const bindings = objects.filter(({ kind }) => kind.endsWith("RoleBinding"));
  assert.equal(bindings.length, roles.length);
  for (const binding of bindings) {
    const { kind, name } = at(binding, "/roleRef") as { kind: string; name: string };
    assert.equal(`${kind}Binding`, binding.kind);
    const { namespace } = binding.metadata;
    assert.ok(
      roles.some(
        (role) =>
          role.kind === kind &&
          role.metadata.name === name &&
          role.metadata.namespace === namespace,
      ),
      name,
    );
    const subjects = at(binding, "/subjects") as readonly { name: string; namespace: string }[];
    assert.equal(subjects.length, 1);
    assert.equal(subjects[0]?.namespace, set.namespace);
    const pods = objects.map((object) => podSpecOf(object)?.["serviceAccountName"]);
    assert.ok(pods.includes(subjects[0].name), `no pod runs as ${subjects[0].name}`);
  }
}

/** Every command line is one that the operator understands, and says what the values say. */
function checkCommandLines(objects: readonly KubeObject[], set: ValueSet): void {
  for (const object of objects) {
    const [container] = podSpecOf(object)?.containers ?? [];
    if ((container?.["command"] as string[] | undefined)?.[0] !== "etcd-ts-operator") continue;
    const options = parseOptions(container?.["args"] as string[], {
      POD_NAMESPACE: "by-environment",
    });
    if (object.kind === "Job") assert.equal(options.command, "apply-crds");
    else {
      assert.ok(options.command === "run");
      assert.deepEqual(options.namespaces, set.values["watchNamespaces"] ?? []);
      assert.equal(options.defaultImage, container?.image);
      assert.equal(options.leaderElectionNamespace, set.namespace);
      assert.equal(
        options.metricsAddress.port,
        at(object, "/spec/template/spec/containers/0/ports/0/containerPort"),
      );
    }
  }
}

/** Helm deletes what a hook left behind before it makes it anew, and runs rights before the pod that needs them. */
function checkHooks(objects: readonly KubeObject[]): void {
  const weights = new Map<string, number>();
  for (const { kind, metadata } of objects) {
    const { annotations = {} } = metadata;
    if (annotations["helm.sh/hook"] === undefined) continue;
    assert.match(annotations["helm.sh/hook-delete-policy"] ?? "", /^before-hook-creation\b/);
    if (annotations["helm.sh/hook"] === "pre-upgrade")
      weights.set(kind, Number(annotations["helm.sh/hook-weight"]));
  }
  const order = [...weights].sort(([, a], [, b]) => a - b).map(([kind]) => kind);
  if (order.length > 0) assert.deepEqual(order.slice(-2), ["ClusterRoleBinding", "Job"]);
}

for (const program of ["helm3", "helm4"]) {
  suite(`the chart with ${program}`, needs("helm3", "helm4"), () => {
    test("passes helm lint --strict", () => {
      lint(peer(program));
    });

    for (const set of sets) {
      test(`${set.name}: ${set.about}`, () => {
        const objects = render(peer(program), set);
        checkExpectations(objects, set);
        checkSelectors(objects);
        checkRights(objects, set);
        checkBindings(objects, set);
        checkHooks(objects);
        checkCommandLines(objects, set);
        for (const object of objects) {
          checkNames(object, set);
          const pod = podSpecOf(object);
          if (pod !== undefined) assert.deepEqual(problemsOf(pod), [], idOf(object, set));
        }
      });
    }
  });
}

test("helm 3 and helm 4 make the same objects, each time", needs("helm3", "helm4"), () => {
  assert.deepEqual(renderAll(peer("helm3")), renderAll(peer("helm4")));
});

test("NOTES.txt says how to go on and what to know", needs("helm4"), () => {
  for (const set of sets) {
    const text = notes(peer("helm4"), set);
    for (const part of set.expect.notes ?? []) {
      const isUnwanted = part.startsWith("!");
      const found = text.includes(isUnwanted ? part.slice(1) : part);
      assert.equal(found, !isUnwanted, `${set.name}: ${part}\n${text}`);
    }
  }
});

test("NOTES.txt warns of an even number of members", needs("helm4"), () => {
  const [defaults] = sets;
  assert.ok(defaults);
  const withReplicas = (replicas: number): string =>
    notes(peer("helm4"), {
      ...defaults,
      values: { cluster: { create: true, spec: { replicas } } },
    });
  assert.match(withReplicas(4), /4 members survive the loss of no more members than 3 do/);
  assert.doesNotMatch(withReplicas(3), /odd number/);
});
