/** Ways to mislead an operator's plan, or to misread what it says: what planted faults are made of. */
import type { ListedMember, Observed, PlanContext } from "../../../operator/cluster/observed.ts";
import { plan } from "../../../operator/cluster/plan.ts";
import type { EtcdRequest, Plan, Step } from "../../../operator/cluster/step.ts";
import type { KubernetesObject } from "../../../operator/kernel/resource.ts";
import { buildMember } from "../../../operator/resources/member.ts";
import type { PlanFunction } from "./judge.ts";
import { context } from "./observe.ts";
import { without } from "./world.ts";

export const told = { reason: "Planted", message: "a planted fault" };

/** As it stands. */
export function planning(made: PlanFunction): PlanFunction {
  return made;
}

export function misled(change: (seen: Observed) => Observed): PlanFunction {
  return (seen, at) => plan(change(seen), at);
}

export function misread(change: (step: Step, seen: Observed) => Plan | undefined): PlanFunction {
  return (seen: Observed, at: PlanContext) => {
    const planned = plan(seen, at);
    return planned.kind === "step" ? (change(planned.step, seen) ?? planned) : planned;
  };
}

/** As if nothing had been latched of the cluster's birth. */
export function unborn(seen: Observed): Observed {
  const { clusterID, ...status } = seen.cluster.status ?? {};
  const [first] = seen.members;
  if (clusterID === undefined || first === undefined) return seen;
  const memberStatus = without(first.member.status ?? {}, "memberID");
  return {
    ...seen,
    cluster: {
      ...seen.cluster,
      status: { ...status, seedMember: first.member.metadata.name },
    },
    members: [{ ...first, member: { ...first.member, status: memberStatus } }],
  };
}

export function forgotten(seen: Observed): Observed {
  return { ...seen, cluster: { ...seen.cluster, status: {} } };
}

export function withSpec(seen: Observed, spec: Partial<Observed["cluster"]["spec"]>): Observed {
  return { ...seen, cluster: { ...seen.cluster, spec: { ...seen.cluster.spec, ...spec } } };
}

export function isHeldBy(planned: Plan, reason: string): boolean {
  return (planned.kind === "wait" || planned.kind === "stuck") && planned.reason === reason;
}

type EtcdStep = Extract<Step, { kind: "etcd" }>;

export function isRequest(step: Step, kind: EtcdRequest["kind"]): step is EtcdStep {
  return step.kind === "etcd" && step.request.kind === kind;
}

export function listOf({ etcd: { kind }, etcd: view }: Observed): readonly ListedMember[] {
  return kind === "known" && view.kind === "known" ? view.list : [];
}

export function isAnswering({ etcd: view, members }: Observed, id: string): boolean {
  if (view.kind === "unasked") return false;
  return members.some(({ member }) => {
    const answer = view.answers.get(member.metadata.name);
    return answer?.kind === "answered" && answer.memberId === id;
  });
}

export function leaderIn(
  seen: Observed,
): { id: string; pod: KubernetesObject | undefined } | undefined {
  const { etcd: view, members } = seen;
  if (view.kind === "unasked") return undefined;
  for (const { member, pod } of members) {
    const answer = view.answers.get(member.metadata.name);
    if (answer?.kind !== "answered" || answer.memberId !== answer.leaderId) continue;
    return { id: answer.memberId, pod };
  }
  return undefined;
}

export function etcd(seen: Observed, request: EtcdRequest): Plan {
  return { kind: "step", step: { kind: "etcd", request, listedMembers: listOf(seen), ...told } };
}

export function end(object: KubernetesObject): Plan {
  return { kind: "step", step: { kind: "delete", object, ...told } };
}

export function create(object: KubernetesObject): Plan {
  return { kind: "step", step: { kind: "create", object, ...told } };
}

export function joiner({ cluster }: Observed, name: string): KubernetesObject {
  const { clusterDomain, defaultImage } = context;
  return buildMember(cluster, { name, bootstrap: "JoinExisting", clusterDomain, defaultImage });
}

export function claimFor(memberName: string): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: `data-${memberName}`, namespace: "prod" },
  };
}
