/**
 * What the status of an EtcdCluster and of its members is to say. Derived each time from what is seen, and equal to the one before when nothing of interest
 * has changed: no times but those of conditions, members by name, numbers that always move only along with something else.
 *
 * The latched fields are as they were read. A step latches them by a write of its own, with a precondition; whoever writes this status leaves them out,
 * or writes upon the resourceVersion that was read.
 */
import type {
  ClusterMemberStatus,
  EtcdClusterStatus,
  EtcdMemberStatus,
} from "../api/v1alpha1/types.ts";
import { selectorTextOf } from "../resources/labels.ts";
import { memberTlsSecretNameOf } from "../resources/names.ts";
import { endpointOf } from "../resources/urls.ts";
import { conditionsOf, type Verdict } from "./conditions.ts";
import { answerOf, healthOf, idOf, type MemberHealth, roleOf } from "./health.ts";
import { syncedPercentOf } from "./joining.ts";
import { lookOf } from "./look.ts";
import type { MemberView } from "./member-view.ts";
import { nextStepOf } from "./next-step.ts";
import type { Observed, ObservedMember, PlanContext } from "./observed.ts";
import { plan as planOf } from "./plan.ts";
import { nodeOf, podStateOf } from "./pod-state.ts";
import type { Look } from "./rule.ts";
import type { Plan } from "./step.ts";
import { firstEndOf } from "./tls/leaf-end.ts";
import { readyCount, readyText, verdictsOf } from "./verdicts.ts";

/** Fields that the status only repeats: steps latch them, or the programs of the CronJobs write them. */
export const notOfStatus = [
  "clusterID",
  "seedMember",
  "replacements",
  "handOver",
  "spaceRecovery",
  "quorumRecovery",
  "certificates",
  "maintenance",
] as const satisfies readonly (keyof EtcdClusterStatus)[];

/**
 * `plan` is what came of the plan, also when the API server refused its step. `now` is RFC 3339, in seconds. A controller writes the result when it
 * differs from the status that was read.
 */
export function clusterStatus(
  observed: Observed,
  plan: Plan,
  context: PlanContext,
  now: string,
): EtcdClusterStatus {
  const { cluster, members, etcd } = observed;
  const { generation, name } = cluster.metadata;
  const look = lookOf(observed, context);
  const health = new Map(
    members.map((seen) => [seen.member.metadata.name, healthOf(seen, now)] as const),
  );
  const planIfNotPaused = isPaused(plan) ? planWithoutPause(observed, context) : plan;
  const verdicts = verdictsOf({ observed, look, plan, planIfNotPaused, health });
  const leader = members.find(({ member }) => roleOf(etcd, member) === "Leader");
  return withCalmNumbers(cluster.status, {
    ...latchedOf(cluster.status),
    ...present("observedGeneration", generation),
    phase: phaseOf(observed, plan, verdicts),
    replicas: members.length,
    readyReplicas: readyCount(health),
    ready: readyText(observed, health),
    selector: selectorTextOf(name),
    ...present("version", lowestVersionOf(observed) ?? cluster.status?.version),
    ...present("leader", leader?.member.metadata.name),
    endpoint: endpointOf(cluster),
    members: look.members.map((seen) => clusterMemberOf(look, seen, health)),
    ...present("plan", nextStepOf(plan, planIfNotPaused)),
    conditions: conditionsOf(verdicts, cluster.status?.conditions, { generation, now }),
  });
}

/** The status of one EtcdMember, to be written when it differs from the one that was read. `now` is RFC 3339, in seconds. */
export function memberStatus(
  observed: Observed,
  seen: ObservedMember,
  now: string,
): EtcdMemberStatus {
  const { member, pod } = seen;
  const { etcd } = observed;
  const { memberID, volumeClaimUID, version, conditions } = member.status ?? {};
  const { generation } = member.metadata;
  const health = healthOf(seen, now);
  const ready: Verdict =
    health.phase === "Ready"
      ? { status: "True", reason: "MembersReady", message: "the pod is ready" }
      : { status: "False", reason: "MembersNotReady", message: health.message ?? "not ready" };
  return {
    ...present("observedGeneration", generation),
    phase: health.phase,
    ...present("memberID", memberID),
    ...present("volumeClaimUID", volumeClaimUID),
    ...present("podUID", pod?.metadata.uid),
    ...present("downSince", downSinceOf(observed, seen, now)),
    ...present("node", nodeOf(pod)),
    role: roleOf(etcd, member),
    ...present("version", answerOf(etcd, member)?.version ?? version),
    conditions: conditionsOf({ Ready: ready }, conditions, { generation, now }),
  };
}

/**
 * The first look at which a member with an identity neither answered nor was ready, as long as that is so. Not while nothing is to run: who sleeps is
 * not down.
 */
