/** What members say, as decisions need it: ids as lower-case hex, and silence as an answer with a reason that does not change from call to call. */
import { ClientError } from "../../node/client/client-error.ts";
import type { Alarms, HashKv, MemberList, Status } from "../../node/client/cluster-results.ts";
import type {
  ListedAlarm,
  ListedMember,
  MemberStatusAnswer,
  StoreHash,
} from "../cluster/observed.ts";
import { callDeadlineMs, type EtcdConnection } from "./etcd-connections.ts";

type Silent = { readonly kind: "silent"; readonly reason: string };
/** With the member's newest revision. */
export type StatusAnswer =
  | { readonly kind: "answered"; readonly answer: MemberStatusAnswer; readonly revision: number }
  | Silent;

/** gRPC codes whose texts differ from call to call, and what is told instead: a status that says the same is not written again. */
const steadyReasons: ReadonlyMap<number, string> = new Map([
  [1, "the call was cancelled"],
  [4, `no answer within ${callDeadlineMs / 1000} s`],
]);
const unavailable = 14;

export async function statusFrom(connection: EtcdConnection | undefined): Promise<StatusAnswer> {
  return answered(connection, async (asked) => {
    const status = await asked.status(deadline);
    return { kind: "answered", answer: answerOf(status), revision: status.header.revision };
  });
}

interface Listed {
  readonly kind: "known";
  readonly clusterId: string;
  readonly list: readonly ListedMember[];
}

/** Read linearizably: a member without a quorum cannot give an old one. */
export async function listFrom(connection: EtcdConnection | undefined): Promise<Listed | Silent> {
  const options = { linearizable: true, ...deadline };
  return answered(connection, async (asked) => listedOf(await asked.memberList(options)));
}

export async function alarmsFrom(
  connection: EtcdConnection | undefined,
): Promise<{ readonly kind: "alarms"; readonly alarms: readonly ListedAlarm[] } | Silent> {
  return answered(connection, async (asked) => {
    return { kind: "alarms", alarms: alarmsOf(await asked.alarms(deadline)) };
  });
}

/** Of the history up to `revision`. Silent too when the member does not have that revision, or not any more. */
export async function hashFrom(
  connection: EtcdConnection | undefined,
  revision: number,
): Promise<{ readonly kind: "hash"; readonly hash: StoreHash } | Silent> {
  return answered(connection, async (asked) => {
    const hash = hashOf(await asked.hashKv({ revision, deadlineMs: hashDeadlineMs }));
    return { kind: "hash", hash };
  });
}

export function hex(id: bigint): string {
  return id.toString(16);
}

const deadline = { deadlineMs: callDeadlineMs };
/** It reads all of the database. */
const hashDeadlineMs = 15_000;

/** Throws what is no ClientError: that is a bug, and not the member's silence. */
async function answered<Answer>(
  connection: EtcdConnection | undefined,
  ask: (connection: EtcdConnection) => Promise<Answer>,
): Promise<Answer | Silent> {
  if (connection === undefined) return { kind: "silent", reason: "no connection" };
  try {
    return await ask(connection);
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    return { kind: "silent", reason: steadyReasonOf(error) };
  }
}

/**
 * Why there is no connection differs by place and time, unless TLS is why: that is for people to mend. A member without a quorum has several texts for it, which
 * take turns.
 */
function steadyReasonOf({ code, text, message }: ClientError): string {
  if (code !== unavailable) return steadyReasons.get(code) ?? message;
  if (text.startsWith("etcdserver: ")) return "the member has no quorum";
  const [tls] = /(?:remote error: )?tls: .*/.exec(text) ?? [];
  return tls === undefined ? "not reachable" : `not reachable: ${tls}`;
}

function answerOf(status: Status): MemberStatusAnswer {
  return {
    kind: "answered",
    memberId: hex(status.header.memberId),
    clusterId: hex(status.header.clusterId),
    leaderId: status.leader === 0n ? "" : hex(status.leader),
    version: status.version,
    raftTerm: status.raftTerm,
    raftIndex: status.raftIndex,
    raftAppliedIndex: status.raftAppliedIndex,
    dbSizeBytes: status.dbSizeBytes,
    dbSizeInUseBytes: status.dbSizeInUseBytes,
    isLearner: status.isLearner,
    errors: status.errors,
  };
}

function listedOf({ header, members }: MemberList): Listed {
  const list = members.map(({ id, name, peerUrls, isLearner }) => {
    return { id: hex(id), name, peerUrls, isLearner };
  });
  return { kind: "known", clusterId: hex(header.clusterId), list };
}

function alarmsOf({ alarms }: Alarms): readonly ListedAlarm[] {
  return alarms.flatMap(({ memberId, type }): ListedAlarm[] => {
    if (type === "nospace") return [{ memberId: hex(memberId), kind: "NoSpace" }];
    return type === "corrupt" ? [{ memberId: hex(memberId), kind: "Corrupt" }] : [];
  });
}

function hashOf({ hash, hashRevision, compactRevision }: HashKv): StoreHash {
  return { revision: hashRevision, compactRevision, hash };
}
