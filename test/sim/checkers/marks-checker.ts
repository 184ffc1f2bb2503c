/**
 * The marks of one log, in their order: compacted <= applied <= committed <= last, and stable <= last. In one life of a process none of them
 * but the last entry goes back, and revisions never do.
 */

export interface Marks {
  readonly compacted: number;
  readonly applied: number;
  readonly committed: number;
  readonly stable: number;
  readonly last: number;
  readonly term: number;
  readonly revision: number;
}

export class MarksChecker {
  private readonly name: string;
  private readonly onViolation: (text: string) => void;
  private before: Marks | undefined;

  constructor(name: string, onViolation: (text: string) => void) {
    this.name = name;
    this.onViolation = onViolation;
  }

  saw(marks: Marks): void {
    const { compacted, applied, committed, stable, last } = marks;
    if (!(compacted <= applied && applied <= committed && committed <= last && stable <= last)) {
      this.violate("marks out of order", marks);
    }
    const { before } = this;
    if (before !== undefined) {
      for (const mark of ["compacted", "applied", "committed", "term", "revision"] as const) {
        if (marks[mark] < before[mark])
          this.violate(`${mark} went back from ${before[mark]}`, marks);
      }
    }
    this.before = marks;
  }

  private violate(what: string, marks: Marks): void {
    this.onViolation(`${this.name}: ${what}: ${JSON.stringify(marks)}`);
  }
}
