/** Latches: they replace what they name, whatever was there, and leave everything else. */
import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";
import { etcdClusters } from "../../../../operator/api/v1alpha1/names.ts";
import { latch } from "../../../../operator/controller/latch.ts";
import type { ApiClient } from "../../../../operator/kernel/api-client.ts";
import type { KubernetesObject } from "../../../../operator/kernel/resource.ts";
import { mergePatch } from "../../../operator/fake-api-json.ts";

/** The status after the latch, by the API server's rules for merge patches. */
async function statusAfter(before: object | undefined, fields: object): Promise<unknown> {
  const seen: KubernetesObject = {
    metadata: { name: "db", namespace: "default", uid: "1", resourceVersion: "7" },
    ...(before === undefined ? {} : { status: before }),
  };
  let body: unknown;
  const client = {
    patch: (_resource: unknown, _ref: unknown, patch: unknown) => {
      body = patch;
      return Promise.resolve(seen);
    },
  } as unknown as ApiClient;
  await latch(client, etcdClusters, seen, fields as Record<string, unknown>);
  const after = mergePatch(seen, body) as { status: unknown; metadata: object };
  assert.equal((after.metadata as { resourceVersion: string }).resourceVersion, "7");
  return after.status;
}

test("a group that is latched again loses what it does not say any more", async () => {
  const before = {
    quorumRecovery: { phase: "Stopping", survivor: "a", nonce: "1" },
    phase: "Stuck",
  };
  const after = await statusAfter(before, { quorumRecovery: { phase: "Waiting", nonce: "2" } });
  assert.deepEqual(after, { quorumRecovery: { phase: "Waiting", nonce: "2" }, phase: "Stuck" });
});

test("null takes a field away, also one that is not there", async () => {
  assert.deepEqual(await statusAfter({ spaceRecovery: { a: 1 }, b: 2 }, { spaceRecovery: null }), {
    b: 2,
  });
  assert.deepEqual(await statusAfter(undefined, { clusterID: "c1" }), { clusterID: "c1" });
});

test("whatever was there, the field is as latched", async () => {
  const json = fc
    .jsonValue({ maxDepth: 3 })
    .filter((value) => !JSON.stringify(value).includes("null"))
    // JSON has no -0.
    .map((value) => JSON.parse(JSON.stringify(value)) as unknown);
  await fc.assert(
    fc.asyncProperty(json, json, async (before, wanted) => {
      const after = (await statusAfter({ field: before, other: 1 }, { field: wanted })) as object;
      assert.deepEqual(JSON.parse(JSON.stringify(after)), { field: wanted, other: 1 });
    }),
  );
});
