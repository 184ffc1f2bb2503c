/** What a rule of the plan is, and the ways it can answer. */
import type { EtcdCluster } from "../api/v1alpha1/types.ts";
import type { StuckReason, WaitReason } from "./conditions.ts";
import type { Observed, ObservedMember, PlanContext } from "./observed.ts";
import type { Plan, Step } from "./step.ts";

/** What every rule sees. */
export interface Look {
  readonly observed: Observed;
  readonly context: PlanContext;
  readonly cluster: EtcdCluster;
  /** What was latched; nothing for a cluster that has no status yet. */
  readonly latched: { readonly clusterID?: string; readonly seedMember?: string };
}

/**
 * Undefined when the rule has nothing to say: then the next one in the list is asked. A rule may rely on what the rules before it have let pass, and
 * says so.
 */
export type Rule = (look: Look) => Plan | undefined;

/** The same for each member by itself. */
export type MemberRule = (look: Look, member: ObservedMember) => Plan | undefined;

/** Asks a member's rule for all members, in the order of their names, until one answers: so all members pass it before the next rule is asked. */
export function forEachMember(rule: MemberRule): Rule {
  return (look) => {
    for (const member of look.observed.members) {
      const answer = rule(look, member);
      if (answer !== undefined) return answer;
    }
    return undefined;
  };
}

export function step(what: Step): Plan {
  return { kind: "step", step: what };
}

export function wait(reason: WaitReason, message: string): Plan {
  return { kind: "wait", reason, message };
}

/** `message` says what is the matter and what a person can do. */
export function stuck(reason: StuckReason, message: string): Plan {
  return { kind: "stuck", reason, message };
}
