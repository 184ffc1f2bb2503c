/**
 * The text of a script: comments and blank lines, and between them blocks that end at a blank line.
 *
 *     verb args
 *     lines of input, or none
 *     ----
 *     what the command is expected to print
 */
import assert from "node:assert/strict";

/** Lines that are only for the reader. */
export interface Prose {
  readonly kind: "prose";
  readonly lines: readonly string[];
}

export interface Block {
  readonly kind: "block";
  /** Of the command in the file, from 1. */
  readonly lineNumber: number;
  readonly command: string;
  readonly input: readonly string[];
  readonly expected: readonly string[];
}

const separator = "----";
const isProse = (line: string): boolean => line.startsWith("#") || line.trim() === "";

export function parseScript(text: string): (Prose | Block)[] {
  const lines = text.replace(/\n$/, "").split("\n");
  const parts: (Prose | Block)[] = [];
  let at = 0;
  const takeWhile = (isWanted: (line: string) => boolean): string[] => {
    const taken: string[] = [];
    for (let line = lines[at]; line !== undefined && isWanted(line); line = lines[++at])
      taken.push(line);
    return taken;
  };
  while (at < lines.length) {
    const prose = takeWhile(isProse);
    if (prose.length > 0) parts.push({ kind: "prose", lines: prose });
    if (at === lines.length) break;
    const lineNumber = at + 1;
    const [command = "", ...input] = takeWhile((line) => line !== separator && line.trim() !== "");
    assert.equal(lines[at], separator, `line ${lineNumber}: a command without ${separator}`);
    at += 1;
    const expected = takeWhile((line) => line.trim() !== "");
    parts.push({ kind: "block", lineNumber, command, input, expected });
  }
  return parts;
}

export function formatScript(parts: readonly (Prose | Block)[]): string {
  const lines = parts.flatMap((part) =>
    part.kind === "prose" ? part.lines : [part.command, ...part.input, separator, ...part.expected],
  );
  return `${lines.join("\n")}\n`;
}
