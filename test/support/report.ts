/**
 * What test/run.ts prints: a line per test file as it ends, failures in full at the end, and totals as the last line.
 * Output of test files is kept back and shown for failed ones only.
 */

import { relative } from "node:path";
import type { run } from "node:test";
import { inspect } from "node:util";

/** Counterexamples of property tests can be endless; what follows their beginning helps nobody. */
const failureLineMax = 600;

type Events = ReturnType<typeof run>;

interface Failure {
  readonly file: string;
  readonly title: string;
  readonly text: string;
}

export class Report {
  readonly #projectDir: string;
  readonly #quiet: boolean;
  readonly #failures: Failure[] = [];
  readonly #output = new Map<string, string>();
  #totals = { passed: 0, failed: 0, skipped: 0, durationMs: 0 };

  /** `quiet` leaves the lines per file to another reporter. */
  constructor(projectDir: string, { quiet }: { readonly quiet: boolean }) {
    this.#projectDir = projectDir;
    this.#quiet = quiet;
  }

  get passed(): boolean {
    return this.#failures.length === 0 && this.#totals.failed === 0;
  }

  /** Of several runs one after the other, the totals are added. */
  listen(events: Events): void {
    events.on("test:stdout", ({ file, message }) => this.#keep(file, message));
    events.on("test:stderr", ({ file, message }) => this.#keep(file, message));
    events.on("test:pass", ({ name, file }) => {
      // The runner counts a file without tests as one passed test.
      if (name === file) this.#fail(file, "has no tests", "");
    });
    events.on("test:fail", ({ name, file, details }) => {
      const { error } = details;
      // A suite fails with its tests, and a file with its suites: only the innermost failure tells something.
      if (/^\d+ subtests? failed$/.test(error.message)) return;
      this.#fail(file, name === file ? "did not run to its end" : name, describe(error));
    });
    events.on("test:summary", ({ file, counts, duration_ms: durationMs }) => {
      if (file === undefined) {
        const { passed, skipped } = counts;
        const before = this.#totals;
        this.#totals = {
          passed: before.passed + passed,
          failed: before.failed + failedOf(counts),
          skipped: before.skipped + skipped,
          durationMs: before.durationMs + durationMs,
        };
      } else if (!this.#quiet) {
        const mark = failedOf(counts) === 0 ? "ok  " : "FAIL";
        const skipped = counts.skipped === 0 ? "" : `, ${counts.skipped} skipped`;
        const seconds = (durationMs / 1000).toFixed(1);
        console.log(`${mark} ${this.#short(file)} (${counts.tests} tests${skipped}, ${seconds} s)`);
      }
    });
  }

  printFailures(): void {
    const files = new Set(this.#failures.map((failure) => failure.file));
    for (const file of files) {
      console.log(`\n=== ${file}`);
      for (const { title, text } of this.#failures.filter((failure) => failure.file === file)) {
        console.log(`\n✖ ${title}\n${text.replace(/^/gm, "    ")}`);
      }
      const output = this.#output.get(file);
      if (output !== undefined) console.log(`\n--- its output\n${output.trimEnd()}`);
    }
  }

  printTotals(): void {
    const { passed, failed, skipped, durationMs } = this.#totals;
    // A file without tests is a failure that the runner knows nothing of.
    const count = Math.max(failed, this.#failures.length);
    console.log(`\nin ${(durationMs / 1000).toFixed(1)} s`);
    console.log(`${passed} passed, ${count} failed, ${skipped} skipped`);
  }

  #fail(file: string | undefined, title: string, text: string): void {
    this.#failures.push({ file: this.#short(file), title, text });
  }

  #keep(file: string, message: string): void {
    const name = this.#short(file);
    this.#output.set(name, (this.#output.get(name) ?? "") + message);
  }

  #short(file: string | undefined): string {
    return file === undefined ? "unknown file" : relative(this.#projectDir, file);
  }
}

function failedOf(counts: {
  tests: number;
  passed: number;
  skipped: number;
  todo: number;
}): number {
  return counts.tests - counts.passed - counts.skipped - counts.todo;
}

/** The runner wraps what a test threw; the cause carries the assertion's message, its diff and its place. */
function describe(error: Error): string {
  const cause = error.cause ?? error;
  const text =
    cause instanceof Error ? (cause.stack ?? cause.message) : inspect(cause, { depth: 6 });
  return text
    .split("\n")
    .map((line) => (line.length > failureLineMax ? `${line.slice(0, failureLineMax)} ...` : line))
    .join("\n");
}
