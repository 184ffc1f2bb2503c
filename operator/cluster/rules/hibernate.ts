/**
 * Rule for spec.replicas 0: no Pod runs; members, volumes and ids stay, so that waking is starting the same members again, and never a new cluster
 * (operators.md 4.1, DRUID#1022). After the birth: what was begun is born first.
 */
import { whyNotNow } from "../calm.ts";
import { isOverdueTerminating } from "../health.ts";
import type { MemberView } from "../member-view.ts";
import { type Answer, type Look, type Rule, step, stuck, wait } from "../rule.ts";

/** Answers always while the cluster is to sleep: nothing after it may make a Pod. */
export const hibernate: Rule = (look) => {
  if (look.target > 0 || look.latched.clusterID === undefined) return undefined;
  const ending = look.members.find(
    ({ podState }) =>
      podState.kind === "terminating" && !isOverdueTerminating(podState.until, look.context.now),
  );
  if (ending !== undefined) {
    return wait("PodTerminating", `the pod of member ${ending.name} is ending, for hibernation`);
  }
  return whyNotNow(look) ?? nextToSleep(look);
};

/** Followers by name, then the leader: it writes as long as there is anybody to write for. */
function nextToSleep(look: Look): Answer {
  const awake = look.members.filter(({ pod, podState }) => {
    return pod !== undefined && podState.kind !== "terminating";
  });
  const free = awake.filter(({ isVolumeGoing }) => !isVolumeGoing);
  const next = free.find(({ name }) => name !== look.leader?.name) ?? free[0];
  if (next?.pod !== undefined) return sleeps(next, next.pod);
  const [held] = awake;
  if (held !== undefined) {
    return stuck(
      "VolumeDeletionPending",
      `somebody deleted the volume claim of member ${held.name}, whose data is lost as soon as its pod ends: it is not put to sleep`,
      held.name,
    );
  }
  return look.members.some(({ podState }) => podState.kind === "terminating")
    ? wait("PodTerminating", "a pod is ending on a node that does not confirm it")
    : { kind: "done" };
}

function sleeps({ name }: MemberView, pod: NonNullable<MemberView["pod"]>): Answer {
  return step({
    kind: "delete",
    object: pod,
    reason: "Hibernating",
    message: `the pod of member ${name} is ended, since spec.replicas is 0; its volume stays`,
  });
}
