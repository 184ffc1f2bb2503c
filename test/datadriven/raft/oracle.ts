/** What must hold in every script, whatever it shows: the safety properties of Raft (thesis figure 3.2). */
import assert from "node:assert/strict";
import type { MemberId } from "../../../node/lib/units.ts";
import type { Entry } from "../../../node/raft/types.ts";
import { formatEntry } from "./format.ts";
import type { LabNode } from "./lab-node.ts";

export class Oracle {
  private readonly leaders = new Map<number, MemberId>();
  private readonly applied = new Map<number, string>();
  private readonly appended = new Map<string, string>();

  /** Election safety: one leader in a term. Marks in order. */
  check({ id, raw }: LabNode): void {
    if (raw.role === "leader") {
      const other = this.leaders.get(raw.term) ?? id;
      assert.equal(other, id, `two leaders of term ${raw.term}`);
      this.leaders.set(raw.term, id);
    }
    assert.ok(raw.applied <= raw.committed, "applied beyond committed");
  }

  /** State machine safety: one entry is applied at an index, everywhere. */
  onApply(entry: Entry): void {
    const text = formatEntry(entry);
    assert.equal(this.applied.get(entry.index) ?? text, text, `two entries applied at one index`);
    this.applied.set(entry.index, text);
  }

  /** Log matching: one entry for a term and an index. */
  onAppend(entry: Entry): void {
    const position = `${entry.term}/${entry.index}`;
    const text = formatEntry(entry);
    assert.equal(this.appended.get(position) ?? text, text, "two entries of one term and index");
    this.appended.set(position, text);
  }
}
