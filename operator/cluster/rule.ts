/** What a rule of the plan is, and the ways it can answer. */
import type { EtcdCluster, EtcdClusterStatus } from "../api/v1alpha1/types.ts";
import type { StuckReason, WaitReason } from "./conditions.ts";
import type { MemberView } from "./member-view.ts";
import type { ListedMember, Observed, PlanContext } from "./observed.ts";
import type { Plan, Step } from "./step.ts";

/** What every rule sees: what was observed, and what follows from it (look.ts makes it, once for a plan). */
export interface Look {
  readonly observed: Observed;
  readonly context: PlanContext;
  readonly cluster: EtcdCluster;
  /** What was latched; nothing for a cluster that has no status yet. */
  readonly latched: EtcdClusterStatus;
  /** spec.replicas. */
  readonly target: number;
  /** context.now, in milliseconds since 1970. */
  readonly nowMs: number;
  /** By name. */
  readonly members: readonly MemberView[];
  /** etcd's own list, read linearizably now. Undefined while it is not known; an empty one counts as not known. */
  readonly list: readonly ListedMember[] | undefined;
  /** Entries of the list; none while it is not known. */
  readonly voters: readonly ListedMember[];
  readonly learners: readonly ListedMember[];
  /** Voters of the list that serve: each is also in `members`. */
  readonly servingVoters: readonly MemberView[];
  /** The member that says that it leads; of two that do, the one of the newer term. */
  readonly leader: MemberView | undefined;
  /** The newest log index that any member knows to be committed. */
  readonly committedIndex: number;
}

/**
 * Undefined when the rule has nothing to say: then the next one in the list is asked. A rule may rely on what the rules before it have let pass, and
 * says so.
 */
export type Rule = (look: Look) => Answer;
export type Answer = Plan | undefined;

/** The same for each member by itself. */
export type MemberRule = (look: Look, member: MemberView) => Answer;

/** Asks a member's rule for all members, in the order of their names, until one answers: so all members pass it before the next rule is asked. */
export function forEachMember(rule: MemberRule): Rule {
  return (look) => firstAnswer(look, look.members, rule);
}

/**
 * Asks a chain of rules for each member: the first rule that answers is the last one for this member, but not for the others. So a member that has to
 * wait keeps no other one from its Pod. Of the answers, a step comes before being stuck, and that before a wait.
 */
export function forEachMemberInTurn(chain: readonly MemberRule[]): Rule {
  return (look) => {
    let best: Answer;
    for (const member of look.members) {
      const answer = firstOf(chain, look, member);
      if (answer?.kind === "step") return answer;
      best = graverOf(best, answer);
    }
    return best;
  };
}

/** A person is needed more than time. Of two alike, the first. */
export function graverOf(left: Answer, right: Answer): Answer {
  if (left === undefined || left.kind === "done") return right ?? left;
  return left.kind === "wait" && right?.kind === "stuck" ? right : left;
}

export function step(what: Step): Plan {
  return { kind: "step", step: what };
}

export function wait(reason: WaitReason, message: string): Plan {
  return { kind: "wait", reason, message };
}

/** `message` says what is the matter and what a person can do; `about` is the name of the EtcdMember that it is about, if it is about one. */
export function stuck(reason: StuckReason, message: string, about?: string): Plan {
  return { kind: "stuck", reason, message, ...(about === undefined ? {} : { about }) };
}

function firstAnswer(look: Look, members: readonly MemberView[], rule: MemberRule): Answer {
  for (const member of members) {
    const answer = rule(look, member);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

function firstOf(chain: readonly MemberRule[], look: Look, member: MemberView): Answer {
  for (const rule of chain) {
    const answer = rule(look, member);
    if (answer !== undefined) return answer;
  }
  return undefined;
}
