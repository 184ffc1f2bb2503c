/** The plan's rule for CronJobs and their rights. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EtcdCluster } from "../../../../operator/api/v1alpha1/types.ts";
import { lookOf } from "../../../../operator/cluster/look.ts";
import type { Observed } from "../../../../operator/cluster/observed.ts";
import { maintenanceJobs } from "../../../../operator/cluster/rules/cron-jobs.ts";
import type { KubernetesObject } from "../../../../operator/kernel/resource.ts";
import { clusterOf, context } from "../../../operator/model/objects.ts";
import { maintenance } from "./lab.ts";

type Spec = EtcdCluster["spec"]["maintenance"];

/** What is there, and the rule's steps upon it. */
class World {
  readonly objects = new Map<string, KubernetesObject>();
  readonly steps: string[] = [];

  /** Carries out the rule's steps until it has none. */
  settle(spec: Spec, image = "etcd-ts:1"): readonly string[] {
    const cluster = clusterOf(spec === undefined ? {} : { maintenance: spec });
    const from = this.steps.length;
    for (;;) {
      const answer = maintenanceJobs(
        lookOf(this.observed(cluster), { ...context, defaultImage: image }),
      );
      if (answer?.kind !== "step") return this.steps.slice(from);
      const { step } = answer;
      assert.ok(step.kind === "apply" || step.kind === "delete");
      const { kind = "", metadata } = step.object;
      const key = `${kind} ${metadata.name}`;
      this.steps.push(`${step.kind} ${key}`);
      if (step.kind === "apply") this.objects.set(key, asStored(step.object));
      else this.objects.delete(key);
      assert.ok(this.steps.length < 50, "it never comes to rest");
    }
  }

  private observed(cluster: EtcdCluster): Observed {
    const of = (isWanted: (kind: string) => boolean) =>
      [...this.objects.values()].filter(({ kind = "" }) => isWanted(kind));
    return {
      cluster,
      members: [],
      cronJobs: new Map(of((kind) => kind === "CronJob").map((job) => [job.metadata.name, job])),
      maintenanceAccess: new Map(
        of((kind) => kind !== "CronJob").map((object) => [object.kind ?? "", object]),
      ),
      etcd: { kind: "unasked" },
    } as unknown as Observed;
  }
}

function asStored(object: KubernetesObject): KubernetesObject {
  const { metadata } = object;
  return { ...object, metadata: { ...metadata, uid: `uid-of-${metadata.name}` } };
}

const { compaction, defrag } = maintenance;
assert.ok(compaction !== undefined && defrag !== undefined);
const access = ["ServiceAccount", "Role", "RoleBinding"].map((kind) => `${kind} etcd-maintenance`);
const applied = (...names: readonly string[]) => names.map((name) => `apply ${name}`);
const deleted = (...names: readonly string[]) => names.map((name) => `delete ${name}`);

test("rights come before the CronJobs, and what stands is left alone", () => {
  const world = new World();
  const all = [...access, "CronJob etcd-compact", "CronJob etcd-defrag"];
  assert.deepEqual(world.settle(maintenance), applied(...all));
  assert.deepEqual(world.settle(maintenance), []);
});

test("nothing is made for a cluster that asks for nothing", () => {
  assert.deepEqual(new World().settle(undefined), []);
  assert.deepEqual(new World().settle({}), []);
});

test("another schedule and another image are brought to the CronJob", () => {
  const world = new World();
  world.settle({ compaction });
  const later = { compaction: { ...compaction, schedule: "@hourly" } };
  assert.deepEqual(world.settle(later), applied("CronJob etcd-compact"));
  assert.deepEqual(world.settle(later, "etcd-ts:2"), applied("CronJob etcd-compact"));
  assert.deepEqual(world.settle(later, "etcd-ts:2"), []);
});

test("one that is not asked for any more goes, the other one stays with its rights", () => {
  const world = new World();
  world.settle(maintenance);
  assert.deepEqual(world.settle({ defrag }), deleted("CronJob etcd-compact"));
});

test("when nothing is asked for any more the rights go, and the CronJobs last, by which they are found", () => {
  const world = new World();
  world.settle(maintenance);
  assert.deepEqual(
    world.settle(undefined),
    deleted(...access.toReversed(), "CronJob etcd-compact", "CronJob etcd-defrag"),
  );
  assert.equal(world.objects.size, 0);
});

test("what is being deleted is waited for", () => {
  const world = new World();
  world.settle({ compaction });
  const key = "CronJob etcd-compact";
  const job = world.objects.get(key);
  assert.ok(job !== undefined);
  const metadata = { ...job.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" };
  world.objects.set(key, { ...job, metadata, spec: {} });
  assert.deepEqual(world.settle({ compaction }), []);
});
