/**
 * What members say of themselves: through etcdctl who leads, how far they applied and what their stores hash to, and over
 * gRPC which keys of the load generator they hold.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { KvConnection } from "../support/kv-connection.ts";
import { peer } from "../support/peers.ts";
import type { ServerTls } from "../support/server-process.ts";
import { tlsClientFlags } from "./certificates.ts";

export interface MemberStatus {
  target: string;
  isLeader: boolean;
  /** Every member that answers with the same leader has the same number here, 0 for none; only good for comparing. */
  leader: number;
  revision: number;
  term: number;
}

export interface StoreHash {
  target: string;
  hash: number;
  compactRevision: number;
  /** The revision hashed; of a server that does not tell, the one asked for. */
  hashRevision: number;
}

const run = promisify(execFile);
const timeoutMs = 60_000;

/** In the order of `targets`. Rejects when one of them does not answer. */
export async function statusOf(
  targets: readonly string[],
  tls?: ServerTls,
): Promise<MemberStatus[]> {
  interface Answer {
    Endpoint: string;
    // Ids have 64 bits and are rounded here, equal ones alike.
    Status: {
      header: { member_id: number; revision: number; raft_term?: number };
      leader?: number;
    };
  }
  const answers = (await ask(targets, ["endpoint", "status"], tls)) as Answer[];
  return inOrder(
    targets,
    answers.map(({ Endpoint, Status: { header, leader = 0 } }) => ({
      target: targetOf(Endpoint),
      isLeader: leader === header.member_id,
      leader,
      revision: header.revision,
      term: header.raft_term ?? 0,
    })),
  );
}

/** HashKV at one revision, in the order of `targets`. Rejects when a member does not have that revision. */
export async function hashesOf(
  targets: readonly string[],
  revision: number,
  tls?: ServerTls,
): Promise<StoreHash[]> {
  interface Answer {
    Endpoint: string;
    HashKV: { hash?: number; compact_revision?: number; hash_revision?: number };
  }
  const args = ["endpoint", "hashkv", `--rev=${revision}`];
  const answers = (await ask(targets, args, tls)) as Answer[];
  return inOrder(
    targets,
    answers.map(({ Endpoint, HashKV }) => ({
      target: targetOf(Endpoint),
      hash: HashKV.hash ?? 0,
      compactRevision: HashKV.compact_revision ?? 0,
      hashRevision: HashKV.hash_revision ?? revision,
    })),
  );
}

async function ask(
  targets: readonly string[],
  args: readonly string[],
  tls: ServerTls | undefined,
): Promise<unknown> {
  const endpoints = tls === undefined ? targets : targets.map((target) => `https://${target}`);
  const flags = [
    `--endpoints=${endpoints.join(",")}`,
    `--command-timeout=${timeoutMs}ms`,
    "-w=json",
    ...tlsClientFlags(tls),
  ];
  const { stdout } = await run(peer("etcdctl"), [...args, ...flags]);
  return JSON.parse(stdout);
}

const targetOf = (endpoint: string): string => endpoint.replace(/^https:\/\//, "");

function inOrder<T extends { target: string }>(targets: readonly string[], found: T[]): T[] {
  return targets.map((target) => {
    const one = found.find((candidate) => candidate.target === target);
    if (one === undefined) throw new Error(`${target} did not answer`);
    return one;
  });
}

const keyPrefix = "/registry/configmaps/default/item-";
const keyDigits = 10;
const pageKeys = 4000;

/** The ids, from `first` on, of the load generator's keys (test/peers/load/keys.go) that a member holds. */
export async function keyIdsFrom(target: string, first: number): Promise<Set<number>> {
  const connection = new KvConnection(target, timeoutMs);
  const ids = new Set<number>();
  try {
    let from = `${keyPrefix}${String(first).padStart(keyDigits, "0")}`;
    for (;;) {
      const { keys, more } = await connection.page(from, pageKeys);
      for (const { key } of keys) ids.add(Number(key.slice(keyPrefix.length)));
      const last = keys.at(-1);
      if (!more || last === undefined) return ids;
      from = `${last.key}\0`;
    }
  } finally {
    connection.close();
  }
}

/** What differs between the members' stores; empty when all have the same at `revision`. */
export function disagreements(
  statuses: readonly MemberStatus[],
  hashes: readonly StoreHash[],
): string[] {
  const distinct = (values: readonly (number | string)[]) => new Set(values).size > 1;
  const problems: string[] = [];
  const revisions = statuses.map(({ revision }) => revision);
  if (distinct(revisions)) problems.push(`the members' revisions are ${revisions.join(", ")}`);
  const kept = hashes.map(({ hash, compactRevision }) => `${hash} (compacted ${compactRevision})`);
  if (distinct(kept)) problems.push(`the members' HashKV are ${kept.join(", ")}`);
  return problems;
}
