/** Bugs of watches and leases that stores like this one have had, planted as those of planted-bugs.ts are. */
import { edit, type PlantedBug } from "./planted-bug.ts";

const catchUp = "node/mvcc/watch/catch-up.ts";
const hub = "node/mvcc/watch/watch-hub.ts";
const lessor = "node/lease/lessor.ts";
const keeper = "node/server/lease-keeper.ts";

export const plantedWatchBugs: readonly PlantedBug[] = [
  {
    name: "an event lost between unsynced and synced",
    // Histories of a run are short: slices are made short too.
    eases: [edit(catchUp, "const sliceRecordsMax = 2000;", "const sliceRecordsMax = 5;")],
    edits: [
      edit(catchUp, "  ordinal: number;\n}", "  ordinal: number;\n  readonly until: number;\n}"),
      edit(
        catchUp,
        "ordinal: history.records.log.ordinalAt(from - 1) };",
        "ordinal: history.records.log.ordinalAt(from - 1), until: history.wholeOrdinal };",
      ),
      edit(catchUp, "const { wholeOrdinal } = history;", "const wholeOrdinal = pass.until;"),
      edit(
        catchUp,
        "if (pass.ordinal >= this.history.wholeOrdinal)",
        "if (pass.ordinal >= pass.until)",
      ),
      edit(
        hub,
        "        this.flush();\n        this.place(watcher);",
        "        this.flush();\n        this.sync(watcher);",
      ),
    ],
  },
  {
    name: "an event before its transaction is whole",
    eases: [
      edit(
        "node/apply/slices.ts",
        "export const sliceKeysDefault = 1000;",
        "export const sliceKeysDefault = 2;",
      ),
    ],
    edits: [
      edit(
        "node/mvcc/kv-store.ts",
        "    return this.whole;",
        "    return this.records.log.lastOrdinal;",
      ),
      edit(
        "node/server/member-turns.ts",
        "    if (this.state.store.isWriting) return;\n",
        "    if (this.state.store.isWriting) {\n      this.watches.applied();\n      return;\n    }\n",
      ),
    ],
  },
  {
    name: "progress ahead of an event",
    edits: [
      edit(
        "node/rpc/watch-stream.ts",
        "return hub.isSynced(watcher) &&",
        'return hub !== undefined && watcher.state !== "closed" &&',
      ),
    ],
  },
  {
    name: "an event again after a full stream is resumed",
    edits: [
      edit(
        hub,
        "      this.synced.delete(watcher);\n      watcher.next = next;",
        "      this.synced.delete(watcher);\n      watcher.next = next - 1;",
      ),
    ],
  },
  {
    name: "a watcher is not told that what it needs is compacted",
    edits: [
      edit(
        catchUp,
        "      this.delete(watcher);\n      this.owner.compacted(watcher);",
        "      watcher.next = compactRevision;",
      ),
    ],
  },
  {
    name: "watchers lost when a snapshot is installed",
    edits: [
      edit(
        hub,
        "    for (const watcher of all) this.place(watcher);",
        '    for (const watcher of all) watcher.state = "closed";',
      ),
    ],
  },
  {
    name: "events that a snapshot brings are not delivered",
    edits: [
      edit(
        hub,
        "      watcher.next = this.revisionBehindNotified();",
        "      watcher.next = history.currentRevision + 1;",
      ),
    ],
  },
];

export const plantedLeaseBugs: readonly PlantedBug[] = [
  {
    name: "a lease ended by a stale leader, whose revocation reaches its successor",
    edits: [
      edit(
        keeper,
        "    for (const id of expired) this.propose(internalRequest.leaseRevoke, encodeLeaseRevoke(id));",
        `    for (const id of expired) {
      this.options.timers.after(1500, () =>
        this.propose(internalRequest.leaseRevoke, encodeLeaseRevoke(id)),
      );
    }`,
      ),
      edit(keeper, '    if (node.role !== "leader") return false;\n', ""),
    ],
  },
  {
    name: "a new leader counts the time of leases from their grant",
    edits: [
      edit(
        lessor,
        "    this.save(lease);\n    if (this.primary)",
        "    this.save(lease);\n    lease.expiresAtMs = this.nowMs + lease.ttlSeconds * 1000;\n    if (this.primary)",
      ),
      edit(
        lessor,
        "      lease.expiresAtMs = this.endFromPromotion(lease);",
        "      if (lease.expiresAtMs === Infinity) lease.expiresAtMs = this.endFromPromotion(lease);",
      ),
      edit(lessor, "      lease.expiresAtMs = Infinity;\n", ""),
    ],
  },
  {
    name: "a key that moves to another lease stays with the first one",
    edits: [
      edit("node/mvcc/key-leases.ts", "    if (before !== 0n) this.detach(place, before);\n", ""),
    ],
  },
  {
    name: "the keys of a revoked lease stay",
    edits: [edit("node/apply/lease.ts", "    store.deleteRange(key, undefined);\n", "")],
  },
  {
    name: "a renewal by a leader that is not confirmed",
    // A new leader may give no time on top: what a client was told holds without it.
    eases: [
      edit(
        keeper,
        "lessor().promote(electionTimeoutMs)",
        "lessor().promote(electionTimeoutMs * 0)",
      ),
    ],
    edits: [
      edit(
        "node/server/lease-requests.ts",
        "      this.options.linearizableRead({",
        "      ((waiter: ReadWaiter) => waiter.readable())({",
      ),
    ],
  },
  {
    name: "the time of leases by the wall clock",
    edits: [
      edit(
        lessor,
        "    return this.options.clock.monotonicMs();",
        "    return this.options.clock.unixMs();",
      ),
    ],
  },
  {
    name: "a revocation that was lost is not proposed again",
    edits: [
      edit(
        lessor,
        "      queue.push({ id: lease.id, atMs: Math.max(dueMs, lease.revokedUntilMs) });",
        "      if (dueMs > nowMs) queue.push({ id: lease.id, atMs: dueMs });",
      ),
    ],
  },
];
