/**
 * A disk that is full, or whose sync fails, at every single operation of a member's life: the member ends with one message that
 * names the file, and once the disk is well again it starts, with everything acknowledged.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { toText } from "../../node/lib/bytes.ts";
import { DiskError } from "../../node/lib/disk-error.ts";
import { internalRequest } from "../../node/proto/internal-raft-codec.ts";
import { KeyValueView } from "../../node/proto/key-value.ts";
import type { Member } from "../../node/server/member.ts";
import type { Operation } from "../support/memory-fs.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { encodePut } from "../unit/apply/apply-lab.ts";
import { MemberLab } from "../unit/server/member-lab.ts";

const failures = {
  full: { code: "ENOSPC", hits: ["write", "create"] },
  sync: { code: "EIO", hits: ["sync"] },
} as const;

interface Case {
  readonly kind: keyof typeof failures;
  /** The operation that fails, counted from the member's birth. */
  readonly at: number;
  /** A full disk stays full; a disk may also fail once. */
  readonly isLasting: boolean;
}

/** The disk of a lab, which fails where the case says. */
class FaultyDisk {
  seen = 0;
  /** The fault has struck. */
  hasFailed = false;
  private readonly one: Case;

  constructor(one: Case) {
    this.one = one;
  }

  readonly fault = (operation: Operation): Error | undefined => {
    const { kind, at, isLasting } = this.one;
    const { code, hits } = failures[kind];
    if (!(hits as readonly Operation[]).includes(operation)) return undefined;
    this.seen += 1;
    if (this.seen < at || (this.seen > at && !isLasting)) return undefined;
    this.hasFailed = true;
    return Object.assign(new Error(`${code}: injected`), { code });
  };
}

const puts = 160;

/** Puts one after the other until the member ends; what was acknowledged, and how the member ended. */
async function live(
  lab: MemberLab,
  random: SeededRandom,
): Promise<{ acknowledged: Map<string, string>; unsure: string | undefined; errors: Error[] }> {
  const acknowledged = new Map<string, string>();
  const errors: Error[] = [];
  let unsure: string | undefined;
  let member: Member;
  try {
    member = await lab.start();
  } catch (error) {
    // A process would have ended at the first of them.
    return { acknowledged, unsure, errors: [...lab.fatal, error as Error].slice(0, 1) };
  }
  for (let at = 0; at < puts && lab.fatal.length === 0; at++) {
    const key = `key/${random.below(40)}`;
    const value = `${at} `.padEnd(random.below(500), "x");
    const result = await lab.propose(member, internalRequest.put, encodePut(key, value));
    if (typeof result === "string") unsure = key;
    else acknowledged.set(key, value);
    if (random.chance(0.1)) await lab.pass(50);
  }
  errors.push(...lab.fatal);
  return { acknowledged, unsure, errors };
}

function checkMessage(error: Error | undefined, one: Case): void {
  assert.ok(error instanceof DiskError, `${JSON.stringify(one)}: ${String(error)}`);
  assert.match(error.message, /\/data\/member\/(wal|snap)/);
  assert.match(
    error.message,
    one.kind === "full" ? /is full: make room on it/ : /has failed: look into the system's log/,
  );
}

/** Undefined when the fault never came, because the member's life was too short for it. */
async function runCase(one: Case): Promise<"ended" | "survived" | undefined> {
  const lab = new MemberLab();
  const disk = new FaultyDisk(one);
  lab.fs.setFault(disk.fault);
  const { acknowledged, unsure, errors } = await live(lab, new SeededRandom(one.at * 7 + 1));
  if (!disk.hasFailed) return undefined;
  assert.ok(errors.length <= 1, errors.join("\n"));
  if (errors.length > 0) checkMessage(errors[0], one);
  lab.fatal.length = 0;
  lab.fs.setFault(undefined);
  // With room again; what was never synced may be gone.
  lab.crash(one.at % 2 === 0 ? "nothing" : "everything");
  const member = await lab.start();
  const found = pairsOf(member);
  for (const [key, value] of acknowledged) {
    if (key !== unsure) assert.equal(found.get(key), value, `${JSON.stringify(one)}: ${key}`);
  }
  assert.deepEqual(lab.fatal, []);
  return errors.length > 0 ? "ended" : "survived";
}

/** All keys with their values. */
function pairsOf(member: Member): Map<string, string> {
  const pairs = new Map<string, string>();
  const [key, rangeEnd] = [Buffer.from([0]), Buffer.from([0])];
  const query = { key, rangeEnd, revision: 0, limit: 0, countOnly: false };
  member.store.range(query, (bytes, start, end) => {
    const view = new KeyValueView();
    view.decode(bytes, start, end);
    const { keyStart, keyEnd, valueStart, valueEnd } = view;
    pairs.set(
      toText(bytes.subarray(keyStart, keyEnd)),
      toText(bytes.subarray(valueStart, valueEnd)),
    );
  });
  return pairs;
}

suite("every operation of a disk in memory fails once", () => {
  for (const kind of ["full", "sync"] as const) {
    for (const isLasting of [true, false]) {
      test(`${kind}, ${isLasting ? "for good" : "once"}`, async () => {
        const ends = { ended: 0, survived: 0 };
        for (let at = 1; ; at++) {
          const end = await runCase({ kind, at, isLasting });
          if (end === undefined) break;
          ends[end] += 1;
        }
        assert.ok(ends.ended > 20, JSON.stringify(ends));
      });
    }
  }
});
