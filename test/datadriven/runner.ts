/**
 * Runs scripts: each command against a world that lives as long as its script, what it prints against what the script expects. With
 * ETCD_TS_REWRITE=1 (`npm run test:rewrite`) what is printed takes the place of what was expected; the difference is then read like code.
 */
import assert from "node:assert/strict";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, test } from "node:test";
import { Command } from "./command.ts";
import { type Block, formatScript, type Prose, parseScript } from "./script.ts";

/** Does one command and says what there is to see: lines, none of them blank. Nothing to say is printed as "ok". */
export type Handler<World> = (world: World, command: Command) => readonly string[];

/** The scripts of one folder, and who does their verbs. */
export interface Suite<World> {
  readonly folder: string;
  readonly handlers: Readonly<Record<string, Handler<World>>>;
  newWorld(): World;
}

const isRewriting = process.env["ETCD_TS_REWRITE"] === "1";

/** One test for each `testdata/*.txt` of the suite's folder. */
export function registerScripts<World>(suite: Suite<World>): void {
  const folder = join(import.meta.dirname, suite.folder, "testdata");
  const files = globSync("*.txt", { cwd: folder }).sort();
  describe(suite.folder, () => {
    for (const file of files)
      test(basename(file, ".txt"), () => runFile(suite, join(folder, file)));
  });
}

function runFile<World>(suite: Suite<World>, path: string): void {
  const text = readFileSync(path, "utf8");
  const parts = parseScript(text);
  assert.ok(text.startsWith("# "), `${path}: a script begins with what it shows`);
  const world = suite.newWorld();
  const seen = parts.map((part): Prose | Block =>
    part.kind === "prose" ? part : { ...part, expected: runBlock(suite, world, { path, part }) },
  );
  if (isRewriting) {
    const rewritten = formatScript(seen);
    if (rewritten !== text) writeFileSync(path, rewritten);
  }
}

function runBlock<World>(
  suite: Suite<World>,
  world: World,
  { path, part }: { readonly path: string; readonly part: Block },
): readonly string[] {
  const place = `${path}:${part.lineNumber}`;
  const command = new Command(part.command, part.input);
  const handler = suite.handlers[command.verb];
  assert.ok(handler, `${place}: unknown verb ${command.verb}`);
  let printed: readonly string[];
  try {
    printed = handler(world, command);
    command.assertAllUsed();
  } catch (error) {
    throw new Error(`${place}: ${part.command}`, { cause: error });
  }
  const actual = printed.length === 0 ? ["ok"] : printed.map((line) => line.trimEnd());
  assert.ok(
    actual.every((line) => line !== ""),
    `${place}: a blank line would end the block`,
  );
  if (!isRewriting) assert.equal(actual.join("\n"), part.expected.join("\n"), place);
  return actual;
}
