/**
 * Rule for alarm NOSPACE (operators.md 4.5): the database has reached its quota, and etcd takes no writes.
 *
 *   Compacting ──compact──▸ Defragmenting ──one member after the other, the leader last──▸ Disarming ──every file below 90 % of the quota──▸ disarm
 *
 * Where that does not make room enough only a person can: delete keys, or raise the quota. It is tried again every ten minutes, since keys may have been
 * deleted. The phase is latched along with each request that was carried out; repeating one after a crash does no harm.
 */
import type { EtcdClusterStatus } from "../../api/v1alpha1/types.ts";
import { isOutdated } from "../built.ts";
import { whyNotHealthy } from "../calm.ts";
import { alarmOf } from "../health.ts";
import type { MemberView } from "../member-view.ts";
import { type Answer, type Look, type Rule, step, stuck, wait } from "../rule.ts";

type SpaceRecovery = NonNullable<EtcdClusterStatus["spaceRecovery"]>;

/** Of etcd, where spec.etcd.quotaBackendBytes is not set (server/storage/quota.go, DefaultQuotaBytes). */
const defaultQuotaBytes = 2 ** 31;
const roomyShare = 0.9;
const cycleMs = 10 * 60_000;

export const recoverSpace: Rule = (look) => {
  const { etcd } = look.observed;
  if (etcd.kind !== "known") return undefined;
  const before = look.latched.spaceRecovery;
  if (!etcd.alarms.some(({ kind }) => kind === "NoSpace")) return finished(before);
  if (alarmOf(look.observed) === "Corrupt") return undefined;
  if (before === undefined) return begun(look, etcd.revision);
  switch (before.phase) {
    case "Compacting":
      return whyNotHealthy(look) ?? compacted(look, before);
    case "Defragmenting":
      return whyNotHealthy(look) ?? defragmented(look, before);
    case "Disarming":
      return disarmed(look, before, etcd.alarms);
  }
};

function finished(before: SpaceRecovery | undefined): Answer {
  return before === undefined
    ? undefined
    : step({
        kind: "latch-cluster",
        fields: { spaceRecovery: null },
        reason: "SpaceRecovered",
        message: "alarm NOSPACE is over: etcd takes writes again",
      });
}

function begun({ context }: Look, revision: number): Answer {
  return step({
    kind: "latch-cluster",
    fields: {
      spaceRecovery: {
        phase: "Compacting",
        startedAt: context.now,
        compactRevision: revision,
        defragmented: [],
      },
    },
    reason: "RecoveringSpace",
    message: `alarm NOSPACE: the history is compacted up to revision ${revision}, then each member defragmented`,
  });
}

function compacted({ list = [] }: Look, before: SpaceRecovery): Answer {
  const { compactRevision = 0 } = before;
  return step({
    kind: "etcd",
    request: { kind: "compact", revision: compactRevision },
    listedMembers: list,
    then: { spaceRecovery: { ...before, phase: "Defragmenting" } },
    reason: "Compacted",
    message: `the history up to revision ${compactRevision} is dropped, to make room`,
  });
}

function defragmented(look: Look, before: SpaceRecovery): Answer {
  const done = new Set(before.defragmented);
  const left = look.members.filter(
    ({ name, serves, standing }) =>
      !done.has(name) && serves && (standing === "Voter" || standing === "Learner"),
  );
  const next = left.find(({ name }) => name !== look.leader?.name) ?? left[0];
  if (next === undefined) {
    return step({
      kind: "latch-cluster",
      fields: { spaceRecovery: { ...before, phase: "Disarming" } },
      reason: "Defragmented",
      message: "every member is defragmented",
    });
  }
  const { name } = next;
  return step({
    kind: "etcd",
    request: { kind: "defragment", memberName: name },
    listedMembers: look.list ?? [],
    then: { spaceRecovery: { ...before, defragmented: [...before.defragmented, name] } },
    reason: "Defragmented",
    message: `member ${name} is defragmented, to make room`,
  });
}

function disarmed(
  look: Look,
  before: SpaceRecovery,
  alarms: readonly { readonly memberId: string; readonly kind: string }[],
): Answer {
  // A quota that was raised is one only after the roll.
  const isRolling = look.members.some(
    ({ member, pod }) => pod !== undefined && isOutdated(look.cluster, member, pod),
  );
  if (isRolling) return wait("RollingFirst", "alarm NOSPACE is disarmed after the roll");
  const full = look.members.find((member) => !hasRoom(look, member));
  const alarm = alarms.find(({ kind }) => kind === "NoSpace");
  if (full === undefined && alarm !== undefined) {
    return step({
      kind: "etcd",
      request: { kind: "disarm", memberId: alarm.memberId, alarm: "NoSpace" },
      listedMembers: look.list ?? [],
      reason: "DisarmedNoSpace",
      message: `alarm NOSPACE of member ${alarm.memberId} is disarmed: there is room again`,
    });
  }
  const { revision } = look.observed.etcd.kind === "known" ? look.observed.etcd : { revision: 0 };
  if (look.nowMs - Date.parse(before.startedAt) >= cycleMs) return begun(look, revision);
  return stuck(
    "NoSpace",
    `alarm NOSPACE: member ${full?.name ?? ""} is still above 90 % of its quota after compaction and defragmentation; delete keys, or raise spec.etcd.quotaBackendBytes`,
    full?.name,
  );
}

/** Of one that does not answer nothing is known. */
function hasRoom({ cluster }: Look, { listed, answer }: MemberView): boolean {
  if (listed === undefined) return true;
  const quota = cluster.spec.etcd.quotaBackendBytes ?? defaultQuotaBytes;
  return answer !== undefined && answer.dbSizeBytes < roomyShare * quota;
}
