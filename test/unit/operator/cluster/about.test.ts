/** Which part of a cluster a step is about: by it events of equal reasons about two members are two. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { aboutMember, aboutStep } from "../../../../operator/cluster/about.ts";
import type { Observed } from "../../../../operator/cluster/observed.ts";
import { plan } from "../../../../operator/cluster/plan.ts";
import type { EtcdRequest, Step } from "../../../../operator/cluster/step.ts";
import type { KubernetesObject } from "../../../../operator/kernel/resource.ts";
import { clusterWith, context, fine, healthy, minutesAgo } from "./lab.ts";

const told = { reason: "Test", message: "for the test" };

function partOf(observed: Observed, step: Step): string | undefined {
  const part = aboutStep(observed, step);
  return part && `${part.apiVersion} ${part.kind} ${part.namespace ?? ""}/${part.name}`;
}

const member = (name: string): string => `etcd-ts.dev/v1alpha1 EtcdMember prod/${name}`;

function requestTo(observed: Observed, request: EtcdRequest): string | undefined {
  const { etcd } = observed;
  const listedMembers = etcd.kind === "known" ? etcd.list : [];
  return partOf(observed, { kind: "etcd", request, listedMembers, ...told });
}

test("a member's EtcdMember, Pod and claim are about the member, with its uid", () => {
  const observed = healthy(3);
  const [, seen] = observed.members;
  assert.ok(seen?.pod !== undefined && seen.volumeClaim !== undefined);
  for (const object of [seen.member, seen.pod, seen.volumeClaim] as readonly KubernetesObject[]) {
    for (const kind of ["create", "apply", "delete"] as const) {
      assert.deepEqual(aboutStep(observed, { kind, object, ...told }), {
        apiVersion: "etcd-ts.dev/v1alpha1",
        kind: "EtcdMember",
        name: "etcd-b",
        namespace: "prod",
        uid: seen.member.metadata.uid,
      });
    }
  }
  const fields = { memberID: "b1" };
  const step = { kind: "latch-member", memberName: "etcd-b", fields, ...told } as const;
  assert.equal(partOf(observed, step), member("etcd-b"));
});

test("a request to etcd is about the member that its id, URL or name says", () => {
  const observed = clusterWith({ ...fine(2), c: { role: "learner" } });
  const idOf = (name: string): string =>
    observed.members.find((seen) => seen.member.metadata.name === name)?.member.status?.memberID ??
    "";
  const peerUrl = observed.members[1]?.member.spec.peerURL ?? "";
  const requests: readonly [EtcdRequest, string | undefined][] = [
    [{ kind: "add-learner", peerUrl }, member("etcd-b")],
    [{ kind: "promote", memberId: idOf("etcd-c") }, member("etcd-c")],
    [{ kind: "remove", memberId: idOf("etcd-a") }, member("etcd-a")],
    [{ kind: "move-leader", leaderName: "etcd-a", toMemberId: idOf("etcd-b") }, member("etcd-a")],
    [{ kind: "defragment", memberName: "etcd-b" }, member("etcd-b")],
    [{ kind: "disarm", memberId: idOf("etcd-b"), alarm: "NoSpace" }, member("etcd-b")],
    [{ kind: "disarm", memberId: "f9", alarm: "Corrupt" }, undefined],
    [{ kind: "compact", revision: 7 }, undefined],
  ];
  for (const [request, expected] of requests) {
    assert.equal(requestTo(observed, request), expected, request.kind);
  }
});

test("an entry whose EtcdMember is gone is about the member that it was, without a uid", () => {
  const observed = healthy(1);
  const entry = {
    id: "f9",
    name: "",
    peerUrls: ["http://etcd-x.etcd-peers.prod.svc.cluster.local:2380"],
    isLearner: true,
  };
  const step: Step = {
    kind: "etcd",
    request: { kind: "remove", memberId: "f9" },
    listedMembers: [entry],
    ...told,
  };
  assert.deepEqual(aboutStep(observed, step), aboutMember(observed, "etcd-x"));
  assert.equal(aboutMember(observed, "etcd-x").uid, undefined);
  assert.equal(partOf(observed, step), member("etcd-x"));
});

test("certificates are about their Secret, other objects about themselves, and facts of the cluster about nothing else", () => {
  const observed = healthy(3);
  const order = { kind: "ca", change: { kind: "create" } } as const;
  assert.equal(
    partOf(observed, { kind: "issue", secretName: "etcd-ca", order, ...told }),
    "v1 Secret prod/etcd-ca",
  );
  const object = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "etcd-peers", namespace: "prod" },
  };
  assert.equal(partOf(observed, { kind: "apply", object, ...told }), "v1 Service prod/etcd-peers");
  const latch = (fields: { clusterID?: string; seedMember?: string }): string | undefined =>
    partOf(observed, { kind: "latch-cluster", fields, ...told });
  assert.equal(latch({ clusterID: "cafe" }), undefined);
  assert.equal(latch({ seedMember: "etcd-a" }), member("etcd-a"));
});

test("the decision to replace a member, and being stuck with one, are about that member", () => {
  const lost = { pod: "unready", downSince: minutesAgo(60), answers: false } as const;
  const planned = plan(clusterWith({ ...fine(2), c: lost }), context);
  assert.ok(planned.kind === "step" && planned.step.reason === "ReplacingMember");
  assert.equal(planned.step.about, "etcd-c");
  const alone = plan(clusterWith({ a: { volume: "gone", pod: "absent" } }), context);
  assert.ok(alone.kind === "stuck", alone.kind);
  assert.deepEqual([alone.reason, alone.about], ["VolumeLost", "etcd-a"]);
});
