/** The metrics of the member itself and its part in the cluster (etcd etcdserver/metrics.go, membership/metrics.go). */
import { serverVersion } from "../lib/etcd-version.ts";
import { idToHex } from "../lib/units.ts";
import { alarmType } from "../proto/alarm-codec.ts";
import { statusOf } from "../rpc/errors.ts";
import type { Member } from "../server/member.ts";
import type { MetricRegistry, Sample } from "./metric-registry.ts";

export function registerServer(to: MetricRegistry, member: Member): void {
  registerStanding(to, member);
  registerProposals(to, member);
  registerPromotions(to, member);
  registerAlarms(to, member);
  to.gauge(
    "etcd_server_snapshot_apply_in_progress_total",
    "A received state is being applied: 1 or 0.",
    () => Number(member.isInstalling),
  );
  to.counter(
    "etcd_server_heartbeat_send_failures_total",
    "Heartbeats that this leader sent too late (likely overloaded from slow disk).",
    () => member.lateHeartbeats,
  );
  to.gauge(
    "etcd_debugging_auth_revision",
    "Revision of users and roles.",
    () => member.authRevision,
  );
}

function registerStanding(to: MetricRegistry, member: Member): void {
  to.gauge("etcd_server_has_leader", "Whether a leader is known: 1 or 0.", () =>
    Number(member.hasLeader),
  );
  to.gauge("etcd_server_is_leader", "Whether this member leads: 1 or 0.", () =>
    Number(member.isLeader),
  );
  to.gauge("etcd_server_is_learner", "Whether this member has no vote: 1 or 0.", () =>
    Number(member.isLearner),
  );
  to.counter("etcd_server_leader_changes_seen_total", "Leaders seen.", () => member.leaderChanges);
  const info = (
    about: { readonly name: string; readonly help: string },
    labels: Sample["labels"],
  ): void => to.samples("gauge", about, () => [{ labels, value: 1 }]);
  info(
    { name: "etcd_server_version", help: "Version that this member speaks." },
    { server_version: serverVersion },
  );
  info(
    { name: "etcd_server_id", help: "Id of this member, in hexadecimal." },
    { server_id: idToHex(member.id) },
  );
  to.samples("gauge", { name: "etcd_cluster_version", help: "Version of the cluster." }, () => {
    // Major and minor alone, as etcd has it here.
    const version = /^\d+\.\d+/.exec(member.cluster.version ?? "")?.[0];
    return version === undefined ? [] : [{ labels: { cluster_version: version }, value: 1 }];
  });
}

function registerProposals(to: MetricRegistry, member: Member): void {
  to.gauge(
    "etcd_server_proposals_committed_total",
    "Log index that is committed.",
    () => member.raft.committed,
  );
  to.gauge(
    "etcd_server_proposals_applied_total",
    "Log index that is applied.",
    () => member.raft.applied,
  );
  to.gauge("etcd_server_proposals_pending", "Proposals under way.", () => member.pendingProposals);
  to.counter(
    "etcd_server_proposals_failed_total",
    "Proposals that failed.",
    () => member.failedProposals,
  );
}

function registerPromotions(to: MetricRegistry, { stats }: Member): void {
  to.counter(
    "etcd_server_learner_promote_successes",
    "Learners that got a vote while this member was the leader.",
    () => stats.learnerPromotions,
  );
  const about = {
    name: "etcd_server_learner_promote_failures",
    help: "Promotions of learners that failed while this member was the leader, by their reason.",
  };
  to.samples("counter", about, () =>
    [...stats.failedLearnerPromotions].map(([error, value]) => ({
      labels: { Reason: statusOf[error].text },
      value,
    })),
  );
}

const alarmNames: Readonly<Record<number, string>> = {
  [alarmType.noSpace]: "NOSPACE",
  [alarmType.corrupt]: "CORRUPT",
};

/** An alarm that was raised keeps its line when it is gone, with 0. */
function registerAlarms(to: MetricRegistry, member: Member): void {
  const seen = new Map<string, Sample["labels"]>();
  const about = {
    name: "etcd_debugging_server_alarms",
    help: "Alarms: 1 for each that is raised.",
  };
  to.samples("gauge", about, () => {
    const raised = new Set<string>();
    for (const { memberId, alarm } of member.alarms.list(alarmType.none)) {
      const labels = {
        server_id: idToHex(memberId),
        alarm_type: alarmNames[alarm] ?? String(alarm),
      };
      const key = `${labels.server_id} ${labels.alarm_type}`;
      raised.add(key);
      seen.set(key, labels);
    }
    return [...seen].map(([key, labels]) => ({ labels, value: Number(raised.has(key)) }));
  });
}
