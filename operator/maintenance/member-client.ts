/** The members over node/client, each by its own DNS name, and their metrics ports over plain HTTP. */
import type { Client } from "../../node/client/client.ts";
import { ClientError } from "../../node/client/client-error.ts";
import type { EtcdCluster, EtcdMember } from "../api/v1alpha1/types.ts";
import { alarmsFrom, hex, listFrom } from "../controller/etcd-answers.ts";
import {
  callDeadlineMs,
  type EtcdConnection,
  EtcdConnections,
} from "../controller/etcd-connections.ts";
import type { EtcdTarget } from "../controller/etcd-port.ts";
import { keyOf } from "../kernel/resource.ts";
import { clientUrlOf, hostOf, metricsPort } from "../resources/urls.ts";
import type { MembersPort } from "./run-ports.ts";
import { answering, type EtcdSight, leaderIn, type MemberAnswer } from "./sight.ts";

/** etcd's own time limit for a request is 7 s with its defaults (server/config, ReqTimeout). */
const changeDeadlineMs = 8_000;
const unavailable = 14;

export class MemberClient implements MembersPort {
  private readonly connections = new EtcdConnections();
  private target: EtcdTarget = { key: "", members: [], tls: "none" };
  private hosts: ReadonlyMap<string, string> = new Map();

  aim(cluster: EtcdCluster, members: readonly EtcdMember[], tls: EtcdTarget["tls"]): void {
    const asked = members.map((member) => {
      const serverName = hostOf(member);
      return { name: member.metadata.name, endpoint: clientUrlOf(member), serverName };
    });
    this.target = { key: keyOf(cluster.metadata), members: asked, tls };
    this.hosts = new Map(asked.map(({ name, serverName }) => [name, serverName]));
  }

  async look(): Promise<EtcdSight> {
    const names = this.target.members.map(({ name }) => name);
    const answers = new Map(
      await Promise.all(names.map(async (name) => [name, await this.status(name)] as const)),
    );
    const nothing = { answers, alarms: [] };
    // The leader needs nobody else for a linearizable answer; a learner refuses.
    const asked =
      leaderIn({ ...nothing, list: unasked }) ??
      answering({ ...nothing, list: unasked }).find(({ state }) => !state.isLearner);
    if (asked === undefined) return { ...nothing, list: unasked };
    const connection = this.connectionTo(asked.name);
    if (typeof connection === "string") return { ...nothing, list: unknown(connection) };
    const [list, alarms] = await Promise.all([listFrom(connection), alarmsFrom(connection)]);
    if (list.kind === "silent") return { ...nothing, list: unknown(list.reason) };
    if (alarms.kind === "silent") {
      return {
        ...nothing,
        list: unknown(`${asked.name} does not tell its alarms: ${alarms.reason}`),
      };
    }
    return { answers, list: { kind: "known", members: list.list }, alarms: alarms.alarms };
  }

  async status(memberName: string): Promise<MemberAnswer> {
    const connection = this.connectionTo(memberName);
    if (typeof connection === "string") return { kind: "silent", reason: connection };
    try {
      return stateOf(await connection.status({ deadlineMs: callDeadlineMs }));
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      return { kind: "silent", reason: error.text };
    }
  }

  async exposition(memberName: string): Promise<string> {
    const host = this.hosts.get(memberName) ?? "";
    const response = await fetch(`http://${host}:${metricsPort}/metrics`, {
      signal: AbortSignal.timeout(callDeadlineMs),
    });
    if (!response.ok) throw new Error(`the metrics port answered ${response.status}`);
    return response.text();
  }

  async compact(memberName: string, revision: number): Promise<void> {
    await this.demand(memberName).compact(revision, { deadlineMs: changeDeadlineMs });
  }

  async defragment(memberName: string): Promise<void> {
    await this.demand(memberName).defragment();
  }

  async disarmNoSpace(memberName: string, memberId: string): Promise<void> {
    const alarm = { memberId: BigInt(`0x${memberId}`), type: "nospace" } as const;
    await this.demand(memberName).disarmAlarm(alarm, { deadlineMs: changeDeadlineMs });
  }

  close(): void {
    this.connections.close();
  }

  private demand(memberName: string): EtcdConnection {
    const connection = this.connectionTo(memberName);
    if (typeof connection === "string") throw new ClientError(unavailable, connection);
    return connection;
  }

  /** Why there is none, where the certificates are missing or bad. */
  private connectionTo(memberName: string): EtcdConnection | string {
    if (this.target.tls === "missing") {
      return "the Secret with the operator's certificate is not there, or not whole";
    }
    try {
      return this.connections.of(this.target).get(memberName) ?? "there is no such member";
    } catch (error) {
      if (this.target.tls === "none" || !(error instanceof Error)) throw error;
      return `the operator's certificate cannot be used: ${error.message}`;
    }
  }
}

const unknown = (reason: string) => ({ kind: "unknown", reason }) as const;
const unasked = unknown("no member that votes answers");

function stateOf(status: Awaited<ReturnType<Client["status"]>>): MemberAnswer {
  const { header, leader } = status;
  return {
    kind: "answered",
    id: hex(header.memberId),
    clusterId: hex(header.clusterId),
    leaderId: leader === 0n ? "" : hex(leader),
    isLearner: status.isLearner,
    raftTerm: status.raftTerm,
    raftIndex: status.raftIndex,
    raftAppliedIndex: status.raftAppliedIndex,
    revision: header.revision,
    dbSizeBytes: status.dbSizeBytes,
    dbSizeInUseBytes: status.dbSizeInUseBytes,
    quotaBytes: status.dbSizeQuotaBytes,
  };
}
