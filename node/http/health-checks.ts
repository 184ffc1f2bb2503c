/**
 * What /livez and /readyz look at, by etcd's names (3.7.1: server/etcdserver/api/etcdhttp/health.go). Liveness needs no quorum: a member that
 * has lost the others must not be killed for it. Readiness does, as a member without a quorum serves nobody.
 */
import { alarmType } from "../proto/alarm-codec.ts";
import { statusOf } from "../rpc/errors.ts";
import type { Member } from "../server/member.ts";

/** The part of the member that checks look at. */
export type CheckedMember = Pick<
  Member,
  | "alarms"
  | "electionTimeoutMs"
  | "hasLeader"
  | "isInstalling"
  | "isLearner"
  | "linearizableRead"
  | "timers"
  | "whenReadable"
>;

export interface CheckedState {
  readonly member: CheckedMember;
  /** The client port is up. */
  readonly servesClients: boolean;
}

/** Why it failed; "" when it passed. */
export type CheckOutcome = string;

export interface HealthCheck {
  readonly name: string;
  /** Ends in time by itself, and never rejects. */
  readonly run: (state: CheckedState) => Promise<CheckOutcome>;
}

export type CheckType = "livez" | "readyz";

/** The time a request has on etcd, on top of two election timeouts. */
const requestMs = 5000;

/** Whether a read would be served, within the time that a request has: of this member's own copy, or of what the cluster agrees on. */
function readOutcome(
  member: CheckedMember,
  kind: "serializable" | "linearizable",
): Promise<CheckOutcome> {
  return new Promise((resolve) => {
    const expiry = member.timers.after(requestMs + 2 * member.electionTimeoutMs, () =>
      resolve(statusOf.Timeout.text),
    );
    const done = (outcome: CheckOutcome): void => {
      expiry.cancel();
      resolve(outcome);
    };
    const waiter = {
      readable: () => done(""),
      refused: (error: keyof typeof statusOf) => done(statusOf[error].text),
    };
    if (kind === "serializable") member.whenReadable(waiter);
    else member.linearizableRead(waiter);
  });
}

/** While a received snapshot is being installed nothing can be read; a member that was killed for it would have to begin anew. */
const isAlive: HealthCheck = {
  name: "serializable_read",
  run: ({ member }) =>
    member.isInstalling ? Promise.resolve("") : readOutcome(member, "serializable"),
};

const dataCorruption: HealthCheck = {
  name: "data_corruption",
  run: ({ member }) => Promise.resolve(member.alarms.isCorrupt ? "alarm activated: CORRUPT" : ""),
};

const serializableRead: HealthCheck = {
  name: "serializable_read",
  run: ({ member }) => readOutcome(member, "serializable"),
};

/** etcd's client port takes connections from the start and lets them wait; ours refuses them until clients are served. */
const linearizableRead: HealthCheck = {
  name: "linearizable_read",
  run: async (state) => {
    const outcome = await readOutcome(state.member, "linearizable");
    return outcome === "" && !state.servesClients ? "clients are not served yet" : outcome;
  },
};

const nonLearner: HealthCheck = {
  name: "non_learner",
  run: ({ member }) => Promise.resolve(member.isLearner ? "not supported for learner" : ""),
};

export const healthChecks: Readonly<Record<CheckType, readonly HealthCheck[]>> = {
  livez: [isAlive],
  readyz: [dataCorruption, serializableRead, linearizableRead, nonLearner],
};

const alarmNames = new Map<number, string>([
  [alarmType.noSpace, "NOSPACE"],
  [alarmType.corrupt, "CORRUPT"],
]);

/** The `reason` of /health; "" for a healthy member. `excluded`: names of alarms that do not count. */
export async function healthReason(
  member: CheckedMember,
  excluded: ReadonlySet<string>,
  isSerializable: boolean,
): Promise<string> {
  const names = member.alarms
    .list(alarmType.none)
    .map(({ alarm }) => alarmNames.get(alarm) ?? "UNKNOWN");
  const counted = names.find((name) => !excluded.has(name));
  if (counted !== undefined) return `ALARM ${counted}`;
  if (!isSerializable && !member.hasLeader) return "RAFT NO LEADER";
  const outcome = await readOutcome(member, isSerializable ? "serializable" : "linearizable");
  return outcome === "" ? "" : `RANGE ERROR:${outcome}`;
}
