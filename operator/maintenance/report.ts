/** Tells how a run ended: in the cluster's status, as an Event, and in the log. */
import { etcdClusters, fieldManager } from "../api/v1alpha1/names.ts";
import type { EtcdCluster } from "../api/v1alpha1/types.ts";
import type { ApiClient } from "../kernel/api-client.ts";
import { isApiError } from "../kernel/api-error.ts";
import { EventRecorder } from "../kernel/event-recorder.ts";
import type { ObjectReference } from "../kernel/object-reference.ts";
import type { Ports } from "../kernel/ports.ts";
import { apiVersionOf, type KubernetesObject, keyOf } from "../kernel/resource.ts";
import { compactionCronJobNameOf, defragCronJobNameOf } from "../resources/names.ts";
import { namespaceOf } from "../resources/urls.ts";
import { type KeptRun, type Memory, type Outcome, type Task, timeText } from "./outcome.ts";

export interface Reporter {
  readonly client: ApiClient;
  readonly ports: Ports;
  /** The pod's name. */
  readonly instance: string;
}

const names = {
  compact: {
    field: "compaction",
    action: "Compact",
    reason: "Compaction",
    cronJobNameOf: compactionCronJobNameOf,
  },
  defrag: {
    field: "defragmentation",
    action: "Defragment",
    reason: "Defragmentation",
    cronJobNameOf: defragCronJobNameOf,
  },
} as const;

/** Whether the status could be written, which the next compaction goes by. Throws ApiError. */
export async function report(
  { client, ports, instance }: Reporter,
  cluster: EtcdCluster,
  task: Task,
  outcome: Outcome,
): Promise<void> {
  const { result, message } = outcome;
  const { action, reason } = names[task];
  const fields = { cluster: keyOf(cluster.metadata), task, result, message };
  if (result === "Failed") ports.logger.error("maintenance ended", fields);
  else ports.logger.info("maintenance ended", fields);
  const recorder = new EventRecorder({
    client,
    ports,
    controller: "etcd-ts.dev/maintenance",
    instance,
  });
  const text = {
    type: result === "Failed" ? "Warning" : "Normal",
    reason: `${reason}${result}`,
    action,
    note: message,
  } as const;
  recorder.record(regarding(cluster), text, cronJobOf(cluster, task));
  await recorder.flush();
  await writeStatus(client, cluster, task, { ...outcome, time: timeText(ports.clock.unixMs()) });
}

/** The operator writes the same status often. */
const writeTries = 8;
const messageLengthMax = 1024;

/**
 * By server-side apply with a manager of this task's own: neither the operator's status writes nor the other task's take it away. Upon the state that was read,
 * since what a compaction has seen must not be lost to a run that was skipped meanwhile.
 */
async function writeStatus(
  client: ApiClient,
  { metadata: { namespace, name, uid } }: EtcdCluster,
  task: Task,
  ended: Outcome & { readonly time: string },
): Promise<void> {
  const { field } = names[task];
  for (let left = writeTries; ; left -= 1) {
    const live = (await client.find(etcdClusters, { namespace, name })) as EtcdCluster | undefined;
    // Deleted meanwhile: there is nobody to tell.
    if (live === undefined || live.metadata.uid !== uid) return;
    const run: KeptRun = {
      ...(ended.memory ?? memoryOf(live.status?.maintenance?.[field])),
      time: ended.time,
      result: ended.result,
      message: ended.message.slice(0, messageLengthMax),
    };
    const { resourceVersion } = live.metadata;
    const metadata = {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
    try {
      await client.apply(
        etcdClusters,
        { metadata, status: { maintenance: { [field]: run } } },
        { fieldManager: `${fieldManager}-${field}`, isForced: true, subresource: "status" },
      );
      return;
    } catch (error) {
      if (!isApiError(error, "Conflict") || left === 1) throw error;
    }
  }
}

function memoryOf(run: KeptRun | undefined): Memory {
  const { revision, seenRevision, seenAt } = run ?? {};
  return {
    ...(revision === undefined ? {} : { revision }),
    ...(seenRevision === undefined ? {} : { seenRevision }),
    ...(seenAt === undefined ? {} : { seenAt }),
  };
}

function regarding(cluster: EtcdCluster): KubernetesObject {
  return { ...cluster, apiVersion: apiVersionOf(etcdClusters), kind: etcdClusters.kind };
}

/** Whose run it was, or would have been: a Job made of it by hand counts as its run. The program may not read it, so its uid is not known. */
function cronJobOf(cluster: EtcdCluster, task: Task): ObjectReference {
  const name = names[task].cronJobNameOf(cluster.metadata.name);
  return { apiVersion: "batch/v1", kind: "CronJob", name, namespace: namespaceOf(cluster) };
}
