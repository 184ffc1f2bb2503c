/**
 * The way out of etcd's list for a voter that is lost:
 *
 *   latch the replacement (time, why; limited) ──▸ its lead moved off, where it has it ──▸ etcd remove ──▸ objects go (removal.ts) ──▸ scale adds another
 *   ──▸ it is latched that the loss is made good
 *
 * Dead voter first removed, then a new one added (operators.md 7.4, rule 3). Asked anew at each look: a member that is back in the meantime stays.
 */
import type { EtcdClusterStatus } from "../../api/v1alpha1/types.ts";
import { whyNotNow } from "../calm.ts";
import { nameInPeerUrl } from "../initial-cluster.ts";
import type { MemberView } from "../member-view.ts";
import { mayRemoveVoter } from "../quorum.ts";
import { recoveryOf } from "../recovery-settings.ts";
import { type Answer, type Look, type Rule, step, stuck, wait } from "../rule.ts";
import { handOver, hasRefused, unmovedText } from "./hand-over.ts";

type Replacement = NonNullable<EtcdClusterStatus["replacements"]>[number];

const hourMs = 3_600_000;
/** As many as the status holds. */
const replacementsKept = 20;

export interface Lost {
  readonly memberId: string;
  /** Of the EtcdMember, which need not be there any more. */
  readonly name: string;
  readonly member: MemberView | undefined;
  /** For people. */
  readonly why: string;
}

export function giveUp(look: Look, lost: Lost): Answer {
  const { list } = look;
  const busy = whyNotNow(look);
  if (busy !== undefined || list === undefined) return busy;
  const { name, member } = lost;
  if (!mayRemoveVoter(look, { serves: member?.serves === true })) {
    return wait(
      "QuorumAtRisk",
      `member ${name} is lost (${lost.why}), but of ${look.voters.length} voters only ${look.servingVoters.length} serve: it is removed when quorum survives that`,
    );
  }
  if (!isDecided(look, lost)) return decide(look, lost);
  const leader = member?.serves === true && name === look.leader?.name ? member : undefined;
  const isUnmoved = leader !== undefined && hasRefused(look, leader);
  if (leader !== undefined && !isUnmoved) return handOver(look, leader);
  return step({
    kind: "etcd",
    request: { kind: "remove", memberId: lost.memberId },
    listedMembers: list,
    reason: "RemovedLostMember",
    message: `member ${name} is removed from etcd, to be replaced: ${lost.why}${isUnmoved ? `; ${unmovedText}` : ""}`,
  });
}

/**
 * When a member was given up, has left, and there are as many voters again as wanted, that is written down: from then on fewer voters than wanted are a
 * wish, and no loss.
 */
export const madeGood: Rule = (look) => {
  const { latched, context, voters, target, list } = look;
  const open = missingOf(look);
  if (list === undefined || voters.length < target || open.length === 0) return undefined;
  const names = open.map(({ memberName }) => memberName).join(", ");
  return step({
    kind: "latch-cluster",
    fields: {
      replacements: (latched.replacements ?? []).map((entry) =>
        open.includes(entry) ? { ...entry, madeGoodAt: context.now } : entry,
      ),
    },
    reason: "ReplacedMember",
    message: `the loss of member ${names} is made good: there are ${voters.length} voters`,
  });
};

/** Members that were given up and are voters no more, and whose loss has not been made good. Known only while the list is. */
export function missingOf({ latched, list, cluster }: Look): readonly Replacement[] {
  if (list === undefined) return [];
  const voters = new Set(
    list.flatMap(({ peerUrls, isLearner }) =>
      isLearner ? [] : peerUrls.map((url) => nameInPeerUrl(cluster, url)),
    ),
  );
  return (latched.replacements ?? []).filter(
    ({ memberName, madeGoodAt }) => madeGoodAt === undefined && !voters.has(memberName),
  );
}

/** Upon the state that was seen: of two operators one decides, and of a limit nothing is used twice. */
function decide(look: Look, { name, why }: Lost): Answer {
  const { latched, context, cluster } = look;
  const before = latched.replacements ?? [];
  const limit = recoveryOf(cluster.spec).maxReplacementsPerHour;
  const recent = before.filter(({ time }) => look.nowMs - Date.parse(time) < hourMs);
  if (recent.length >= limit) {
    return stuck(
      "TooManyReplacements",
      `member ${name} is lost (${why}), and ${recent.length} members were replaced within the last hour; find out what takes them, and raise spec.recovery.maxReplacementsPerHour (${limit}) to go on at once`,
      name,
    );
  }
  const entry: Replacement = { memberName: name, time: context.now, reason: why };
  return step({
    kind: "latch-cluster",
    fields: { replacements: [...before, entry].slice(-replacementsKept) },
    reason: "ReplacingMember",
    message: `member ${name} is given up and replaced by a new one: ${why}`,
    about: name,
  });
}

/** A decision about an earlier time of being down does not count for this one. */
function isDecided({ latched }: Look, { name, member }: Lost): boolean {
  const { downSince } = member?.member.status ?? {};
  const since = downSince === undefined ? 0 : Date.parse(downSince);
  return (latched.replacements ?? []).some(
    ({ memberName, time }) => memberName === name && Date.parse(time) >= since,
  );
}
