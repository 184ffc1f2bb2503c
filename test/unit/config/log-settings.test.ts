import assert from "node:assert/strict";
import { test } from "node:test";
import { checkConfig } from "../../../node/config/config.ts";
import { parseOptions } from "../../../node/config/parse.ts";
import type { LogSettings } from "../../../node/log/settings.ts";

function check(...args: readonly string[]) {
  const parsed = parseOptions(["--name=m1", ...args], {});
  return parsed.kind === "ok" ? checkConfig(parsed.values, parsed.given) : parsed;
}

function log(...args: readonly string[]): LogSettings {
  const checked = check(...args);
  assert.ok(checked.kind === "ok" && "config" in checked, JSON.stringify(checked));
  return checked.config.log;
}

function problems(...args: readonly string[]): readonly string[] {
  const checked = check(...args);
  assert.ok(checked.kind === "problems", JSON.stringify(checked));
  return checked.problems;
}

test("without flags the log goes to standard error, as JSON, from info on", () => {
  assert.deepEqual(log(), {
    level: "info",
    format: "json",
    outputs: ["default"],
    rotation: undefined,
  });
});

test("levels have zap's names, in any case", () => {
  for (const level of ["debug", "info", "warn", "error", "dpanic", "panic", "fatal"]) {
    assert.equal(log(`--log-level=${level}`).level, level);
    assert.equal(log(`--log-level=${level.toUpperCase()}`).level, level);
  }
  assert.equal(log("--log-level=").level, "info");
  assert.equal(log("--log-level=warning").level, "warn");
});

test("formats are JSON and console", () => {
  assert.equal(log("--log-format=console").format, "console");
  assert.equal(log("--log-format=").format, "json");
  assert.deepEqual(problems("--log-format=x"), [
    "--log-format: unknown log format: x, supported values json, console",
  ]);
});

test("only zap's log is there", () => {
  assert.deepEqual(problems("--logger=capnslog"), ["--logger=capnslog is removed in v3.5"]);
  assert.deepEqual(problems("--logger=x"), ['unknown logger option "x"']);
});

test("outputs may be several, each once, but the default and the journal are alone", () => {
  assert.deepEqual(log("--log-outputs=stdout,/a.log,stdout").outputs, ["/a.log", "stdout"]);
  assert.deepEqual(log("--log-outputs=").outputs, ["default"]);
  assert.deepEqual(log("--log-outputs=systemd/journal").outputs, ["systemd/journal"]);
  assert.deepEqual(problems("--log-outputs=default,stdout"), [
    '--log-outputs: multi logoutput for "default" is not supported yet',
  ]);
  assert.deepEqual(problems("--log-outputs=systemd/journal,stderr"), [
    `running with systemd/journal but other '--log-outputs' values (["stderr" "systemd/journal"]) are configured with 'default'; override 'default' value with something else`,
  ]);
});

const rotated = ["--enable-log-rotation", "--log-outputs=/a.log"];

test("a file is rotated by lumberjack's rules", () => {
  assert.deepEqual(log(...rotated).rotation, {
    maxSizeMegabytes: 100,
    maxAgeDays: 0,
    maxBackups: 0,
    usesLocalTime: false,
    compresses: false,
  });
  const json =
    '{"MaxSize": 7, "maxage": 8, "maxbackups": 9, "localtime": true, "compress": true, "other": 1}';
  assert.deepEqual(log(...rotated, `--log-rotation-config-json=${json}`).rotation, {
    maxSizeMegabytes: 7,
    maxAgeDays: 8,
    maxBackups: 9,
    usesLocalTime: true,
    compresses: true,
  });
  for (const empty of ["{}", "null"]) {
    const { rotation } = log(...rotated, `--log-rotation-config-json=${empty}`);
    assert.equal(rotation?.maxSizeMegabytes, 100);
  }
});

test("rotation needs one file", () => {
  const problem =
    "--log-outputs requires a single file path when --log-rotate-config-json is defined";
  for (const outputs of ["default", "stderr", "systemd/journal", "/a,/b", "stderr,stdout"]) {
    assert.deepEqual(problems("--enable-log-rotation", `--log-outputs=${outputs}`), [problem]);
  }
  assert.ok(log("--enable-log-rotation", "--log-outputs=/a,stderr").rotation);
});

test("how it is rotated is checked, in etcd's words, when it is", () => {
  for (const [json, problem] of [
    ["{", /^--log-rotation-config-json: improperly formatted log rotation config: /],
    ["[]", /invalid log rotation config: expected an object$/],
    ["7", /invalid log rotation config: expected an object$/],
    ['{"maxsize": "1"}', /invalid log rotation config: maxsize must be a whole number/],
    ['{"maxage": -1}', /maxage must be a whole number of 0 or more$/],
    ['{"compress": 1}', /compress must be true or false$/],
  ] as const) {
    const flag = `--log-rotation-config-json=${json}`;
    const [found = "", ...more] = problems(...rotated, flag);
    assert.deepEqual(more, []);
    assert.match(found, problem);
    assert.equal(log(flag).rotation, undefined);
  }
});