function downSinceOf(
  { cluster, etcd }: Observed,
  { member, pod }: ObservedMember,
  now: string,
): string | undefined {
  if (cluster.spec.replicas === 0 || member.status?.memberID === undefined) return undefined;
  const state = podStateOf(pod);
  const isReady = state.kind === "running" && state.isReady;
  if (isReady || answerOf(etcd, member) !== undefined) return undefined;
  return member.status.downSince ?? now;
}

function clusterMemberOf(
  look: Look,
  seen: MemberView,
  health: ReadonlyMap<string, MemberHealth>,
): ClusterMemberStatus {
  const { etcd } = look.observed;
  const { member, pod, name, standing } = seen;
  const answer = answerOf(etcd, member);
  const { phase = "Pending", message } = health.get(name) ?? {};
  return {
    name,
    ...present("id", idOf(etcd, member)),
    role: roleOf(etcd, member),
    phase,
    ...present("version", answer?.version ?? member.status?.version),
    ...present("dbSizeBytes", answer?.dbSizeBytes),
    ...present("dbSizeInUseBytes", answer?.dbSizeInUseBytes),
    ...present("raftAppliedIndex", answer?.raftAppliedIndex),
    ...present("syncedPercent", standing === "Learner" ? syncedPercentOf(look, seen) : undefined),
    ...present("certificateNotAfter", firstEndOf(look.observed, [memberTlsSecretNameOf(name)])),
    ...present("node", nodeOf(pod)),
    ...present("message", message),
  };
}

/** One word for people, never read back. */
function phaseOf(
  { cluster }: Observed,
  plan: Plan,
  verdicts: ReturnType<typeof verdictsOf>,
): string {
  if (cluster.metadata.deletionTimestamp !== undefined) return "Deleting";
  if (isPaused(plan)) return "Paused";
  if (plan.kind === "stuck") return "Stuck";
  if (cluster.status?.clusterID === undefined) return "Creating";
  if (plan.kind === "step") return "Updating";
  if (verdicts.Available.reason === "Hibernated") return "Hibernated";
  if (verdicts.Degraded.status === "True") return "Degraded";
  return verdicts.Ready.status === "True" ? "Running" : "Updating";
}

function planWithoutPause(observed: Observed, context: PlanContext): Plan {
  const { cluster } = observed;
  return planOf(
    { ...observed, cluster: { ...cluster, spec: { ...cluster.spec, paused: false } } },
    context,
  );
}

function isPaused(plan: Plan): boolean {
  return plan.kind === "wait" && plan.reason === "Paused";
}

function latchedOf(status: EtcdClusterStatus | undefined): EtcdClusterStatus {
  return Object.fromEntries(
    notOfStatus.flatMap((field) => {
      const value = status?.[field];
      return value === undefined ? [] : [[field, value]];
    }),
  );
}

/** Of the members that answer: what the cluster can do is what its oldest member can. */
function lowestVersionOf({ etcd, members }: Observed): string | undefined {
  const versions = members.flatMap(({ member }) => answerOf(etcd, member)?.version ?? []);
  return versions.sort((left, right) => left.localeCompare(right, "en", { numeric: true }))[0];
}

/**
 * The applied index grows with each write to etcd, and sizes do nearly so. A status write for each look would keep the API server busy, and would never
 * end where the API server's own store is this very etcd. So these numbers stay as written while nothing else changes and sizes are within a sixteenth.
 */
function withCalmNumbers(
  before: EtcdClusterStatus | undefined,
  status: EtcdClusterStatus,
): EtcdClusterStatus {
  const calm = {
    ...status,
    members: (status.members ?? []).map((member) => {
      const was = before?.members?.find(({ name }) => name === member.name);
      return {
        ...member,
        ...present("dbSizeBytes", calmSize(was?.dbSizeBytes, member.dbSizeBytes)),
        ...present("dbSizeInUseBytes", calmSize(was?.dbSizeInUseBytes, member.dbSizeInUseBytes)),
        ...(member.raftAppliedIndex === undefined
          ? {}
          : { raftAppliedIndex: was?.raftAppliedIndex ?? member.raftAppliedIndex }),
      };
    }),
  };
  return isSameValue(before, calm) ? calm : status;
}

function calmSize(was: number | undefined, is: number | undefined): number | undefined {
  if (was === undefined || is === undefined) return is;
  return Math.abs(is - was) <= was / 16 ? was : is;
}

function isSameValue(left: unknown, right: unknown): boolean {
  if (typeof left !== "object" || typeof right !== "object") return left === right;
  if (left === null || right === null) return left === right;
  const keys = Object.keys(right);
  return (
    Object.keys(left).length === keys.length &&
    keys.every((key) =>
      isSameValue(
        (left as Readonly<Record<string, unknown>>)[key],
        (right as Readonly<Record<string, unknown>>)[key],
      ),
    )
  );
}

/** The field, unless there is no value for it. */
function present<Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): { readonly [key in Key]?: Value } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [key in Key]?: Value };
}
