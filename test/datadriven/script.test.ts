/** The form of scripts and commands: a script that is read wrongly could pass without testing anything. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Command } from "./command.ts";
import { formatScript, parseScript } from "./script.ts";

const text = `# What it shows.

do this with=(1, 2)
first input
second input
----
printed
more

# Prose between.
do that
----
ok
`;

test("a script is prose and blocks, and formatting it again gives the same text", () => {
  const parts = parseScript(text);
  assert.deepEqual(
    parts.map(({ kind }) => kind),
    ["prose", "block", "prose", "block"],
  );
  const [, block] = parts;
  assert.ok(block?.kind === "block");
  assert.equal(block.lineNumber, 3);
  assert.equal(block.command, "do this with=(1, 2)");
  assert.deepEqual(block.input, ["first input", "second input"]);
  assert.deepEqual(block.expected, ["printed", "more"]);
  assert.equal(formatScript(parts), text);
});

test("a command without its separator is a mistake in the script, not one with nothing expected", () => {
  assert.throws(() => parseScript("# x\n\ndo this\n\ndo that\n----\nok\n"), /without ----/);
});

test("a command has a verb, positions, options and flags, in any order", () => {
  const command = new Command('do 1 two=(a, b) flag "a b" three=3', []);
  assert.equal(command.verb, "do");
  assert.equal(command.flag("flag"), true);
  assert.equal(command.flag("other"), false);
  assert.deepEqual(command.positions(), ["1", "a b"]);
  assert.deepEqual(command.list("two"), ["a", "b"]);
  assert.deepEqual(command.list("none"), []);
  assert.equal(command.number("three", 0), 3);
  assert.equal(command.number("four", 4), 4);
  assert.equal(command.option("five"), undefined);
  command.assertAllUsed();
});

test("what a handler does not ask for is a mistake in the script", () => {
  const command = new Command("do key=1 word", []);
  assert.equal(command.number("key", 0), 1);
  assert.throws(() => command.assertAllUsed(), /word/);
  assert.throws(() => new Command("do key=x", []).number("key", 0), /no number/);
});
