/**
 * The order that every backend demands of its writer: records grow by (main, sub), positions never go back. Both
 * implementations assert through this, so that the simulator finds what LevelDB's backend would refuse.
 */
import { assert } from "../lib/assert.ts";
import type { AppliedPosition } from "./backend.ts";
import { subMax } from "./layout.ts";

/** The place of a record; (0, 0) stands before all of them, as main revisions begin at 1. */
export interface RecordPlace {
  readonly main: number;
  readonly sub: number;
}

export class WriteOrder {
  /** Last record added. */
  main: number;
  sub: number;
  /** Last record that a completed commit covers: what `read` may ask for. */
  private committed: RecordPlace;
  private sealedPosition: AppliedPosition;

  constructor(last: RecordPlace, position: AppliedPosition) {
    this.main = last.main;
    this.sub = last.sub;
    this.committed = last;
    this.sealedPosition = position;
  }

  record(main: number, sub: number): void {
    assert(
      main > this.main || (main === this.main && sub > this.sub),
      "backend: revisions must grow",
      main,
    );
    assert(
      Number.isSafeInteger(main) && sub >= 0 && sub <= subMax,
      "backend: revision out of range",
      main,
    );
    this.main = main;
    this.sub = sub;
  }

  /** Returns what `landed` takes when this batch is durable. */
  seal(position: AppliedPosition): RecordPlace {
    const before = this.sealedPosition;
    assert(
      position.consistentIndex >= before.consistentIndex,
      "backend: index goes back",
      position.consistentIndex,
    );
    assert(position.term >= before.term, "backend: term goes back", position.term);
    assert(position.revision >= before.revision, "backend: revision goes back", position.revision);
    assert(
      position.revision >= this.main,
      "backend: records above the sealed revision",
      position.revision,
    );
    this.sealedPosition = position;
    return { main: this.main, sub: this.sub };
  }

  landed(place: RecordPlace): void {
    this.committed = place;
  }

  assertCommitted(main: number, sub: number): void {
    const last = this.committed;
    assert(
      main < last.main || (main === last.main && sub <= last.sub),
      "backend: read of an uncommitted record",
      main,
    );
  }
}
