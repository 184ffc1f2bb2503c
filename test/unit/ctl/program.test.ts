import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { runProgram } from "../../../node/ctl/program.ts";

const shell = (script: string): Promise<unknown> => runProgram(["sh", "-c", script], process.env);

suite("programs that etcdctl-ts runs", () => {
  test("end with Go's words for exit codes and signals", async () => {
    assert.deepEqual(await shell("exit 0"), { code: 0, error: "" });
    assert.deepEqual(await shell("exit 7"), { code: 7, error: "exit status 7" });
    assert.deepEqual(await shell("kill -9 $$"), { code: 255, error: "signal: killed" });
    assert.deepEqual(await shell("kill -TERM $$"), { code: 255, error: "signal: terminated" });
  });

  test("find the environment they are given and an empty input", async () => {
    const script = '[ "$OWN" = "a b" ] && [ -z "$HOME" ] && [ -z "$(cat)" ]';
    const { PATH } = process.env;
    const { code } = await runProgram(["sh", "-c", script], { PATH, OWN: "a b" });
    assert.equal(code, 0);
  });

  test("that cannot be started end with Go's words for why", async () => {
    const code = 1;
    for (const [program, error] of [
      ["no-such-program", 'exec: "no-such-program": executable file not found in $PATH'],
      ["/no/such", "fork/exec /no/such: no such file or directory"],
      ["/etc/passwd", "fork/exec /etc/passwd: permission denied"],
    ] as const)
      assert.deepEqual(await runProgram([program], process.env), { code, error });
  });
});
