/** One attack on a running member, with an honest client beside it: what it cost and what ended it. */
import { setTimeout as sleep } from "node:timers/promises";
import { KvConnection } from "../support/kv-connection.ts";
import type { OneMember } from "../support/one-member.ts";
import type { Attack } from "./attack.ts";
import { type AttackReport, launch } from "./attacker.ts";
import { cpuSeconds, MemoryWatch, residentBytes } from "./process-usage.ts";
import { bigKey, bigValueBytes } from "./requests.ts";

export interface Trial {
  readonly attack: Attack;
  readonly report: AttackReport;
  readonly startBytes: number;
  readonly peakBytes: number;
  /** A second after the attack, and a few honest Puts later. */
  readonly afterBytes: number;
  /** Of one core. */
  readonly cpuPercent: number;
  /** Of the honest client's Puts, in the order they were made. */
  readonly putMs: readonly number[];
  /** Honest Puts that failed. */
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
  const durationMs = Math.max(leastMs, attack.leastMs ?? 0);
  const { pid } = member.server;
  if (pid === undefined) throw new Error("the member has no process");
  const client = new KvConnection(member.address);
  const memory = new MemoryWatch(pid);
  try {
    await client.put("attack/honest", "first");
    const startBytes = residentBytes(pid);
    const startCpu = cpuSeconds(pid);
    const startMs = performance.now();
    const launched = launch({ name: attack.name, port: member.port, durationMs });
    const honest = putUntil(client, startMs + durationMs, attack.honestValueBytes);
    const [report, puts] = await Promise.all([launched, honest]);
    const cpuPercent = ((cpuSeconds(pid) - startCpu) / (performance.now() - startMs)) * 1e5;
    await putUntil(client, performance.now() + 300);
    await sleep(Math.min(1_000, durationMs));
    const afterBytes = residentBytes(pid);
    return { attack, report, startBytes, afterBytes, cpuPercent, ...puts, ...peakOf(memory) };
  } finally {
    memory.stop();
    client.close();
  }
}

function peakOf({ peakBytes }: MemoryWatch): { peakBytes: number } {
  return { peakBytes };
}

/** One Put after the other. */
async function putUntil(
  client: KvConnection,
  endMs: number,
  valueBytes = 0,
): Promise<{ putMs: number[]; errors: string[] }> {
  const putMs: number[] = [];
  const errors: string[] = [];
  while (performance.now() < endMs) {
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
