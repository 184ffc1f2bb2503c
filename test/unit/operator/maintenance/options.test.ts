/** The command line of `maintenance`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { helpText, parseOptions, UsageError } from "../../../../operator/options.ts";

test("a task and a cluster are all that it needs", () => {
  assert.deepEqual(parseOptions(["maintenance", "compact", "--cluster", "prod/db"], {}), {
    command: "maintenance",
    task: "compact",
    cluster: { namespace: "prod", name: "db" },
    kubeconfig: undefined,
    logLevel: "info",
  });
});

for (const [args, message] of [
  [["maintenance", "--cluster=a/b"], /^maintenance: expected compact or defrag$/],
  [["maintenance", "shrink", "--cluster=a/b"], /^maintenance: expected .*, not shrink$/],
  [["maintenance", "defrag"], /--cluster is required: give it NAMESPACE\/NAME/],
  [["maintenance", "defrag", "--cluster=db"], /--cluster: expected NAMESPACE\/NAME, not db/],
  [["maintenance", "defrag", "--cluster=a/b/c"], /--cluster/],
  [["maintenance", "defrag", "--cluster=a/b", "--workers=2"], /--workers is no option of maint/],
  [["maintenance", "defrag", "twice", "--cluster=a/b"], /twice is no command/],
  [["apply-crds", "--cluster=a/b"], /--cluster is no option of apply-crds/],
] as const) {
  test(`${args.join(" ")} is told what is wrong`, () => {
    assert.throws(
      () => parseOptions(args, {}),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  });
}

test("help on maintenance names its tasks, its options and no others", () => {
  const options = parseOptions(["maintenance", "compact", "--help"], {});
  assert.deepEqual(options, { command: "help", of: "maintenance" });
  const text = helpText({ of: "maintenance" });
  for (const word of ["maintenance compact", "maintenance defrag", "--cluster", "Exit codes"]) {
    assert.ok(text.includes(word), word);
  }
  assert.ok(!text.includes("--workers"));
  assert.ok(helpText().includes("maintenance"));
});
