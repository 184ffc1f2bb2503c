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

  const { pod } = defaultSpec;
  for (const [what, spec] of Object.entries<EtcdClusterSpec>({
    "an option of etcd": { ...defaultSpec, etcd: { snapshotCount: 5000 } },
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
    "empty maps": { ...defaultSpec, pod: { ...pod, labels: {}, tolerations: [] } },
  })) {
    test(`does not change with ${what}`, () => assert.equal(templateHashOf(spec, image), before));
  }

  test("changes with the member's image", () => {
    assert.notEqual(templateHashOf(defaultSpec, "localhost/etcd-ts:2.0"), before);
  });
});
