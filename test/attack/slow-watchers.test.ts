/**
 * Watchers that read slowly, or not at all, beside one that reads all: the member keeps nothing for them, and when they read on they miss
 * nothing. What they cost the honest writer is told, not judged.
 */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { KvConnection } from "../support/kv-connection.ts";
import { OneMember } from "../support/one-member.ts";
import { MemoryWatch, residentBytes } from "./process-usage.ts";
import { WatchReader } from "./watch-reader.ts";

interface Case {
  readonly name: string;
  readonly slow: number;
  readonly pauseMs: number;
  readonly puts: number;
  readonly valueBytes: number;
}

const key = "watched";
const putsInFlight = 50;
/** Beside what the same writes take without slow watchers. A member that kept their events would need twice that, or more. */
const extraMibMax = 200;
const day = 86_400_000;

const cases: readonly Case[] = [
  {
    name: "20 that read 10 responses a second",
    slow: 20,
    pauseMs: 100,
    puts: 10_000,
    valueBytes: 2048,
  },
  { name: "10 that do not read", slow: 10, pauseMs: day, puts: 800, valueBytes: 65_536 },
];

interface Outcome {
  readonly growthMib: number;
  readonly putsPerSecond: number;
}

/** Writes beside an honest watcher, which must have all events. */
async function write(member: OneMember, { puts, valueBytes }: Case): Promise<Outcome> {
  const { pid } = member.server;
  assert.ok(pid !== undefined);
  const client = new KvConnection(member.address);
  const honest = new WatchReader(member.address, key);
  const memory = new MemoryWatch(pid);
  try {
    await honest.created;
    const before = residentBytes(pid);
    const startMs = performance.now();
    let left = puts;
    const one = async (): Promise<void> => {
      while (left-- > 0) await client.put(key, "v".repeat(valueBytes));
    };
    await Promise.all(Array.from({ length: putsInFlight }, one));
    const putsPerSecond = puts / ((performance.now() - startMs) / 1000);
    await honest.until(puts);
    assertWhole(honest, puts);
    return { growthMib: (memory.peakBytes - before) / 2 ** 20, putsPerSecond };
  } finally {
    memory.stop();
    honest.close();
    client.close();
  }
}

/** Every put is one revision. */
function assertWhole({ revisions }: WatchReader, puts: number): void {
  assert.equal(revisions.length, puts);
  const first = revisions[0] ?? 0;
  assert.ok(revisions.every((revision, at) => revision === first + at));
}

async function run(t: TestContext, chosen: Case): Promise<void> {
  const growth: Outcome[] = [];
  for (const slow of [0, chosen.slow]) {
    const member = await OneMember.start();
    const readers = Array.from(
      { length: slow },
      () => new WatchReader(member.address, key, chosen.pauseMs),
    );
    try {
      await Promise.all(readers.map((reader) => reader.created));
      growth.push(await write(member, chosen));
      for (const reader of readers) reader.setPause(0);
      for (const reader of readers) {
        await reader.until(chosen.puts);
        assertWhole(reader, chosen.puts);
      }
    } finally {
      for (const reader of readers) reader.close();
      await member.stop();
    }
  }
  const [alone, beside] = growth;
  assert.ok(alone !== undefined && beside !== undefined);
  const told = ({ growthMib, putsPerSecond }: Outcome): string =>
    `${putsPerSecond.toFixed(0)} puts/s and ${growthMib.toFixed(0)} MiB more`;
  t.diagnostic(`alone ${told(alone)}, beside slow watchers ${told(beside)}`);
  assert.ok(
    beside.growthMib < alone.growthMib + extraMibMax,
    `memory grew by ${beside.growthMib} MiB, without slow watchers by ${alone.growthMib}`,
  );
}

describe("slow watchers", () => {
  for (const chosen of cases) test(chosen.name, (t) => run(t, chosen));
});
