/**
 * Elections: who has the oldest key below the name leads, and its value is what the leader proclaims (etcd client/v3/concurrency/election.go,
 * server api/v3election).
 */
import { compareBytes, emptyBytes } from "../lib/bytes.ts";
import { mvccpb } from "../proto/generated/messages.js";
import { int64Long, longToNumber } from "../proto/long.ts";
import {
  ConcurrencyError,
  contendersOf,
  createdAt,
  type Header,
  type KeySpace,
  oldestOf,
} from "./key-space.ts";
import { ignoreRefusal } from "./mutex.ts";
import { join, waitForTurn } from "./queue.ts";

export interface Candidacy {
  readonly name: Uint8Array;
  readonly lease: bigint;
  readonly value: Uint8Array;
  /** Gives it up. */
  readonly signal: AbortSignal;
}

/** The proof of leadership: true as long as the key with this create revision exists. */
export interface Office {
  readonly key: Uint8Array;
  readonly revision: number;
  readonly lease: bigint;
}

export interface Leader {
  readonly header: Header;
  /** Its value is what was proclaimed. */
  readonly kv: mvccpb.KeyValue.$Properties;
}

/**
 * Waits for the office. A lease that stands already proclaims the value if it is another one. Given up while it waits, the candidate leaves
 * the queue. As on etcd the key is not looked at again in the end: a lease that ended meanwhile is found out by the first `proclaim`.
 */
export async function campaign(
  keys: KeySpace,
  candidacy: Candidacy,
): Promise<{ readonly header: Header; readonly office: Office }> {
  const { name, lease, value, signal } = candidacy;
  const contenders = contendersOf(name);
  const place = await join(keys, { contenders, lease, value });
  const { key, revision, header, found } = place;
  const office = { key, revision, lease };
  if (found !== undefined && compareBytes(found.value ?? emptyBytes, value) !== 0)
    await proclaim(keys, office, value);
  if (place.isFirst) return { header, office };
  try {
    await waitForTurn(keys, contenders, revision, signal);
  } catch (error) {
    if (signal.aborted) await resign(keys, office).catch(ignoreRefusal);
    throw error;
  }
  return { header, office };
}

/** Changes the value. Rejects when the office is lost. */
export async function proclaim(
  keys: KeySpace,
  { key, revision, lease }: Office,
  value: Uint8Array,
): Promise<Header> {
  const answer = await keys.txn({
    compare: [createdAt(key, revision)],
    success: [{ requestPut: { key, value, lease: int64Long(lease) } }],
  });
  if (answer.succeeded !== true) throw new ConcurrencyError("election: not leader");
  return answer.header ?? {};
}

/** Without effect when the office is lost. */
export async function resign(
  keys: KeySpace,
  { key, revision }: Pick<Office, "key" | "revision">,
): Promise<Header> {
  const answer = await keys.txn({
    compare: [createdAt(key, revision)],
    success: [{ requestDeleteRange: { key } }],
  });
  return answer.header ?? {};
}

/** Rejects when nobody leads. */
export async function leader(keys: KeySpace, name: Uint8Array): Promise<Leader> {
  const { header, kvs } = await keys.range(oldestOf(contendersOf(name)));
  const kv = kvs?.[0];
  if (kv === undefined) throw new ConcurrencyError("election: no leader");
  return { header: header ?? {}, kv };
}

/**
 * Who leads now, each proclamation, and each next leader. Of what happens between the end of a leader and the look for the next one only
 * the last state is told. Goes on until the signal is aborted; rejects when a look is refused.
 */
export async function* observe(
  keys: KeySpace,
  name: Uint8Array,
  signal: AbortSignal,
): AsyncGenerator<Leader, void, undefined> {
  while (!signal.aborted) {
    const leader = await nextLeader(keys, name, signal);
    if (leader === undefined) continue;
    yield leader;
    const key = leader.kv.key ?? emptyBytes;
    const startRevision = longToNumber(leader.header.revision) + 1;
    yield* proclamations(keys, { key, startRevision }, signal);
  }
}

/** The present leader or, if there is none, the first to come. Undefined when the watch ended before. */
async function nextLeader(
  keys: KeySpace,
  name: Uint8Array,
  signal: AbortSignal,
): Promise<Leader | undefined> {
  const { prefix, end } = contendersOf(name);
  const { header, kvs } = await keys.range(oldestOf({ prefix, end }));
  const present = kvs?.[0];
  if (present !== undefined) return { header: header ?? {}, kv: present };
  const startRevision = longToNumber(header?.revision) + 1;
  const watched = { key: prefix, rangeEnd: end, startRevision, without: "deletions" } as const;
  for await (const { header: current, events } of keys.watch(watched, signal)) {
    const kv = events[0]?.kv ?? {};
    // The response may tell of later revisions too, which the watch of the leader's key must not leave out.
    return { header: { ...current, revision: kv.modRevision ?? null }, kv };
  }
  return undefined;
}

/** Of one leader, until its key is gone. */
async function* proclamations(
  keys: KeySpace,
  { key, startRevision }: { readonly key: Uint8Array; readonly startRevision: number },
  signal: AbortSignal,
): AsyncGenerator<Leader, void, undefined> {
  const watched = { key, startRevision, without: "nothing" } as const;
  for await (const { header, events } of keys.watch(watched, signal)) {
    for (const { type, kv } of events) {
      if (type === mvccpb.Event.EventType.DELETE) return;
      yield { header, kv: kv ?? {} };
    }
  }
}
