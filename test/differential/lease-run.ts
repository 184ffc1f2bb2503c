/**
 * One run over leases: both servers get the same random operations, one after the other, and every answer is compared. At the end so are all events
 * that a watch of everything has brought, which tell in what order the keys of each lease went. Now and then both are killed and started again.
 */
import type { ServerPair } from "../conformance/pair.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { type Asked, LeaseLabels, timeProblem } from "./lease-judge.ts";
import { type LeaseOperation, LeaseOperationSource } from "./lease-operations.ts";
import type { Message } from "./operations.ts";
import { connect, Difference, readable } from "./run.ts";
import { type Answer, decodeAnswer, encodeRequest, Service } from "./service.ts";
import { WatchClient } from "./watch-client.ts";

/** An election takes so long that the least time to live, half as much again, is longer than what a short lease is left to live. */
const electionTimeoutSeconds = 5;
export const leaseServerFlags = [`--election-timeout=${electionTimeoutSeconds * 1000}`];

export interface LeaseRunOptions {
  readonly seed: number;
  readonly operations: number;
  /** How often both servers are killed and started again, evenly spread. */
  readonly restarts: number;
  readonly onProgress?: (done: number) => void;
}

interface Side {
  readonly labels: LeaseLabels;
  /** Of the leases by label: when they began, and by how much a restart may have moved that. */
  readonly begun: Map<string, { readonly ttl: number; begun: Asked; grace: number }>;
}

interface Heard {
  readonly text: string;
  readonly tally: string;
  readonly problem: string | undefined;
}

/** Answers by method and code, such as "LeaseGrant 0". */
export async function runLeases(
  pair: ServerPair,
  options: LeaseRunOptions,
): Promise<ReadonlyMap<string, number>> {
  const source = new LeaseOperationSource(new SeededRandom(options.seed));
  const sides = [newSide(), newSide()] as const;
  const tally = new Map<string, number>();
  const restartEvery = Math.ceil((options.operations + 1) / (options.restarts + 1));
  let services = connect(pair);
  try {
    for (let done = 0; done < options.operations; done++) {
      if (done > 0 && done % restartEvery === 0) {
        services.close();
        await restart(pair, sides);
        services = connect(pair);
      }
      const operation = source.next();
      const [etcd, ours] = await Promise.all([
        hear(services.etcd, sides[0], operation),
        hear(services.ours, sides[1], operation),
      ]);
      const problems = [
        etcd.text === ours.text ? undefined : `etcd ${etcd.text}\nours ${ours.text}`,
        etcd.problem === undefined ? undefined : `etcd: ${etcd.problem}`,
        ours.problem === undefined ? undefined : `ours: ${ours.problem}`,
      ].filter((problem) => problem !== undefined);
      if (problems.length > 0) {
        const asked = JSON.stringify(operation, readable);
        const where = `seed ${options.seed}, operation ${done}: ${asked}`;
        throw new Difference(`${where}\n${problems.join("\n")}`);
      }
      tally.set(ours.tally, (tally.get(ours.tally) ?? 0) + 1);
      options.onProgress?.(done + 1);
    }
    await compareHistories(pair, sides, options.seed);
    return tally;
  } finally {
    services.close();
  }
}

const newSide = (): Side => ({ labels: new LeaseLabels(), begun: new Map() });

/** Holds all events since the beginning against each other. */
async function compareHistories(
  pair: ServerPair,
  [etcd, ours]: readonly [Side, Side],
  seed: number,
): Promise<void> {
  const [expected, actual] = await Promise.all([
    history(pair.etcd.address, etcd),
    history(pair.ours.address, ours),
  ]);
  const length = Math.max(expected.length, actual.length);
  for (let at = 0; at < length; at++) {
    if (expected[at] === actual[at]) continue;
    const texts = `etcd ${String(expected[at])}\nours ${String(actual[at])}`;
    throw new Difference(`seed ${seed}, event ${at} of the history\n${texts}`);
  }
}

/** Every event, up to one that is written for this. */
async function history(address: string, { labels }: Side): Promise<string[]> {
  const last = Buffer.from("last").toString("base64");
  const client = new WatchClient(address);
  const service = new Service(address);
  const events: string[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      const stream = client.open(
        (response) => {
          for (const event of response.events ?? []) {
            events.push(JSON.stringify(labels.labelled(event as unknown as Message)));
            if (event.kv.key === last) resolve();
          }
        },
        (status) => reject(new Error(`the watch of everything ended with ${status}`)),
      );
      const all = { key: Buffer.from("\0"), range_end: Buffer.from("\0"), start_revision: "1" };
      stream.write({ create_request: { ...all, prev_kv: true } });
      const request = { key: Buffer.from("last") };
      void service.call("Put", encodeRequest({ method: "Put", request }));
    });
    return events;
  } finally {
    client.close();
    service.close();
  }
}

async function restart(pair: ServerPair, sides: readonly Side[]): Promise<void> {
  const sentMs = performance.now();
  await pair.restart();
  const asked = { sentMs, answeredMs: performance.now() };
  for (const { begun } of sides) {
    // The new leader begins all of them anew, and gives them an election's time more.
    for (const one of begun.values()) {
      one.begun = asked;
      one.grace = electionTimeoutSeconds + (asked.answeredMs - asked.sentMs) / 1000;
    }
  }
}

async function hear(service: Service, side: Side, operation: LeaseOperation): Promise<Heard> {
  const { method } = operation;
  const request = side.labels.resolved(operation.request);
  const sentMs = performance.now();
  const answer = await service.call(method, encodeRequest({ method, request }));
  const asked = { sentMs, answeredMs: performance.now() };
  const [message] = answer.messages;
  const tally = `${method} ${answer.code}`;
  if (message === undefined)
    return { text: `${answer.code} "${answer.text}"`, tally, problem: undefined };
  const decoded = decodeAnswer(method, message);
  if (operation.label !== undefined) side.labels.learn(operation.label, String(decoded["ID"]));
  const labelled = side.labels.labelled(decoded);
  const { text, problem } = judged(side, operation, labelled, asked);
  return {
    text: `${answerText(answer)} ${text}`,
    tally: text.includes(notThere) ? `${tally} unknown` : tally,
    problem,
  };
}

const answerText = ({ code, messages }: Answer): string => `${code}, ${messages.length} messages`;
const notThere = '"not there"';

/** Takes the times out of the answer, and holds them against the clock. */
function judged(
  { begun }: Side,
  { method }: LeaseOperation,
  answer: Message,
  asked: Asked,
): { readonly text: string; readonly problem: string | undefined } {
  const { ID: id = "0" } = answer as { readonly ID?: string };
  const left = Number(answer["TTL"] ?? 0);
  if (method === "LeaseGrant") begun.set(id, { ttl: left, begun: asked, grace: 0 });
  if (method === "LeaseKeepAlive") {
    const known = begun.get(id);
    if (left > 0 && known !== undefined) begun.set(id, { ttl: left, begun: asked, grace: 0 });
    if (left <= 0)
      return { text: JSON.stringify({ ...answer, TTL: "not there" }), problem: undefined };
  }
  if (method !== "LeaseTimeToLive") return { text: JSON.stringify(answer), problem: undefined };
  if (left < 0)
    return { text: JSON.stringify({ ...answer, end: "not there" }), problem: undefined };
  const known = begun.get(id);
  const problem = known === undefined ? "an unknown lease" : timeProblem(left, { ...known, asked });
  return { text: JSON.stringify({ ...answer, TTL: undefined }), problem };
}
