/**
 * Asks etcd over node/client: the status of every member by its own endpoint, then the member list from one of those that vote. The list
 * is read linearizably, so a member that has no quorum cannot give an old one.
 *
 * One connection per member and endpoint. Those of members that are no longer asked are closed with the next question about their cluster.
 */

import { Client } from "../../node/client/client.ts";
import { ClientError } from "../../node/client/client-error.ts";
import type { MemberList, Status } from "../../node/client/cluster-results.ts";
import type {
  EtcdView,
  ListedMember,
  MemberAnswers,
  MemberStatusAnswer,
} from "../cluster/observed.ts";
import type { Asked, EtcdPort } from "./etcd-port.ts";

/** What is used of node/client's Client. */
export type EtcdConnection = Pick<Client, "status" | "memberList" | "close">;

/** For one call. A healthy member answers within milliseconds. */
const callDeadlineMs = 2_000;
/** Members that are asked for the list, one after the other, before the view is unknown. */
const listTries = 2;

/** gRPC codes whose texts differ from call to call, and what is told instead: a status that says the same is not written again. */
const steadyReasons: ReadonlyMap<number, string> = new Map([
  [1, "the call was cancelled"],
  [4, `no answer within ${callDeadlineMs / 1000} s`],
  [14, "not reachable"],
]);

export class EtcdClient implements EtcdPort {
  private readonly connect: (endpoint: string) => EtcdConnection;
  /** Key of the cluster ▸ endpoint ▸ connection. */
  private readonly connections = new Map<string, Map<string, EtcdConnection>>();

  constructor(connect: (endpoint: string) => EtcdConnection = connectTo) {
    this.connect = connect;
  }

  async ask(cluster: string, members: readonly Asked[], signal: AbortSignal): Promise<EtcdView> {
    const connections = this.connectionsOf(cluster, members);
    if (members.length === 0) return { kind: "unasked" };
    const answers: MemberAnswers = new Map(
      await Promise.all(
        members.map(async ({ name, endpoint }) => {
          return [name, await statusFrom(connections.get(endpoint))] as const;
        }),
      ),
    );
    const voters = members.filter(({ name }) => isVoter(answers.get(name)));
    // The leader first: it needs nobody else to know how far the others are.
    voters.sort((a, b) => Number(isLeader(answers, b.name)) - Number(isLeader(answers, a.name)));
    let reason = "no member that votes answers";
    for (const voter of voters.slice(0, listTries)) {
      if (signal.aborted) break;
      const list = await listFrom(connections.get(voter.endpoint));
      if (list.kind === "known") return { ...list, answers };
      reason = `${voter.name} has no member list: ${list.reason}`;
    }
    return { kind: "unknown", reason, answers };
  }

  forget(cluster: string): void {
    for (const connection of this.connections.get(cluster)?.values() ?? []) connection.close();
    this.connections.delete(cluster);
  }

  /** Ends all of them. */
  close(): void {
    for (const cluster of [...this.connections.keys()]) this.forget(cluster);
  }

  /** Exactly those of `members`, new ones opened, others closed. */
  private connectionsOf(cluster: string, members: readonly Asked[]): Map<string, EtcdConnection> {
    const before = this.connections.get(cluster) ?? new Map<string, EtcdConnection>();
    const after = new Map<string, EtcdConnection>();
    for (const { endpoint } of members) {
      after.set(endpoint, before.get(endpoint) ?? this.connect(endpoint));
    }
    for (const [endpoint, connection] of before) {
      if (!after.has(endpoint)) connection.close();
    }
    if (after.size === 0) this.connections.delete(cluster);
    else this.connections.set(cluster, after);
    return after;
  }
}

function connectTo(endpoint: string): EtcdConnection {
  return new Client({ endpoints: [endpoint], deadlineMs: callDeadlineMs });
}

type Answer = MemberStatusAnswer | { readonly kind: "silent"; readonly reason: string };

async function statusFrom(connection: EtcdConnection | undefined): Promise<Answer> {
  try {
    if (connection === undefined) return { kind: "silent", reason: "no connection" };
    return answerOf(await connection.status({ deadlineMs: callDeadlineMs }));
  } catch (error) {
    return { kind: "silent", reason: reasonOf(error) };
  }
}

function answerOf(status: Status): MemberStatusAnswer {
  return {
    kind: "answered",
    memberId: hex(status.header.memberId),
    clusterId: hex(status.header.clusterId),
    leaderId: status.leader === 0n ? "" : hex(status.leader),
    version: status.version,
    raftTerm: status.raftTerm,
    raftAppliedIndex: status.raftAppliedIndex,
    dbSizeBytes: status.dbSizeBytes,
    dbSizeInUseBytes: status.dbSizeInUseBytes,
    isLearner: status.isLearner,
    errors: status.errors,
  };
}

type Listed =
  | {
      readonly kind: "known";
      readonly clusterId: string;
      readonly list: readonly ListedMember[];
    }
  | { readonly kind: "silent"; readonly reason: string };

async function listFrom(connection: EtcdConnection | undefined): Promise<Listed> {
  try {
    if (connection === undefined) return { kind: "silent", reason: "no connection" };
    const options = { linearizable: true, deadlineMs: callDeadlineMs };
    return listedOf(await connection.memberList(options));
  } catch (error) {
    return { kind: "silent", reason: reasonOf(error) };
  }
}

function listedOf({ header, members }: MemberList): Listed {
  const list = members.map(({ id, name, peerUrls, isLearner }) => {
    return { id: hex(id), name, peerUrls, isLearner };
  });
  return { kind: "known", clusterId: hex(header.clusterId), list };
}

/** Throws what is no ClientError: that is a bug, and not the member's silence. */
function reasonOf(error: unknown): string {
  if (!(error instanceof ClientError)) throw error;
  return steadyReasons.get(error.code) ?? error.message;
}

function isVoter(answer: Answer | undefined): boolean {
  return answer?.kind === "answered" && !answer.isLearner;
}

function isLeader(answers: MemberAnswers, name: string): boolean {
  const answer = answers.get(name);
  return answer?.kind === "answered" && answer.leaderId === answer.memberId;
}

function hex(id: bigint): string {
  return id.toString(16);
}
