/** The CronJobs of a cluster: thin, since what they run holds the maintenance Lease and does the same as the operator would. */
import type { EtcdCluster } from "../api/v1alpha1/types.ts";
import type { KubernetesObject } from "../kernel/resource.ts";
import { withBuiltHash } from "./built-hash.ts";
import { clusterLabelsOf } from "./labels.ts";
import { compactionCronJobNameOf, defragCronJobNameOf, maintenanceAccountNameOf } from "./names.ts";
import { ownedByCluster } from "./owners.ts";
import {
  containerSecurityContext,
  podSecurityContext,
  podWithoutServiceVariables,
} from "./pod-security.ts";
import { namespaceOf } from "./urls.ts";

type Fields = Readonly<Record<string, unknown>>;

export interface CronJobContext {
  /** The operator's own default image: operator and CronJobs are of one version. */
  readonly image: string;
}

interface Scheduled {
  readonly schedule: string;
  readonly timeZone: string;
  readonly isSuspended: boolean;
  readonly timeoutSeconds: number;
}

interface CronJobParts {
  readonly name: string;
  readonly command: "compact" | "defrag";
  readonly image: string;
  readonly scheduled: Scheduled;
}

/** How late a run may still begin. Without it a CronJob that missed 100 runs never runs again (Kubernetes, CronJob limitations). */
const startingDeadlineSeconds = 300;
/** How long a run's Job and logs are kept. */
const keptSeconds = 86_400;

/** For server-side apply. Undefined while the spec asks for no compaction: then there is to be none. */
export function buildCompactionCronJob(
  cluster: EtcdCluster,
  { image }: CronJobContext,
): KubernetesObject | undefined {
  const scheduled = cluster.spec.maintenance?.compaction;
  if (scheduled === undefined) return undefined;
  const name = compactionCronJobNameOf(cluster.metadata.name);
  return buildCronJob(cluster, { name, command: "compact", image, scheduled });
}

/** For server-side apply. Undefined while the spec asks for no defragmentation: then there is to be none. */
export function buildDefragCronJob(
  cluster: EtcdCluster,
  { image }: CronJobContext,
): KubernetesObject | undefined {
  const scheduled = cluster.spec.maintenance?.defrag;
  if (scheduled === undefined) return undefined;
  const name = defragCronJobNameOf(cluster.metadata.name);
  return buildCronJob(cluster, { name, command: "defrag", image, scheduled });
}

function buildCronJob(cluster: EtcdCluster, parts: CronJobParts): KubernetesObject {
  const { schedule, timeZone, isSuspended, timeoutSeconds } = parts.scheduled;
  const labels = {
    ...clusterLabelsOf(cluster.metadata.name),
    "app.kubernetes.io/component": "maintenance",
  };
  return withBuiltHash({
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: {
      name: parts.name,
      namespace: namespaceOf(cluster),
      labels,
      ownerReferences: [ownedByCluster(cluster)],
    },
    spec: {
      schedule,
      timeZone,
      // There is nobody to work on in a cluster that hibernates.
      suspend: isSuspended || cluster.spec.replicas === 0,
      concurrencyPolicy: "Forbid",
      startingDeadlineSeconds,
      successfulJobsHistoryLimit: 1,
      failedJobsHistoryLimit: 3,
      jobTemplate: {
        metadata: { labels },
        spec: {
          // The next run is the next try: each looks at the cluster anew.
          backoffLimit: 0,
          activeDeadlineSeconds: timeoutSeconds,
          ttlSecondsAfterFinished: keptSeconds,
          template: { metadata: { labels }, spec: podSpec(cluster, parts) },
        },
      },
    },
  });
}

function podSpec(cluster: EtcdCluster, { command, image }: CronJobParts): Fields {
  const { pod } = cluster.spec;
  const clusterName = cluster.metadata.name;
  return {
    restartPolicy: "Never",
    serviceAccountName: maintenanceAccountNameOf(clusterName),
    automountServiceAccountToken: true,
    ...podWithoutServiceVariables,
    securityContext: podSecurityContext,
    // Where members may run, their maintenance may.
    ...(pod.nodeSelector === undefined ? {} : { nodeSelector: pod.nodeSelector }),
    ...(pod.tolerations === undefined ? {} : { tolerations: pod.tolerations }),
    ...pullSecretsOf(cluster),
    containers: [
      {
        name: "maintenance",
        image,
        ...pullPolicyOf(cluster),
        command: ["etcd-ts-operator"],
        args: ["maintenance", command, "--cluster", `${namespaceOf(cluster)}/${clusterName}`],
        resources: { requests: { cpu: "20m", memory: "64Mi" }, limits: { memory: "256Mi" } },
        securityContext: containerSecurityContext,
        volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
      },
    ],
    volumes: [{ name: "tmp", emptyDir: {} }],
  };
}

function pullSecretsOf({ spec: { image } }: EtcdCluster): Fields {
  return image?.pullSecrets === undefined ? {} : { imagePullSecrets: image.pullSecrets };
}

function pullPolicyOf({ spec: { image } }: EtcdCluster): Fields {
  return image?.pullPolicy === undefined ? {} : { imagePullPolicy: image.pullPolicy };
}
