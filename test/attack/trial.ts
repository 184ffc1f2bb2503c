/** One attack on a running member, with an honest client beside it: what it cost and what ended it. */
import { setTimeout as sleep } from "node:timers/promises";
import { KvConnection } from "../support/kv-connection.ts";
import type { OneMember } from "../support/one-member.ts";
import type { Attack } from "./attack.ts";
import { type AttackReport, launch } from "./attacker.ts";
import { handshakesUntil } from "./honest-handshakes.ts";
import { cpuSeconds, MemoryWatch, residentBytes } from "./process-usage.ts";
import { bigKey, bigValueBytes } from "./requests.ts";
import type { TlsMember } from "./tls-member.ts";

export interface Trial {
  readonly attack: Attack;
  readonly report: AttackReport;
  readonly startBytes: number;
  readonly peakBytes: number;
  /** A second after the attack, and a few honest Puts later. */
  readonly afterBytes: number;
  /** Of one core. */
  readonly cpuPercent: number;
  /** Of the honest client's Puts, or handshakes, in the order they were made. */
  readonly putMs: readonly number[];
  /** Those that failed. */
  readonly errors: readonly string[];
}

export async function prepare(member: OneMember): Promise<void> {
  const client = new KvConnection(member.address);
  try {
    await client.put(bigKey, "v".repeat(bigValueBytes));
    // The first calls compile and fill caches.
    for (let count = 0; count < 300; count++) await client.put("attack/honest", String(count));
  } finally {
    client.close();
  }
}

export async function runTrial(member: OneMember, attack: Attack, leastMs: number): Promise<Trial> {
  const client = new KvConnection(member.address);
  try {
    await client.put("attack/honest", "first");
    const puts = (isOver: () => boolean): Promise<Honest> =>
      putUntil(client, isOver, attack.honestValueBytes);
    return await trialBeside(puts, { member, attack, leastMs });
  } finally {
    client.close();
  }
}

/** The same of an attack on TLS. */
export function runTlsTrial(member: TlsMember, attack: Attack, leastMs: number): Promise<Trial> {
  const handshakes = (isOver: () => boolean): Promise<Honest> => handshakesUntil(member, isOver);
  return trialBeside(handshakes, { member, attack, leastMs });
}

type Honest = Pick<Trial, "putMs" | "errors">;

interface TrialOrder {
  readonly member: Pick<OneMember, "server" | "port">;
  readonly attack: Attack;
  readonly leastMs: number;
}

async function trialBeside(
  honestUntil: (isOver: () => boolean) => Promise<Honest>,
  { member, attack, leastMs }: TrialOrder,
): Promise<Trial> {
  const durationMs = Math.max(leastMs, attack.leastMs ?? 0);
  const { pid } = member.server;
  if (pid === undefined) throw new Error("the member has no process");
  const memory = new MemoryWatch(pid);
  try {
    const startBytes = residentBytes(pid);
    const startCpu = cpuSeconds(pid);
    const stands = Promise.withResolvers<undefined>();
    const order = { name: attack.name, port: member.port, durationMs };
    let isOver = false;
    const launched = launch(order, () => stands.resolve(undefined)).finally(() => (isOver = true));
    if (attack.isOnTls === true) await Promise.race([stands.promise, launched]);
    const startMs = performance.now();
    const isOverForHonest = attack.isOnTls === true ? () => isOver : untilMs(startMs + durationMs);
    const [report, puts] = await Promise.all([launched, honestUntil(isOverForHonest)]);
    const cpuPercent = ((cpuSeconds(pid) - startCpu) / (performance.now() - startMs)) * 1e5;
    await honestUntil(untilMs(performance.now() + 300));
    await sleep(Math.min(1_000, durationMs));
    const afterBytes = residentBytes(pid);
    return { attack, report, startBytes, afterBytes, cpuPercent, ...puts, ...peakOf(memory) };
  } finally {
    memory.stop();
  }
}

const untilMs =
  (endMs: number): (() => boolean) =>
  () =>
    performance.now() >= endMs;

function peakOf({ peakBytes }: MemoryWatch): { peakBytes: number } {
  return { peakBytes };
}

/** One Put after the other. */
async function putUntil(
  client: KvConnection,
  isOver: () => boolean,
  valueBytes = 0,
): Promise<{ putMs: number[]; errors: string[] }> {
  const putMs: number[] = [];
  const errors: string[] = [];
  while (!isOver()) {
    const startMs = performance.now();
    try {
      await client.put("attack/honest", String(startMs).padEnd(valueBytes));
      putMs.push(performance.now() - startMs);
    } catch (error) {
      errors.push(String(error));
    }
  }
  return { putMs, errors };
}

/** NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
