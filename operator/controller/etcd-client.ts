/**
 * Asks etcd over node/client: the status of every member by its own endpoint, then the member list from one of those that vote. Learners are never asked for
 * it: they refuse (operators.md 4.6).
 */
import type { EtcdView, ListedAlarm, MemberAnswers, StoreHash } from "../cluster/observed.ts";
import type { MutationGuard } from "../kernel/exchange.ts";
import { alarmsFrom, hashFrom, listFrom, type StatusAnswer, statusFrom } from "./etcd-answers.ts";
import { changeOver } from "./etcd-change.ts";
import { type Connect, type EtcdConnection, EtcdConnections } from "./etcd-connections.ts";
import type { EtcdChange, EtcdPort, EtcdTarget } from "./etcd-port.ts";
import type { StepResult } from "./step-result.ts";

/** Members that are asked for the list, one after the other, before the view is unknown. */
const listTries = 2;

type Connections = ReadonlyMap<string, EtcdConnection>;
type Statuses = ReadonlyMap<string, StatusAnswer>;

export class EtcdClient implements EtcdPort {
  private readonly connections: EtcdConnections;

  /** `connect`: for tests. */
  constructor(connect?: Connect) {
    this.connections = new EtcdConnections(connect);
  }

  ask(target: EtcdTarget, signal: AbortSignal): Promise<EtcdView> {
    return this.connections.whileUsed(target.key, () => this.view(target, signal));
  }

  change(target: EtcdTarget, change: EtcdChange, guard: MutationGuard): Promise<StepResult> {
    return this.connections.whileUsed(target.key, () => this.carryOut(target, change, guard));
  }

  forget(cluster: string): void {
    this.connections.forget(cluster);
  }

  /** Ends all connections. */
  close(): void {
    this.connections.close();
  }

  private async view(target: EtcdTarget, signal: AbortSignal): Promise<EtcdView> {
    const connections = this.connectionsOf(target);
    if (target.members.length === 0) return { kind: "unasked" };
    if (typeof connections === "string") return silentView(target, connections);
    const statuses: Statuses = new Map(
      await Promise.all(
        [...connections].map(async ([name, connection]) => {
          return [name, await statusFrom(connection)] as const;
        }),
      ),
    );
    const answers = answersOf(statuses);
    let reason = "no member that votes answers";
    for (const voter of votersOf(statuses).slice(0, listTries)) {
      if (signal.aborted) break;
      const connection = connections.get(voter);
      const list = await listFrom(connection);
      if (list.kind === "silent") {
        reason = `${voter} has no member list: ${list.reason}`;
        continue;
      }
      const alarms = await alarmsOf(statuses, connection);
      if (typeof alarms === "string") {
        reason = `${voter} does not tell its alarms: ${alarms}`;
        continue;
      }
      const hashes = await hashesOf(alarms, statuses, connections);
      const revision = revisionOf(statuses, voter);
      return { ...list, answers, alarms, revision, hashes };
    }
    return { kind: "unknown", reason, answers };
  }

  private async carryOut(
    target: EtcdTarget,
    change: EtcdChange,
    guard: MutationGuard,
  ): Promise<StepResult> {
    const connections = this.connectionsOf(target);
    const connection =
      typeof connections === "string" ? undefined : connections.get(change.memberName);
    if (connection === undefined) {
      return { kind: "outdated", why: `there is no way to member ${change.memberName}` };
    }
    return changeOver(connection, change, guard);
  }

  /** Why there are none, where the certificates are missing or bad. */
  private connectionsOf(target: EtcdTarget): Connections | string {
    if (target.tls === "missing") {
      this.connections.forget(target.key);
      return "the Secret with the operator's certificate is not there, or not whole";
    }
    try {
      return this.connections.of(target);
    } catch (error) {
      if (target.tls === "none" || !(error instanceof Error)) throw error;
      return `the operator's certificate cannot be used: ${error.message}`;
    }
  }
}

function silentView({ members }: EtcdTarget, reason: string): EtcdView {
  const answers = new Map(members.map(({ name }) => [name, { kind: "silent", reason } as const]));
  return { kind: "unknown", reason, answers };
}

function answersOf(statuses: Statuses): MemberAnswers {
  return new Map(
    [...statuses].map(([name, status]) => {
      return [name, status.kind === "silent" ? status : status.answer] as const;
    }),
  );
}

/** Names of those that vote. The leader first: it needs nobody else to know how far the others are. */
function votersOf(statuses: Statuses): readonly string[] {
  const voters = [...statuses].flatMap(([name, status]) =>
    status.kind === "answered" && !status.answer.isLearner ? [{ name, answer: status.answer }] : [],
  );
  const leads = ({ answer }: (typeof voters)[number]): number =>
    Number(answer.leaderId === answer.memberId);
  return voters.sort((left, right) => leads(right) - leads(left)).map(({ name }) => name);
}

/**
 * Each member tells of alarms with its status. Asking for them makes etcd write an entry to its log (v3_server.go, Alarm), so that is left while none tells of one.
 * Gives the reason where they cannot be had: what etcd takes is not known then.
 */
async function alarmsOf(
  statuses: Statuses,
  connection: EtcdConnection | undefined,
): Promise<readonly ListedAlarm[] | string> {
  const isTold = [...statuses.values()].some(
    (status) =>
      status.kind === "answered" &&
      status.answer.errors.some((error) => /NOSPACE|CORRUPT/.test(error)),
  );
  if (!isTold) return [];
  const answer = await alarmsFrom(connection);
  return answer.kind === "silent" ? answer.reason : answer.alarms;
}

/** At one revision, which every voter that answers has reached. */
async function hashesOf(
  alarms: readonly ListedAlarm[],
  statuses: Statuses,
  connections: Connections,
): Promise<ReadonlyMap<string, StoreHash>> {
  if (!alarms.some(({ kind }) => kind === "Corrupt")) return new Map();
  const voters = votersOf(statuses);
  const revision = Math.min(...voters.map((name) => revisionOf(statuses, name)));
  const answers = await Promise.all(
    voters.map(async (name) => [name, await hashFrom(connections.get(name), revision)] as const),
  );
  return new Map(
    answers.flatMap(([name, answer]) =>
      answer.kind === "hash" ? [[name, answer.hash] as const] : [],
    ),
  );
}

function revisionOf(statuses: Statuses, name: string): number {
  const status = statuses.get(name);
  return status?.kind === "answered" ? status.revision : 0;
}
