/**
 * The verdict on a cluster that clients have worked on and that is whole again: every history linearizable, no acknowledged
 * write lost, the same history by hash on every member.
 */

import type { Client } from "../../node/client/client.ts";
import type { HashKv } from "../../node/client/cluster-results.ts";
import { type HistoryEvent, keysOf } from "../sim/checkers/kv-history.ts";
import { checkLinearizable } from "../sim/checkers/linearizability.ts";
import { porcupineVerdicts } from "../sim/checkers/porcupine.ts";
import { needs } from "../support/peers.ts";
import { RecordingClient, type RecordingClientOptions } from "./recording-client.ts";
import { until } from "./until.ts";
import { ledgerPrefix, type WorkDone } from "./workload.ts";

/** Its number in the history; the others count from 0. */
const lastReader = 1_000_000;

/** A member as it is asked: `client` asks it and no other. */
interface JudgedMember {
  readonly name: string;
  readonly address: string;
  readonly client: Client;
}

/** `connect`: as in the workload. */
interface JudgedCluster extends Pick<RecordingClientOptions, "connect"> {
  readonly members: readonly JudgedMember[];
}

/** What is wrong, a line each; empty when all is well. */
export async function judgeCluster(cluster: JudgedCluster, work: WorkDone): Promise<string[]> {
  return [...(await judgeWork(cluster, work)), ...(await differences(cluster.members))];
}

/** The same without comparing the members. Reads every key once more, through the members in turn. */
export async function judgeWork(
  { members, connect }: JudgedCluster,
  work: WorkDone,
): Promise<string[]> {
  const events = [...work.events];
  const lastReads = await readAll({ members, connect }, events);
  return [...judgeHistory([...events, ...lastReads]), ...(await lostWrites(members, work.ledger))];
}

/** Both checkers look at each key; what both give up on is a problem too, because nobody knows. */
export function judgeHistory(events: readonly HistoryEvent[]): string[] {
  const histories = [
    ...Map.groupBy(events, ({ operation }) => keysOf(operation)[0] ?? "").entries(),
  ];
  const canAskPorcupine = needs("porcupine").skip === undefined;
  const theirs = canAskPorcupine ? porcupineVerdicts(histories.map(([, history]) => history)) : [];
  return histories.flatMap(([key, history], at) => {
    const ours = checkLinearizable(history);
    if (ours.kind === "violation") return [ours.report];
    if (theirs[at] === "illegal") return [`porcupine finds the history of ${key} not linearizable`];
    const isDecided = ours.kind === "ok" || theirs[at] === "ok";
    return isDecided ? [] : [`the history of ${key} could not be judged`];
  });
}

async function readAll(
  { members, connect }: JudgedCluster,
  events: readonly HistoryEvent[],
): Promise<HistoryEvent[]> {
  const reads: HistoryEvent[] = [];
  const record = (event: HistoryEvent): number => reads.push(event);
  const client = new RecordingClient({
    ...{ client: lastReader, deadlineMs: 10_000, record, connect },
  });
  const keys = new Set(events.flatMap(({ operation }) => keysOf(operation)));
  let turn = 0;
  try {
    for (const key of keys) {
      const member = members[turn++ % members.length] as JudgedMember;
      const read = async (): Promise<true | undefined> =>
        (await client.run(member.address, { kind: "get", key })) === "failed" ? undefined : true;
      await until(`a last read of ${key} through ${member.name}`, read);
    }
  } finally {
    client.close();
  }
  return reads;
}

async function lostWrites(
  members: readonly JudgedMember[],
  ledger: ReadonlyMap<string, string>,
): Promise<string[]> {
  const lost: string[] = [];
  for (const member of members) {
    const range = () => member.client.range(ledgerPrefix, { isPrefix: true });
    const { kvs } = await until("the ledger", range);
    const found = new Map(kvs.map(({ key, value }) => [textOf(key), textOf(value)]));
    for (const [key, value] of ledger) {
      if (found.get(key) === value) continue;
      lost.push(`${member.name} has lost ${key}: ${found.get(key) ?? "nothing"}, not ${value}`);
    }
  }
  return lost;
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

async function differences(members: readonly JudgedMember[]): Promise<string[]> {
  // A linearizable read through a member waits until it has applied what was committed before.
  const revisions = await Promise.all(
    members.map(
      async (member) =>
        (await until("a revision", () => member.client.range("none"))).header.revision,
    ),
  );
  const newest = Math.min(...revisions);
  const hashesAt = (revision: number): Promise<HashKv[]> =>
    Promise.all(members.map(({ client }) => until("a hash", () => client.hashKv({ revision }))));
  // Of what is below a compaction there is no hash.
  const compacted = (await hashesAt(newest)).map(({ compactRevision }) => compactRevision);
  const older = Math.max(1, Math.floor(newest / 2), ...compacted);
  const problems: string[] = [];
  for (const revision of new Set([newest, older])) {
    const hashes = await hashesAt(revision);
    if (new Set(hashes.map(({ hash }) => hash)).size > 1) {
      const list = hashes.map(({ hash }, at) => `${members[at]?.name ?? ""} ${hash}`).join(", ");
      problems.push(`HashKV at revision ${revision} differs: ${list}`);
    }
  }
  return problems;
}
