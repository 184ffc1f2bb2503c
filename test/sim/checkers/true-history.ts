/**
 * The cluster's one true history: a plain model of keys, revisions and leases, fed with each entry once it is first seen to be committed, in
 * the order of the log. Watchers and leases are judged by it. It shares no code with the members beyond the decoding of messages.
 */
import type { Entry } from "../../../node/raft/types.ts";
import { CommittedRequests, type ModelRequest, type ModelWrite } from "./committed-requests.ts";

export interface ModelKey {
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  /** 0n for none. */
  readonly lease: bigint;
}

export interface ModelEvent {
  readonly key: string;
  readonly revision: number;
  /** Undefined for a deletion. */
  readonly put: ModelKey | undefined;
  /** The key before the event's transaction. */
  readonly before: ModelKey | undefined;
}

export interface ModelLease {
  readonly id: bigint;
  readonly ttlSeconds: number;
  /** Simulated time at which its grant was first seen to be committed. */
  readonly grantedMs: number;
  readonly keys: Set<string>;
}

export interface TrueHistoryOptions {
  readonly nowMs: () => number;
  /** A shorter time to live is raised to this by the members. */
  readonly minTtlSeconds: number;
  /** Revoked by a committed entry. `isByClient`: it was a request that somebody waits for, and not the leader's own. */
  readonly onRevoked: (lease: ModelLease, isByClient: boolean) => void;
}

interface LeaseState {
  readonly index: number;
  readonly text: string;
}

export class TrueHistory {
  revision = 1;
  compactRevision = 0;
  readonly leases = new Map<bigint, ModelLease>();
  private readonly options: TrueHistoryOptions;
  private readonly requests = new CommittedRequests();
  private readonly keys = new Map<string, ModelKey>();
  /** By revision. */
  private readonly events: (readonly ModelEvent[])[] = [];
  /** What all leases and their keys were from some index on; by index. */
  private readonly leaseStates: LeaseState[] = [{ index: 0, text: "" }];
  /** Committed, but one before it was not seen yet. */
  private readonly early = new Map<number, Entry>();
  private index = 0;
  /** Changes of leases, or of their keys. */
  private leaseMoves = 0;

  constructor(options: TrueHistoryOptions) {
    this.options = options;
  }

  /** The index of the last entry in it. */
  get lastIndex(): number {
    return this.index;
  }

  /** An entry was seen to be committed, for the first time. */
  committed(entry: Entry): void {
    this.early.set(entry.index, entry);
    let next = this.early.get(this.index + 1);
    while (next !== undefined) {
      this.early.delete(next.index);
      this.index = next.index;
      this.apply(next);
      next = this.early.get(this.index + 1);
    }
  }

  /** Events of the keys in [key, end) from one revision to another, both included. `end` undefined is the one key, "\0" is no end. */
  between(
    range: { readonly key: string; readonly end: string | undefined },
    from: number,
    to: number,
  ): ModelEvent[] {
    const found: ModelEvent[] = [];
    for (let at = from; at <= to; at++)
      for (const event of this.events[at] ?? []) if (isIn(range, event.key)) found.push(event);
    return found;
  }

  /** All leases and their keys behind the entry `index`, as `leaseText` has them. Undefined for an entry that was not seen. */
  leasesAt(index: number): string | undefined {
    return index > this.index
      ? undefined
      : this.leaseStates.findLast((state) => state.index <= index)?.text;
  }

  private apply({ type, data, index }: Entry): void {
    const request = this.requests.decode(type, data);
    if (request === undefined) return;
    const before = this.leaseMoves;
    this.execute(request);
    if (this.leaseMoves === before) return;
    const leases = [...this.leases.values()].map(({ id, ttlSeconds, keys }) => ({
      id,
      ttlSeconds,
      keys: [...keys],
    }));
    this.leaseStates.push({ index, text: leaseText(leases) });
  }

  private execute(request: ModelRequest): void {
    switch (request.kind) {
      case "write":
        if (!request.compares.every(({ key, holds }) => holds(this.keys.get(key)))) return;
        if (request.writes.some(({ lease }) => lease !== 0n && !this.leases.has(lease))) return;
        this.transaction(request.writes);
        return;
      case "compact":
        if (request.revision > this.compactRevision && request.revision <= this.revision)
          this.compactRevision = request.revision;
        return;
      case "grant": {
        const { id } = request;
        if (this.leases.has(id)) return;
        const ttlSeconds = Math.max(request.ttlSeconds, this.options.minTtlSeconds);
        const grantedMs = this.options.nowMs();
        this.leases.set(id, { id, ttlSeconds, grantedMs, keys: new Set() });
        this.leaseMoves += 1;
        return;
      }
      case "revoke":
        this.revoke(request.id, request.isByClient);
    }
  }

  private revoke(id: bigint, isByClient: boolean): void {
    const lease = this.leases.get(id);
    if (lease === undefined) return;
    const keys = [...lease.keys].sort();
    this.transaction(keys.map((key) => ({ key, end: undefined, value: undefined, lease: 0n })));
    this.leases.delete(id);
    this.leaseMoves += 1;
    this.options.onRevoked(lease, isByClient);
  }

  private transaction(writes: readonly ModelWrite[]): void {
    const revision = this.revision + 1;
    const before = new Map<string, ModelKey | undefined>();
    const events: ModelEvent[] = [];
    for (const write of writes) {
      for (const key of this.keysOf(write)) {
        if (!before.has(key)) before.set(key, this.keys.get(key));
        const put = this.set(key, write, revision);
        events.push({ key, revision, put, before: before.get(key) });
      }
    }
    if (events.length === 0) return;
    this.revision = revision;
    this.events[revision] = events;
  }

  /** Those that a write touches, in their order. */
  private keysOf({ key, end, value }: ModelWrite): readonly string[] {
    if (value !== undefined) return [key];
    return [...this.keys.keys()].filter((one) => isIn({ key, end }, one)).sort();
  }

  private set(key: string, { value, lease }: ModelWrite, revision: number): ModelKey | undefined {
    const old = this.keys.get(key);
    if (old !== undefined && old.lease !== 0n) {
      this.leases.get(old.lease)?.keys.delete(key);
      this.leaseMoves += 1;
    }
    if (value === undefined) {
      this.keys.delete(key);
      return undefined;
    }
    const put: ModelKey = {
      key,
      value,
      createRevision: old?.createRevision ?? revision,
      modRevision: revision,
      version: (old?.version ?? 0) + 1,
      lease,
    };
    this.keys.set(key, put);
    if (lease !== 0n) {
      this.leases.get(lease)?.keys.add(key);
      this.leaseMoves += 1;
    }
    return put;
  }
}

/** One text for equal leases with equal keys, whatever their order. */
export function leaseText(
  leases: readonly {
    readonly id: bigint;
    readonly ttlSeconds: number;
    readonly keys: readonly string[];
  }[],
): string {
  return leases
    .map(({ id, ttlSeconds, keys }) => `${id}/${ttlSeconds}s[${keys.toSorted().join(" ")}]`)
    .sort()
    .join(" ");
}

function isIn(
  range: { readonly key: string; readonly end: string | undefined },
  key: string,
): boolean {
  if (range.end === undefined) return key === range.key;
  return key >= range.key && (range.end === "\0" || key < range.end);
}
