/** Rule for the PodDisruptionBudget: priced before a change, so that there is no moment in which an eviction may cost quorum (operators.md 4.3). */

import type { EtcdCluster } from "../../api/v1alpha1/types.ts";
import type { KubernetesObject } from "../../kernel/resource.ts";
import { isAsBuilt } from "../../resources/built-hash.ts";
import { buildDisruptionBudget } from "../../resources/disruption-budget.ts";
import { builtFor, isKnownAsBuilt } from "../built.ts";
import { alarmOf } from "../health.ts";
import { lossOf } from "../losses.ts";
import { quorumOf } from "../quorum.ts";
import { type Look, type Rule, step } from "../rule.ts";
import { isForCorruption } from "./corrupt.ts";

/**
 * While the list is not known a budget that is there stays: it was right for the list that was known last, and the members may be in the middle of a
 * change.
 */
export const disruptionBudget: Rule = (look) => {
  const { cluster, observed, list } = look;
  const found = observed.disruptionBudget;
  if (found?.metadata.deletionTimestamp !== undefined) return undefined;
  if (found !== undefined && list === undefined && look.target > 0) return undefined;
  const minAvailable = minAvailableOf(look);
  const built = builtFor(cluster, buildOf(minAvailable));
  if (found !== undefined && isKnownAsBuilt(found, built, isAsBuilt)) return undefined;
  const { name } = built.metadata;
  return step({
    kind: "apply",
    object: built,
    reason: found === undefined ? "CreatedDisruptionBudget" : "UpdatedDisruptionBudget",
    message: `PodDisruptionBudget ${name}: at least ${minAvailable} of the pods stay, whoever drains nodes`,
  });
};

/** One function for each number, by which builtFor knows what it has built. */
const builds = new Map<number, (cluster: EtcdCluster) => KubernetesObject>();

function buildOf(minAvailable: number): (cluster: EtcdCluster) => KubernetesObject {
  const before = builds.get(minAvailable);
  if (before !== undefined) return before;
  const build = (cluster: EtcdCluster): KubernetesObject =>
    buildDisruptionBudget(cluster, { minAvailable });
  builds.set(minAvailable, build);
  return build;
}

/**
 * The largest of what each state that may come next needs, since the budget cannot tell voters from others by their labels:
 *   - quorum of the voters there are, and of those wanted;
 *   - with members that have no vote (learners, removed ones): all of them may be what is left, so they are added to quorum;
 *   - the same once a voter that is on its way out has become such a member.
 */
export function minAvailableOf(look: Look): number {
  const { target, members } = look;
  if (target === 0) return 0;
  const voters = look.list === undefined ? 0 : look.voters.length;
  const voteless = members.filter(mayBeReadyWithoutVote).length;
  const isAnyoneOutgoing = voters > target || members.some((seen) => isOutgoing(look, seen));
  const leaving = isAnyoneOutgoing ? Math.min(1, Math.max(voters - 1, 0)) : 0;
  return Math.max(
    quorumOf(Math.max(voters, target)),
    quorumOf(voters) + voteless,
    leaving === 0 ? 0 : quorumOf(voters - leaving) + voteless + leaving,
  );
}

/** A voter that is going to be removed as soon as that may be: it is one before its Pod has ended. */
function isOutgoing(look: Look, seen: Look["members"][number]): boolean {
  if (seen.standing !== "Voter") return false;
  const isCorrupt =
    alarmOf(look.observed) === "Corrupt" &&
    (look.latched.replacements ?? []).some(
      ({ memberName, reason }) => memberName === seen.name && isForCorruption(reason),
    );
  return isCorrupt || lossOf(look, seen)?.kind === "lost";
}

/** A Pod that is ending counts for no budget, nor does one that is not made any more. */
function mayBeReadyWithoutVote({ standing, podState }: Look["members"][number]): boolean {
  if (standing === "Removed") return podState.kind !== "absent" && podState.kind !== "terminating";
  return standing === "Learner" || standing === "Unborn";
}
