/**
 * When a change that nobody is in a hurry for may be begun: a roll, a new voter, one less. Each answers why not, or undefined. Derived from one look
 * with a list that was read linearizably; from silence nothing follows but a wait.
 */
import { alarmOf } from "./health.ts";
import type { MemberView } from "./member-view.ts";
import { type Answer, type Look, wait } from "./rule.ts";

/** A member whose log is further behind than this many entries would have the others wait for it. */
export const lagLimit = 5_000;

/** Whoever defragments or compacts counts on the members that are there. */
export function whyNotNow({ observed: { maintenanceHolder } }: Look): Answer {
  return maintenanceHolder === undefined
    ? undefined
    : wait("MaintenanceRunning", `${maintenanceHolder} holds the cluster's maintenance Lease`);
}

/** Every voter is there, ready, and has the log; no data is in doubt. */
export function whyNotHealthy(look: Look): Answer {
  const busy = whyNotNow(look);
  if (busy !== undefined) return busy;
  if (look.list === undefined) return wait("EtcdUnreachable", "the member list is not known");
  const ours = new Map(look.members.map((member) => [member.listed?.id, member] as const));
  for (const voter of look.voters) {
    const member = ours.get(voter.id);
    const why = member === undefined ? "has no EtcdMember" : whyUnfit(look, member);
    if (why !== undefined) {
      return wait("MembersNotReady", `member ${member?.name ?? voter.id} ${why}`);
    }
  }
  if (look.leader === undefined) return wait("NoLeader", "no member says that it leads");
  return alarmOf(look.observed) === "Corrupt"
    ? wait("CorruptAlarm", "alarm CORRUPT is raised")
    : undefined;
}

/** And no membership change is under way. Removed members whose Pods a lost node holds on to are none: they have no vote any more. */
export function whyNotCalm(look: Look): Answer {
  const unhealthy = whyNotHealthy(look);
  if (unhealthy !== undefined) return unhealthy;
  const joining =
    look.learners.length > 0 || look.members.some(({ standing }) => standing === "Unborn");
  return joining ? wait("MembershipChanging", "a member is joining") : undefined;
}

export function lagOf(look: Look, { answer }: MemberView): number {
  return answer === undefined ? Infinity : look.committedIndex - answer.raftAppliedIndex;
}

function whyUnfit(look: Look, member: MemberView): string | undefined {
  if (!member.serves) return "does not serve";
  if (!member.isReady) return "is not ready";
  return lagOf(look, member) > lagLimit
    ? `lags behind by more than ${lagLimit} entries`
    : undefined;
}
