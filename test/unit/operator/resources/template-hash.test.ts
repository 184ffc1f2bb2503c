import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { EtcdClusterSpec } from "../../../../operator/api/v1alpha1/types.ts";
import { hashOf, templateHashOf } from "../../../../operator/resources/template-hash.ts";
import { defaultSpec } from "../../../operator/model/objects.ts";

/** FNV-1a as its authors give it, over bytes. */
function fnv1a(bytes: readonly number[]): string {
  const hash = bytes.reduce(
    (sum, byte) => BigInt.asUintN(64, (sum ^ BigInt(byte)) * 0x100000001b3n),
    0xcbf29ce484222325n,
  );
  return hash.toString(16).padStart(16, "0");
}

describe("the hash", () => {
  test("is FNV-1a of the JSON, two bytes a character", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const json = JSON.stringify(text);
        const bytes = Array.from({ length: json.length * 2 }, (_, at) =>
          at % 2 === 0 ? json.charCodeAt(at / 2) & 0xff : json.charCodeAt((at - 1) / 2) >> 8,
        );
        assert.equal(hashOf(text), fnv1a(bytes));
      }),
    );
  });

  test("does not see the order of fields, nor fields without a value", () => {
    assert.equal(hashOf({ a: 1, b: { c: 2, d: [] } }), hashOf({ b: { c: 2 }, e: undefined, a: 1 }));
    assert.notEqual(hashOf({ a: [1, 2] }), hashOf({ a: [2, 1] }));
  });
});

describe("the template hash", () => {
  const image = "localhost/etcd-ts:1.0";
  const before = templateHashOf(defaultSpec, image);

  test("is the same in all versions of the operator: another value restarts every member there is", () => {
    assert.equal(before, "4fc9aab789f606a5");
  });

  const { pod, tls } = defaultSpec;
  for (const [what, spec] of Object.entries<EtcdClusterSpec>({
    "an option of etcd": { ...defaultSpec, etcd: { snapshotCount: 5000 } },
    "compaction by the members": {
      ...defaultSpec,
      etcd: { autoCompaction: { mode: "Periodic", retentionMinutes: 5 } },
    },
    "more metrics": { ...defaultSpec, etcd: { metrics: "Extensive" } },
    TLS: { ...defaultSpec, tls: { ...tls, mode: "Managed" } },
    "an extra flag": { ...defaultSpec, etcd: { extraArgs: { "max-txn-ops": "256" } } },
    resources: { ...defaultSpec, pod: { ...pod, resources: { limits: { memory: "1Gi" } } } },
    "a label of the pod": { ...defaultSpec, pod: { ...pod, labels: { team: "x" } } },
    affinity: { ...defaultSpec, pod: { ...pod, affinityPreset: "None" } },
    "the grace period": { ...defaultSpec, pod: { ...pod, terminationGracePeriodSeconds: 61 } },
    "the pull policy": { ...defaultSpec, image: { pullPolicy: "Always" } },
    "pull secrets": { ...defaultSpec, image: { pullSecrets: [{ name: "pull" }] } },
  })) {
    test(`changes with ${what}`, () => assert.notEqual(templateHashOf(spec, image), before));
  }

  for (const [what, spec] of Object.entries<EtcdClusterSpec>({
    "what is paused": { ...defaultSpec, paused: true },
    "the client Service": { ...defaultSpec, services: { client: { type: "NodePort" } } },
    "the policy of volumes": {
      ...defaultSpec,
      storage: {
        ...defaultSpec.storage,
        reclaim: { onScaleDown: "Delete", onClusterDelete: "Delete" },
      },
    },
    "a wish for an image that the member has not got yet": {
      ...defaultSpec,
      image: { repository: "r", tag: "2" },
    },
    "metrics as they are by default": { ...defaultSpec, etcd: { metrics: "Basic" } },
    "the number of members": { ...defaultSpec, replicas: 5, allowEvenReplicas: true },
    "the policy of members that are removed": {
      ...defaultSpec,
      storage: {
        ...defaultSpec.storage,
        reclaim: { onScaleDown: "Retain", onClusterDelete: "Retain" },
      },
    },
    "what happens to lost members": {
      ...defaultSpec,
      recovery: { memberGraceSeconds: 60, maxReplacementsPerHour: 1, quorumLoss: "Manual" },
    },
    maintenance: {
      ...defaultSpec,
      maintenance: {
        compaction: {
          schedule: "@daily",
          timeZone: "Etc/UTC",
          isSuspended: false,
          timeoutSeconds: 600,
          keepMinutes: 5,
          keepRevisions: 1000,
        },
      },
    },
    "empty maps": { ...defaultSpec, pod: { ...pod, labels: {}, tolerations: [] } },
  })) {
    test(`does not change with ${what}`, () => assert.equal(templateHashOf(spec, image), before));
  }

  const managed = { ...tls, mode: "Managed" } as const;
  const beforeWithTls = templateHashOf({ ...defaultSpec, tls: managed }, image);

  test("of a cluster with TLS is the same in all versions too", () => {
    assert.equal(beforeWithTls, "db3e1301965ed97a");
  });

  test("changes when clients need no certificate any more, and not with what members follow by themselves", () => {
    const withTls = (change: Partial<EtcdClusterSpec["tls"]>): string =>
      templateHashOf({ ...defaultSpec, tls: { ...managed, ...change } }, image);
    assert.notEqual(withTls({ client: { requireClientCert: false } }), beforeWithTls);
    assert.equal(withTls({ leaf: { ...tls.leaf, validityDays: 30 } }), beforeWithTls);
    assert.equal(withTls({ ca: { ...tls.ca, overlapDays: 100 } }), beforeWithTls);
    assert.equal(withTls({ clients: [{ name: "app" }] }), beforeWithTls);
    assert.equal(withTls({ extraSANs: { dnsNames: ["etcd.example.org"] } }), beforeWithTls);
  });

  test("changes with the Secrets that the user gives", () => {
    const provided = (server: string): string =>
      templateHashOf(
        {
          ...defaultSpec,
          tls: {
            ...tls,
            mode: "Provided",
            provided: {
              serverSecretRef: { name: server },
              peerSecretRef: { name: "peer" },
              operatorSecretRef: { name: "operator" },
            },
          },
        },
        image,
      );
    assert.notEqual(provided("a"), provided("b"));
  });

  test("changes with the member's image", () => {
    assert.notEqual(templateHashOf(defaultSpec, "localhost/etcd-ts:2.0"), before);
  });
});
