/** One command of a script, as its handler sees it: `verb position position key=value key=(value, value) flag`, and lines of input. */
import assert from "node:assert/strict";

/** Everything a handler does not ask for is a mistake in the script: `assertAllUsed` says so. */
export class Command {
  readonly verb: string;
  readonly input: readonly string[];
  /** Words without `=` that no flag has taken. */
  private readonly words: string[] = [];
  private readonly options = new Map<string, string>();
  private readonly unused = new Set<string>();

  constructor(line: string, input: readonly string[]) {
    const [verb = "", ...rest] = splitWords(line);
    this.verb = verb;
    this.input = input;
    for (const word of rest) {
      const [, key, value] = /^([a-z-]+)=(.*)$/s.exec(word) ?? [];
      if (key === undefined || value === undefined) this.words.push(word);
      else this.options.set(key, value);
      this.unused.add(key ?? word);
    }
  }

  /** The word alone, anywhere behind the verb. Ask for flags before positions. */
  flag(name: string): boolean {
    const at = this.words.indexOf(name);
    if (at < 0) return false;
    this.words.splice(at, 1);
    this.unused.delete(name);
    return true;
  }

  /** All words that are neither flags asked for before nor options. */
  positions(): readonly string[] {
    for (const word of this.words) this.unused.delete(word);
    return this.words;
  }

  /** The value of `key=`, or this. */
  option(key: string): string | undefined;
  option(key: string, otherwise: string): string;
  option(key: string, otherwise?: string): string | undefined {
    this.unused.delete(key);
    return this.options.get(key) ?? otherwise;
  }

  number(key: string, otherwise: number): number {
    const value = Number(this.option(key, String(otherwise)));
    assert.ok(!Number.isNaN(value), `${key} is no number`);
    return value;
  }

  /** The values of `key=(a, b)` or `key=a`; none if it is not given. */
  list(key: string): readonly string[] {
    return listOf(this.option(key, "()"));
  }

  assertAllUsed(): void {
    assert.deepEqual([...this.unused], [], `${this.verb} does not know these arguments`);
  }
}

/** "(a, b)" or "a". */
export function listOf(text: string): readonly string[] {
  return text
    .replace(/^\(|\)$/g, "")
    .split(/[\s,]+/)
    .filter((word) => word !== "");
}

/** Blanks separate, except inside parentheses and double quotes; the quotes themselves go. */
function splitWords(line: string): string[] {
  const words = line.match(/(?:\([^)]*\)|"[^"]*"|[^\s("]+)+/g) ?? [];
  return words.map((word) => word.replaceAll('"', ""));
}
