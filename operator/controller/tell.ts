/** What people hear of a cluster: an Event and a line in the log for each step that was carried out, and when it gets stuck. */

import { etcdClusters } from "../api/v1alpha1/names.ts";
import type { EtcdCluster } from "../api/v1alpha1/types.ts";
import { aboutMember, aboutStep } from "../cluster/about.ts";
import type { Observed } from "../cluster/observed.ts";
import type { EtcdRequest, Plan, Step } from "../cluster/step.ts";
import type { EventRecorder } from "../kernel/event-recorder.ts";
import type { Logger } from "../kernel/ports.ts";
import { apiVersionOf, type KubernetesObject, keyOf } from "../kernel/resource.ts";

const actions: Readonly<Record<Step["kind"], string>> = {
  "latch-cluster": "Record",
  "latch-member": "Record",
  create: "Create",
  apply: "Apply",
  delete: "Delete",
  etcd: "Request",
  issue: "Issue",
};

export class Teller {
  private readonly recorder: Pick<EventRecorder, "record">;
  private readonly logger: Logger;
  /** Key ▸ reason and message of what was told last, so that the same is told once. After a restart it is told once more. */
  private readonly stuck = new Map<string, string>();

  constructor(recorder: Pick<EventRecorder, "record">, logger: Logger) {
    this.recorder = recorder;
    this.logger = logger;
  }

  /** Of the cluster, and related to the member or other object that the step was about. */
  carriedOut(observed: Observed, step: Step): void {
    const { cluster } = observed;
    const { reason, message } = step;
    const action = actions[step.kind];
    this.logger.info("step carried out", {
      cluster: keyOf(cluster.metadata),
      step: step.kind,
      object: nameIn(step),
      reason,
      message,
    });
    const text = { type: "Normal", reason, action, note: message } as const;
    this.recorder.record(regarding(cluster), text, aboutStep(observed, step));
  }

  /** The world was another one than the plan saw, or the answer is not known. The next look tells. */
  notCarriedOut(cluster: EtcdCluster, step: Step, why: string): void {
    this.logger.info("step not carried out, looking again", {
      cluster: keyOf(cluster.metadata),
      step: step.kind,
      object: nameIn(step),
      why,
    });
  }

  /** `refused`: the step for whose refusal the cluster is stuck. */
  planned(observed: Observed, plan: Plan, refused?: Step): void {
    const { cluster } = observed;
    const key = keyOf(cluster.metadata);
    if (plan.kind !== "stuck") {
      if (this.stuck.delete(key)) this.logger.info("no longer stuck", { cluster: key });
      return;
    }
    const { reason, message, about } = plan;
    const text = `${reason}: ${message}`;
    if (this.stuck.get(key) === text) return;
    this.stuck.set(key, text);
    this.logger.warn("stuck", { cluster: key, reason, message });
    const event = { type: "Warning", reason, action: "Reconcile", note: message } as const;
    const part = refused === undefined ? undefined : aboutStep(observed, refused);
    const related = about === undefined ? part : aboutMember(observed, about);
    this.recorder.record(regarding(cluster), event, related);
  }

  forget(key: string): void {
    this.stuck.delete(key);
  }
}

/** Lists leave the two fields out, and an Event needs them. */
function regarding(cluster: EtcdCluster): KubernetesObject {
  return { ...cluster, apiVersion: apiVersionOf(etcdClusters), kind: etcdClusters.kind };
}

/** What a step is about: "Pod name", "promote 8e9e05c52164694d". */
export function nameIn(step: Step): string {
  switch (step.kind) {
    case "latch-cluster":
      return `EtcdCluster ${Object.keys(step.fields).join()}`;
    case "latch-member":
      return `EtcdMember ${step.memberName} ${Object.keys(step.fields).join()}`;
    case "etcd":
      return requestText(step.request);
    case "create":
    case "apply":
    case "delete":
      return `${step.object.kind ?? ""} ${step.object.metadata.name}`;
    case "issue":
      return `Secret ${step.secretName}`;
  }
}

function requestText({ kind, ...parts }: EtcdRequest): string {
  const values: readonly (string | number)[] = Object.values(parts);
  return [kind, ...values].join(" ");
}
