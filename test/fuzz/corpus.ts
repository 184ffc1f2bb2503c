/**
 * Inputs that once broke something: corpus/<target>/<what>.hex, each with the reason in lines that begin with "#". They are
 * replayed by fuzz.test.ts for ever.
 */
import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const corpusDir = join(import.meta.dirname, "corpus");
const lineChars = 120;

export interface CorpusCase {
  /** Path below the corpus folder. */
  readonly path: string;
  readonly input: Uint8Array;
}

export function corpusOf(target: string): CorpusCase[] {
  return globSync(`${target}/*.hex`, { cwd: corpusDir })
    .sort()
    .map((path) => ({ path, input: parse(readFileSync(join(corpusDir, path), "utf8")) }));
}

function parse(text: string): Uint8Array {
  const lines = text.split("\n").filter((line) => !line.startsWith("#"));
  return Buffer.from(lines.join("").trim(), "hex");
}

/** Writes the case; returns its path below test/. */
export function keep(target: string, name: string, input: Uint8Array, reason: string): string {
  const folder = join(corpusDir, target);
  mkdirSync(folder, { recursive: true });
  const comment = reason.split("\n").map((line) => `# ${line}`.trimEnd());
  const hex = Buffer.from(input).toString("hex");
  const lines = hex.match(new RegExp(`.{1,${lineChars}}`, "g")) ?? [];
  writeFileSync(join(folder, `${name}.hex`), `${[...comment, ...lines].join("\n")}\n`);
  return `fuzz/corpus/${target}/${name}.hex`;
}
