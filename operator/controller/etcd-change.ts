/**
 * Sends one request to etcd and says what became of it. A request may have been carried out before, by somebody else or without an answer: what etcd then
 * refuses counts as done when a list that is read afresh agrees (operators.md 3.6, 4.6 and 7.4, rule 4).
 */
import { ClientError } from "../../node/client/client-error.ts";
import type { MemberStatusAnswer, Observed } from "../cluster/observed.ts";
import type { EtcdRequest } from "../cluster/step.ts";
import type { MutationGuard } from "../kernel/exchange.ts";
import { listFrom } from "./etcd-answers.ts";
import { callDeadlineMs, type EtcdConnection } from "./etcd-connections.ts";
import type { EtcdChange } from "./etcd-port.ts";
import { memberListHash, memberListHashKey } from "./member-list-hash.ts";
import type { StepResult } from "./step-result.ts";

/** etcd's own time limit for a change is 7 s with its defaults (server/config, ReqTimeout). */
const changeDeadlineMs = 8_000;
/** The file of a large database is written anew; ours serves meanwhile, a real etcd does not. */
const defragmentDeadlineMs = 600_000;

/** What etcd says when the request has been carried out already. */
const doneTexts: Partial<Readonly<Record<EtcdRequest["kind"], RegExp>>> = {
  "add-learner": /Peer URLs already exists|member ID already exist/,
  promote: /can only promote a learner member$/,
  remove: /member not found/,
  compact: /required revision has been compacted/,
};
/** gRPC's codes for what will not be taken later either: InvalidArgument, PermissionDenied, Unimplemented, Unauthenticated. */
const finalCodes: ReadonlySet<number> = new Set([3, 7, 12, 16]);

/**
 * The member that a request goes to: the leader, which needs nobody else to decide. It is the only one that promotes upon a precondition, or hands over. Undefined
 * while nobody is known who could.
 */
export function addresseeOf({ etcd }: Observed, request: EtcdRequest): string | undefined {
  if (request.kind === "move-leader") return request.leaderName;
  if (request.kind === "defragment") return request.memberName;
  if (etcd.kind !== "known") return undefined;
  const voters = [...etcd.answers].flatMap(([name, answer]) =>
    answer.kind === "answered" && !answer.isLearner ? [{ name, answer }] : [],
  );
  const leads = ({ answer }: { readonly answer: MemberStatusAnswer }): boolean =>
    answer.leaderId === answer.memberId;
  const leaders = voters.filter(leads).sort((a, b) => b.answer.raftTerm - a.answer.raftTerm);
  return (leaders[0] ?? voters[0])?.name;
}

/** Rejects only with what the guard throws, and for bugs. */
export async function changeOver(
  connection: EtcdConnection,
  change: EtcdChange,
  guard: MutationGuard,
): Promise<StepResult> {
  try {
    await connection.connect({ deadlineMs: callDeadlineMs });
    // Only now: what waits for a connection could leave after the end of the term.
    guard.check();
    await send(connection, change, guard);
    return { kind: "done" };
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    return outcomeOf(connection, change.request, error);
  }
}

async function send(
  connection: EtcdConnection,
  { request, listedMembers }: EtcdChange,
  guard: MutationGuard,
): Promise<void> {
  const call = { deadlineMs: Math.min(changeDeadlineMs, guard.remainingMs()) };
  const fenced = { ...call, metadata: { [memberListHashKey]: memberListHash(listedMembers) } };
  switch (request.kind) {
    case "add-learner":
      await connection.memberAdd([request.peerUrl], { isLearner: true, ...fenced });
      return;
    case "promote":
      await connection.memberPromote(idOf(request.memberId), fenced);
      return;
    case "remove":
      await connection.memberRemove(idOf(request.memberId), fenced);
      return;
    case "move-leader":
      await connection.moveLeader(idOf(request.toMemberId), call);
      return;
    case "compact":
      await connection.compact(request.revision, call);
      return;
    case "defragment":
      // It has left by now: only the answer is waited for so long.
      await connection.defragment({ deadlineMs: defragmentDeadlineMs });
      return;
    case "disarm": {
      const type = request.alarm === "NoSpace" ? "nospace" : "corrupt";
      await connection.disarmAlarm({ memberId: idOf(request.memberId), type }, call);
      return;
    }
  }
}

/** Everything that may pass by itself is "outdated": a learner that is not in sync, another list, a leader that has changed, no answer. */
async function outcomeOf(
  connection: EtcdConnection,
  request: EtcdRequest,
  error: ClientError,
): Promise<StepResult> {
  const why = error.text;
  if (doneTexts[request.kind]?.test(error.text) === true) {
    return (await agrees(connection, request)) ? { kind: "done" } : { kind: "outdated", why };
  }
  return { kind: finalCodes.has(error.code) ? "refused" : "outdated", why };
}

/** Whether the list as it is now is what the request was for. */
async function agrees(connection: EtcdConnection, request: EtcdRequest): Promise<boolean> {
  if (request.kind === "compact") return true;
  const listed = await listFrom(connection);
  if (listed.kind === "silent") return false;
  switch (request.kind) {
    case "add-learner":
      return listed.list.some(({ peerUrls }) => peerUrls.includes(request.peerUrl));
    case "promote":
      return listed.list.some(({ id, isLearner }) => id === request.memberId && !isLearner);
    case "remove":
      return !listed.list.some(({ id }) => id === request.memberId);
    default:
      return false;
  }
}

function idOf(hexadecimal: string): bigint {
  return BigInt(`0x${hexadecimal}`);
}
