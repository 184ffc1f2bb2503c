/** The properties of thesis figure 3.2, checked event by event against what the nodes say and what is on their disks. */
import assert from "node:assert/strict";
import { idToHex, type MemberId } from "../../../node/lib/units.ts";
import type { RawNode } from "../../../node/raft/raw-node.ts";
import type { Entry, HardState, SnapshotMetadata } from "../../../node/raft/types.ts";

/** What a crash leaves. */
export interface Disk {
  hardState: HardState;
  snapshot: SnapshotMetadata;
  entries: Entry[];
}

/** Remembers all of a run. */
export class SafetyChecker {
  private readonly leaderOf = new Map<number, MemberId>();
  /** By index: term and data that some node has applied. */
  private readonly applied: string[] = [];
  /** By index and term: data, and the term before. */
  private readonly written = new Map<string, string>();

  /** The newest entry that any node has applied. */
  get lastApplied(): number {
    return Math.max(0, this.applied.length - 1);
  }

  /** State machine safety: nobody applies another entry at this index. True if nobody had applied it before. */
  apply({ index, term, type, data }: Entry): boolean {
    const what = `${term} ${type} ${Buffer.from(data).toString("hex")}`;
    const before = this.applied[index];
    assert.equal(what, before ?? what, `state machine safety at ${index}`);
    this.applied[index] = what;
    return before === undefined;
  }

  /**
   * Election safety: it is the only leader of its term. Leader completeness: when it begins, all that anybody applied is on its disk. True
   * if it begins now.
   */
  checkLeader(node: RawNode, disk: Disk): boolean {
    const known = this.leaderOf.get(node.term);
    assert.equal(idToHex(known ?? node.id), idToHex(node.id), `two leaders in term ${node.term}`);
    if (known !== undefined) return false;
    this.leaderOf.set(node.term, node.id);
    for (let index = disk.snapshot.index + 1; index < this.applied.length; index++) {
      const [ofTerm] = (this.applied[index] ?? "").split(" ");
      assert.equal(`${termOnDisk(disk, index)}`, ofTerm, `leader completeness at ${index}`);
    }
    return true;
  }

  /** What a leader calls committed is of its own term, and on the disks of a majority, of each half of the configuration. */
  checkCommit(node: RawNode, diskOf: (id: MemberId) => Disk): void {
    const index = node.committed;
    const { voters, votersOutgoing } = node.status().confState;
    const own = termOnDisk(diskOf(node.id), index) ?? node.term;
    assert.equal(own, node.term, `an entry of an older term committed by counting, at ${index}`);
    for (const half of [voters, votersOutgoing]) {
      const holders = half.filter((id) => {
        const disk = diskOf(id);
        return index < disk.snapshot.index || termOnDisk(disk, index) === own;
      });
      const isQuorum = half.length === 0 || holders.length > half.length / 2;
      assert.ok(isQuorum, `committed at ${index} without a majority of disks`);
    }
  }

  /** Log matching: equal index and term mean equal data and equal history, by induction over the entry before. */
  checkLog({ entries, snapshot }: Disk): void {
    let before: number = snapshot.term;
    let expected = snapshot.index + 1;
    for (const { index, term, data } of entries) {
      assert.equal(index, expected++, "a log without gaps");
      assert.ok(term >= before, "terms only grow in a log");
      const what = `${before} ${Buffer.from(data).toString("hex")}`;
      const key = `${index} ${term}`;
      assert.equal(this.written.get(key) ?? what, what, `log matching at ${key}`);
      this.written.set(key, what);
      before = term;
    }
  }
}

function termOnDisk({ snapshot, entries }: Disk, index: number): number | undefined {
  if (index === snapshot.index) return snapshot.term;
  return entries[index - snapshot.index - 1]?.term;
}
