import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EtcdCluster, EtcdClusterSpec } from "../../../../operator/api/v1alpha1/types.ts";
import type { KubernetesObject } from "../../../../operator/kernel/resource.ts";
import { isAsBuilt } from "../../../../operator/resources/built-hash.ts";
import {
  buildCompactionCronJob,
  buildDefragCronJob,
} from "../../../../operator/resources/cron-jobs.ts";
import { type PodSpec, problemsOf } from "../../../chart/pod-rules.ts";
import { clusterOf } from "../../../operator/model/objects.ts";

const image = "localhost/etcd-ts:2.0";

const scheduled = {
  schedule: "30 3 * * 0",
  timeZone: "Europe/Berlin",
  isSuspended: false,
  timeoutSeconds: 600,
} as const;
const maintenance: EtcdClusterSpec["maintenance"] = {
  compaction: { ...scheduled, keepMinutes: 5, keepRevisions: 1000 },
  defrag: {
    ...scheduled,
    timeoutSeconds: 7200,
    need: { freeBytes: "200Mi", freePercent: 50, quotaPercent: 80 },
    pauseBetweenSeconds: 30,
    maxP99Ms: 500,
    maxLeaderChanges: 1,
  },
};

type Fields = Readonly<Record<string, unknown>>;

interface CronJobView extends KubernetesObject {
  readonly spec: Fields & {
    readonly jobTemplate: {
      readonly spec: Fields & { readonly template: KubernetesObject & { readonly spec: PodSpec } };
    };
  };
}

function built(kind: "compact" | "defrag", cluster: EtcdCluster): CronJobView {
  const build = kind === "compact" ? buildCompactionCronJob : buildDefragCronJob;
  return build(cluster, { image }) as CronJobView;
}

const podOf = (cronJob: CronJobView): PodSpec => cronJob.spec.jobTemplate.spec.template.spec;

describe("the CronJobs", () => {
  test("are there when the spec asks for them, and only then", () => {
    assert.equal(buildCompactionCronJob(clusterOf(), { image }), undefined);
    assert.equal(buildDefragCronJob(clusterOf({ maintenance: {} }), { image }), undefined);
    const cluster = clusterOf({ maintenance });
    assert.equal(built("compact", cluster).metadata.name, "etcd-compact");
    assert.equal(built("defrag", cluster).metadata.name, "etcd-defrag");
  });

  for (const kind of ["compact", "defrag"] as const) {
    const cronJob = built(kind, clusterOf({ maintenance }));

    test(`of ${kind} never overlap, never pile up and never try twice`, () => {
      const { jobTemplate, ...spec } = cronJob.spec;
      assert.deepEqual(spec, {
        schedule: "30 3 * * 0",
        timeZone: "Europe/Berlin",
        suspend: false,
        concurrencyPolicy: "Forbid",
        startingDeadlineSeconds: 300,
        successfulJobsHistoryLimit: 1,
        failedJobsHistoryLimit: 3,
      });
      const { backoffLimit, activeDeadlineSeconds, ttlSecondsAfterFinished } = jobTemplate.spec;
      assert.deepEqual(
        { backoffLimit, activeDeadlineSeconds, ttlSecondsAfterFinished },
        {
          backoffLimit: 0,
          activeDeadlineSeconds: kind === "compact" ? 600 : 7200,
          ttlSecondsAfterFinished: 86_400,
        },
      );
    });

    test(`of ${kind} run the operator's own image under the cluster's own account`, () => {
      const pod = podOf(cronJob);
      assert.equal(pod["serviceAccountName"], "etcd-maintenance");
      assert.equal(pod["restartPolicy"], "Never");
      assert.equal(pod.containers[0]?.image, image);
      assert.deepEqual(pod.containers[0]["command"], ["etcd-ts-operator"]);
      const args = ["maintenance", kind, "--cluster", "prod/etcd"];
      assert.deepEqual(pod.containers[0]["args"], args);
    });

    test(`of ${kind} keep to the restricted level of the Pod Security Standards`, () => {
      assert.deepEqual(problemsOf(podOf(cronJob)), []);
    });

    test(`of ${kind} are no member in the eyes of Services and of the budget`, () => {
      const { template } = cronJob.spec.jobTemplate.spec;
      const component = template.metadata.labels?.["app.kubernetes.io/component"];
      assert.equal(component, "maintenance");
      assert.equal(cronJob.metadata.ownerReferences?.[0]?.uid, "cluster-uid");
    });

    test(`of ${kind} rest while the cluster hibernates`, () => {
      const hibernating = built(kind, clusterOf({ maintenance, replicas: 0 }));
      assert.equal(hibernating.spec["suspend"], true);
    });
  }

  test("rest when the user says so", () => {
    const compaction = { ...maintenance.compaction!, isSuspended: true };
    const cronJob = built("compact", clusterOf({ maintenance: { compaction } }));
    assert.equal(cronJob.spec["suspend"], true);
  });

  test("run where members may, and are pulled as they are", () => {
    const pod = podOf(
      built(
        "defrag",
        clusterOf({
          maintenance,
          image: { pullPolicy: "Never", pullSecrets: [{ name: "pull" }] },
          pod: {
            affinityPreset: "Soft",
            terminationGracePeriodSeconds: 60,
            nodeSelector: { disk: "ssd" },
            tolerations: [{ key: "etcd", operator: "Exists" }],
          },
        }),
      ),
    );
    assert.deepEqual(pod["nodeSelector"], { disk: "ssd" });
    assert.deepEqual(pod["tolerations"], [{ key: "etcd", operator: "Exists" }]);
    assert.deepEqual(pod["imagePullSecrets"], [{ name: "pull" }]);
    assert.equal(pod.containers[0]?.["imagePullPolicy"], "Never");
  });

  test("differ when the spec or the operator's image has changed, and not for what the API server fills in", () => {
    const cluster = clusterOf({ maintenance });
    const before = built("compact", cluster);
    const asRead = {
      ...before,
      metadata: { ...before.metadata, uid: "c1", resourceVersion: "7" },
      spec: { ...before.spec, successfulJobsHistoryLimit: 1, extra: true },
      status: {},
    };
    assert.ok(isAsBuilt(asRead, before));
    const compaction = { ...maintenance.compaction!, schedule: "@daily" };
    const after = built("compact", clusterOf({ maintenance: { ...maintenance, compaction } }));
    assert.equal(isAsBuilt(asRead, after), false);
    const newer = buildCompactionCronJob(cluster, { image: "localhost/etcd-ts:2.1" });
    assert.ok(newer !== undefined && !isAsBuilt(asRead, newer));
  });
});
