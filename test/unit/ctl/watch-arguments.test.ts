import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { parseFlags } from "../../../node/ctl/arguments.ts";
import {
  type KeysOfEnvironment,
  keysOfEnvironment,
  type Watched,
  watchedOf,
  watchFlags,
  watchWords,
} from "../../../node/ctl/commands/watch-arguments.ts";
import { CtlError } from "../../../node/ctl/ctl-error.ts";
import { toText } from "../../../node/lib/bytes.ts";

/** Keys and program of a line such as "a b -- echo", or the error text. */
function read(line: string, inherited: KeysOfEnvironment = [], isInteractive = false): string {
  const { values, ...args } = parseFlags(line.split(" ").filter(Boolean), watchFlags);
  try {
    return said(watchedOf(watchWords(args, inherited, isInteractive), values));
  } catch (error) {
    assert(error instanceof CtlError);
    assert.equal(error.code, 128);
    return error.message;
  }
}

function said({ key, rangeEnd, isPrefix, program }: Watched): string {
  const range = rangeEnd === undefined ? "" : `..${toText(rangeEnd)}`;
  return `${toText(key)}${isPrefix ? "*" : range}|${program.join(" ")}`;
}

const badNumber = "bad number of arguments";
const conflict = "bad number of arguments (found conflicting environment key)";
const noProgram = "bad number of arguments (found separator --, but no commands)";

suite("arguments of watch", () => {
  test("keys, ranges, prefixes and programs", () => {
    for (const [line, expected] of [
      ["a", "a|"],
      ["a b", "a..b|"],
      ["a b c", "a|"],
      ["--prefix a --rev=5", "a*|"],
      ["a -- echo -x --prefix", "a|echo -x --prefix"],
      ["a b -- echo", "a..b|echo"],
      // etcdctl takes the first "echo" for a range end.
      ["a -- echo echo", "a|echo echo"],
      ["", badNumber],
      ["-- echo", badNumber],
      ["--prefix", badNumber],
      ["a --", noProgram],
      ["--", noProgram],
      ["a b --prefix", "`range_end` and `--prefix` are mutually exclusive"],
    ] as const) {
      assert.equal(read(line), expected, line);
      assert.equal(read(line, [], true), expected, line);
    }
  });

  test("a key of the environment takes the place of arguments", () => {
    assert.equal(read("", ["k"]), "k|");
    assert.equal(read("--prefix -- echo", ["k"]), "k*|echo");
    assert.equal(read("-- echo", ["k", "l"]), "k..l|echo");
    assert.equal(read("a", ["k"]), conflict);
    assert.equal(read("a -- echo", ["k"]), conflict);
    assert.equal(read("a", ["k"], true), conflict);
    assert.equal(read("a -- echo", ["k"], true), "k..a|echo");
  });

  test("the environment has a key, a range, or a range end that is refused", () => {
    const key = "ETCDCTL_WATCH_KEY";
    const end = "ETCDCTL_WATCH_RANGE_END";
    assert.deepEqual(keysOfEnvironment({ env: {} }), []);
    assert.deepEqual(keysOfEnvironment({ env: { [key]: "k" } }), ["k"]);
    assert.deepEqual(keysOfEnvironment({ env: { [key]: "k", [end]: "l" } }), ["k", "l"]);
    assert.throws(
      () => keysOfEnvironment({ env: { [end]: "l" } }),
      /ETCDCTL_WATCH_KEY is empty but got ETCDCTL_WATCH_RANGE_END="l"/,
    );
  });
});
