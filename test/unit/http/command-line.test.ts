import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { shownCommandLine } from "../../../node/http/command-line.ts";

describe("the command line that is shown", () => {
  test("has what a person passed", () => {
    const words = [
      "node",
      "main.js",
      "--name=m1",
      "--initial-cluster-token",
      "t",
      "--enable-pprof",
    ];
    assert.deepEqual(shownCommandLine(words), words);
  });

  test("has no password or token, in the flag's own word or in the next", () => {
    const shown = shownCommandLine([
      "--discovery-password=hunter2",
      "-discovery-password",
      "hunter2",
      "--some-secret",
      "hunter2",
      "--api-token=hunter2=hunter2\nhunter2",
      "--name",
      "m1",
      "--discovery-password",
      "--name",
      "m2",
    ]);
    assert.deepEqual(shown, [
      "--discovery-password=***",
      "-discovery-password",
      "***",
      "--some-secret",
      "***",
      "--api-token=***",
      "--name",
      "m1",
      "--discovery-password",
      "--name",
      "m2",
    ]);
  });

  test("has no user and password of a URL", () => {
    const words = ["--initial-cluster=a=http://root:pw@h:1,b=https://x@h:2/p@q", "http://h/a@b"];
    assert.deepEqual(shownCommandLine(words), [
      "--initial-cluster=a=http://***@h:1,b=https://***@h:2/p@q",
      "http://h/a@b",
    ]);
  });

  test("never has the value of a flag that is named as a secret", () => {
    const value = fc.stringMatching(/^[a-z0-9]{12,20}$/);
    const name = fc.constantFrom("password", "x-password", "client-secret", "auth-Token");
    const around = fc.array(fc.constantFrom("--name", "m1", "--data-dir=x"), { maxLength: 3 });
    fc.assert(
      fc.property(value, name, fc.boolean(), around, (secret, flag, isOneWord, more) => {
        const words = isOneWord ? [`--${flag}=${secret}`] : [`--${flag}`, secret];
        const shown = shownCommandLine([...more, ...words, ...more]);
        assert.equal(shown.length, more.length * 2 + words.length);
        assert.ok(!shown.join(" ").includes(secret));
      }),
    );
  });
});
