/**
 * Rules for alarm CORRUPT: members hold different data for the same revision. One that differs from a quorum which agrees is replaced; anything else is
 * a matter for people, since whoever is right cannot be told from here.
 */
import type { MemberView } from "../member-view.ts";
import type { StoreHash } from "../observed.ts";
import { quorumOf } from "../quorum.ts";
import { type Answer, type Look, type Rule, step, stuck, wait } from "../rule.ts";
import { giveUp } from "./giving-up.ts";

const reasonStart = "its data differs from what a quorum has";

/** Whether a replacement was latched for this: then the volume is kept. */
export function isForCorruption(reason: string): boolean {
  return reason.startsWith(reasonStart);
}

export const corruptMember: Rule = (look) => {
  const { etcd } = look.observed;
  if (etcd.kind !== "known" || !etcd.alarms.some(({ kind }) => kind === "Corrupt")) {
    return undefined;
  }
  const voters = look.members.filter(({ standing }) => standing === "Voter");
  const hashes = voters.flatMap(({ name }) => etcd.hashes.get(name) ?? []);
  if (hashes.length < look.voters.length || !areOfOneRevision(hashes)) {
    return wait(
      "ComparingData",
      "alarm CORRUPT: the data of all voters is to be compared at one revision",
    );
  }
  const differing = minorityOf(voters, etcd.hashes, quorumOf(look.voters.length));
  if (differing === undefined) return undecided();
  const [member, ...others] = differing;
  if (member === undefined) return disarmed(look, etcd.alarms);
  if (others.length > 0) return undecided();
  return giveUp(look, {
    memberId: member.listed?.id ?? "",
    name: member.name,
    member,
    why: `${reasonStart} at the same revision (alarm CORRUPT); its volume is kept`,
  });
};

function undecided(): Answer {
  return stuck(
    "Corrupt",
    "alarm CORRUPT: more than one member differs, or none has a quorum on its side; keep all volumes, compare with a backup, and remove the members that are wrong with etcdctl member remove",
  );
}

/** After the last member that differed is gone. One that is accused and agrees with the others is for people to acquit. */
function disarmed(
  look: Look,
  alarms: readonly { readonly memberId: string; readonly kind: string }[],
): Answer {
  const listed = new Set(look.list?.map(({ id }) => id));
  const alarm = alarms.find(({ memberId, kind }) => kind === "Corrupt" && !listed.has(memberId));
  if (alarm === undefined) {
    return stuck(
      "Corrupt",
      "alarm CORRUPT is raised, and all voters have the same data now; look into their logs, and disarm it with etcdctl alarm disarm",
    );
  }
  return step({
    kind: "etcd",
    request: { kind: "disarm", memberId: alarm.memberId, alarm: "Corrupt" },
    listedMembers: look.list ?? [],
    reason: "DisarmedCorrupt",
    message: `alarm CORRUPT of member ${alarm.memberId}, which is gone, is disarmed: all voters have the same data`,
  });
}

/** Voters that are not with the hash that a quorum has. Undefined when no hash has one. */
function minorityOf(
  voters: readonly MemberView[],
  hashes: ReadonlyMap<string, StoreHash>,
  quorum: number,
): readonly MemberView[] | undefined {
  for (const { name } of voters) {
    const hash = hashes.get(name)?.hash;
    const others = voters.filter((voter) => hashes.get(voter.name)?.hash !== hash);
    if (voters.length - others.length >= quorum) return others;
  }
  return undefined;
}

function areOfOneRevision(hashes: readonly StoreHash[]): boolean {
  const [first] = hashes;
  return hashes.every(
    ({ revision, compactRevision }) =>
      revision === first?.revision && compactRevision === first.compactRevision,
  );
}
