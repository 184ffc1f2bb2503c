/** Of which object an event is, and about which part of it. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { Step } from "../../../../operator/cluster/step.ts";
import { Teller } from "../../../../operator/controller/tell.ts";
import type { EventText } from "../../../../operator/kernel/event.ts";
import type { ObjectReference } from "../../../../operator/kernel/object-reference.ts";
import type { KubernetesObject } from "../../../../operator/kernel/resource.ts";
import { silentLogger } from "../../../operator/virtual-time.ts";
import { healthy } from "../cluster/lab.ts";

function listening(): { readonly teller: Teller; readonly heard: string[] } {
  const heard: string[] = [];
  const recorder = {
    record: (regarding: KubernetesObject, text: EventText, related?: ObjectReference): void => {
      const whose = `${regarding.apiVersion ?? ""} ${regarding.kind ?? ""} ${regarding.metadata.name}`;
      const part = related === undefined ? "" : ` about ${related.kind} ${related.name}`;
      heard.push(`${text.type} ${text.reason} of ${whose}${part}`);
    },
  };
  return { teller: new Teller(recorder, silentLogger), heard };
}

const whose = "of etcd-ts.dev/v1alpha1 EtcdCluster etcd";

function creationOf(name: string, kind = "Pod"): Step {
  const labels = kind === "Pod" ? { "etcd-ts.dev/member": name } : {};
  const object = { apiVersion: "v1", kind, metadata: { name, namespace: "prod", labels } };
  return {
    kind: "create",
    object,
    reason: `Created${kind}`,
    message: `${kind} ${name} is created`,
  };
}

test("a step is told of the cluster, and about the member that it was done to", () => {
  const { teller, heard } = listening();
  teller.carriedOut(healthy(3), creationOf("etcd-a"));
  teller.carriedOut(healthy(3), creationOf("etcd-b"));
  assert.deepEqual(heard, [
    `Normal CreatedPod ${whose} about EtcdMember etcd-a`,
    `Normal CreatedPod ${whose} about EtcdMember etcd-b`,
  ]);
});

test("being stuck is told once, and again when it is about another member", () => {
  const { teller, heard } = listening();
  const stuck = { kind: "stuck", reason: "VolumeDeletionPending" } as const;
  for (const about of ["etcd-a", "etcd-a", "etcd-b"]) {
    teller.planned(healthy(3), { ...stuck, message: `the volume of ${about} goes`, about });
  }
  teller.planned(healthy(3), { kind: "stuck", reason: "EvenReplicas", message: "an even number" });
  assert.deepEqual(heard, [
    `Warning VolumeDeletionPending ${whose} about EtcdMember etcd-a`,
    `Warning VolumeDeletionPending ${whose} about EtcdMember etcd-b`,
    `Warning EvenReplicas ${whose}`,
  ]);
});

test("a refusal is about what was refused", () => {
  const { teller, heard } = listening();
  const refused = (message: string): Parameters<Teller["planned"]>[1] => ({
    kind: "stuck",
    reason: "RequestRefused",
    message,
  });
  teller.planned(healthy(3), refused("no Pod"), creationOf("etcd-a"));
  teller.planned(healthy(3), refused("no Service"), creationOf("etcd-client", "Service"));
  assert.deepEqual(heard, [
    `Warning RequestRefused ${whose} about EtcdMember etcd-a`,
    `Warning RequestRefused ${whose} about Service etcd-client`,
  ]);
});
