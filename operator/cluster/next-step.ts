/** status.plan: what comes next, what may be noticed of it, and what it waits for. For people; the plan never reads it. */
import type { EtcdClusterStatus } from "../api/v1alpha1/types.ts";
import type { Plan, Step } from "./step.ts";

type NextStep = NonNullable<EtcdClusterStatus["plan"]>;

const nothing = "nothing is noticed";
const requestRisks: Readonly<Record<Extract<Step, { kind: "etcd" }>["request"]["kind"], string>> = {
  "add-learner": "the leader sends the new member all data: some load on network and disk",
  promote: nothing,
  remove: nothing,
  "move-leader": "writes wait for some milliseconds",
  compact: "old revisions cannot be read any more, and watchers that are behind start anew",
  defragment: "the disk of the member is busier for a while",
  disarm: nothing,
};

/** `intended`: what the plan would be without spec.paused. Undefined when there is nothing to do. */
export function nextStepOf(plan: Plan, intended: Plan): NextStep | undefined {
  if (plan.kind === "done") return undefined;
  if (plan.kind === "step") return { step: plan.step.message, risk: riskOf(plan.step) };
  if (intended.kind === "step") {
    return {
      step: intended.step.message,
      risk: riskOf(intended.step),
      waitsFor: plan.message,
    };
  }
  if (intended.kind === "done") return undefined;
  const step = plan.kind === "stuck" ? "nothing, before a person acts" : "to look again";
  return { step, risk: nothing, waitsFor: intended.message };
}

function riskOf(step: Step): string {
  if (step.kind === "etcd") return requestRisks[step.request.kind];
  if (step.kind !== "delete") return nothing;
  switch (step.object.kind) {
    case "Pod":
      return "clients of this member connect to another one; if it leads, writes wait for a hand-over";
    case "PersistentVolumeClaim":
      return "the data of a member that is out of the cluster is deleted";
    default:
      return nothing;
  }
}
