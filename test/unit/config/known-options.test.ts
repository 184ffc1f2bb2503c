/** Each option of etcd has one fate here, held against the help of the real program. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { gateNames } from "../../../node/config/feature-gates.ts";
import { becameGates, gone, ignored, renamed } from "../../../node/config/gone.ts";
import { helpText, versionText } from "../../../node/config/help.ts";
import { kindOf, knownNames } from "../../../node/config/known-options.ts";
import type { Option } from "../../../node/config/options/option.ts";
import {
  environmentName,
  isOptionName,
  optionGroups,
  optionOf,
  options,
} from "../../../node/config/options.ts";
import { parseOptions } from "../../../node/config/parse.ts";
import { isHarmless, unserved } from "../../../node/config/unserved.ts";
import { needs, peer } from "../../support/peers.ts";

interface Documented {
  readonly name: string;
  /** Undefined where the help does not say it. */
  readonly default: string | undefined;
  readonly group: string;
}

function documented(program: string): readonly Documented[] {
  const help = execFileSync(peer(program), ["--help"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  let group = "";
  return help.split("\n").flatMap((line) => {
    const title = /^(\S.*):$/.exec(line)?.[1];
    if (title !== undefined) group = title;
    const [, name, quoted, plain] = /^ {2}--([a-z0-9.-]+)(?: '(.*)'| (\S+))?$/.exec(line) ?? [];
    return name === undefined ? [] : [{ name, default: quoted ?? plain, group }];
  });
}

/** What 3.7's help lists although no such flag is there. */
const onlyInHelp = ["discovery", "discovery-proxy"];
/** What its usage tells before the list. */
const inUsage = ["config-file"];
/** Ours. */
const additions = ["client-cert-allowed-cn", "expected-cluster-id"];

test("no option of etcd is in two places, or in none", needs("etcd"), () => {
  assert.deepEqual([...new Set(knownNames)], knownNames);
  const theirs = documented("etcd").map(({ name }) => name);
  assert.ok(theirs.length > 105, String(theirs.length));
  const here = [...Object.keys(options), ...Object.keys(unserved)];
  assert.deepEqual(
    here.filter((name) => !additions.includes(name)).sort(),
    [...theirs.filter((name) => !onlyInHelp.includes(name)), ...inUsage].sort(),
  );
});

test("each option is under the title that etcd's help has for it", needs("etcd"), () => {
  const groupOf = new Map(documented("etcd").map(({ name, group }) => [name, group]));
  for (const [title, group] of Object.entries(optionGroups)) {
    for (const name of Object.keys(group)) {
      if ([...additions, ...inUsage].includes(name)) continue;
      const theirs = groupOf.get(name);
      // TLS flags that were experimental stand apart there.
      if (name !== "peer-skip-client-san-verification") assert.equal(title, theirs, name);
    }
  }
});

/** Defaults that mean the same in other words. */
const otherWords: Readonly<Record<string, string>> = {
  "data-dir": "${name}.etcd",
  "initial-cluster": "default=http://localhost:2380",
  "backend-batch-interval": "",
  "backend-batch-limit": "0",
  "max-concurrent-streams": "math.MaxUint32",
  "watch-progress-notify-interval": "10m",
  "feature-gates": "",
};

test("each option has etcd's default, and takes it when it is said", needs("etcd"), () => {
  for (const { name, default: theirs } of documented("etcd")) {
    if (!isOptionName(name) || theirs === undefined) continue;
    const option: Option<unknown> = optionOf(name);
    if (Object.hasOwn(otherWords, name)) assert.equal(theirs, otherWords[name], name);
    else assert.deepEqual(option.parse(theirs), option.default, name);
  }
  for (const [name, refused] of Object.entries(unserved)) {
    const theirs = documented("etcd").find((row) => row.name === name)?.default;
    // There is no gateway, and nobody is to believe that there is one.
    if (theirs === undefined || name === "enable-grpc-gateway") continue;
    assert.ok(isHarmless(refused, theirs), `${name} ${theirs}`);
  }
});

test("each experimental option of 3.6 has a new name, or became a gate", needs("etcd36"), () => {
  const old = documented("etcd36")
    .map(({ name }) => name)
    .filter((name) => name.startsWith("experimental-"));
  assert.ok(old.length > 20, String(old.length));
  for (const name of old) {
    assert.ok(Object.hasOwn(renamed, name) || Object.hasOwn(becameGates, name), name);
  }
});

test("an old name leads to an option of today", () => {
  for (const [old, name] of Object.entries(renamed)) {
    assert.ok(isOptionName(name) || Object.hasOwn(unserved, name), old);
    assert.equal(kindOf(old), kindOf(name));
  }
  for (const [old, gate] of Object.entries(becameGates)) {
    assert.ok(gateNames.includes(gate), old);
    assert.equal(kindOf(old), "boolean");
  }
});

test("the gates are etcd's", needs("etcd"), () => {
  const help = execFileSync(peer("etcd"), ["--help"], { encoding: "utf8", stdio: "pipe" });
  const theirs = [...help.matchAll(/^ {4}(\w+)=true\|false/gm)].map(([, name = ""]) => name);
  assert.deepEqual([...gateNames].sort(), theirs.sort());
});

test("every name, in both forms, is answered by its own name", () => {
  for (const name of [...Object.keys(unserved), ...Object.keys(gone)]) {
    const value = kindOf(name) === "boolean" ? unusual(name) : "odd";
    for (const [source, parsed] of [
      [`--${name}`, parseOptions([`--${name}=${value}`], {})],
      [environmentName(name), parseOptions([], { [environmentName(name)]: value })],
    ] as const) {
      const isTaken = ["socket-reuse-address", ...proxyTimes].includes(name);
      assert.equal(parsed.kind, isTaken ? "ok" : "problems", source);
      if (parsed.kind !== "problems") continue;
      const [problem = "", ...more] = parsed.problems;
      assert.deepEqual(more, []);
      assert.match(
        problem,
        new RegExp(`^${source} is (gone from etcd|not served in this version); .{10}`),
      );
    }
  }
});

const unusual = (name: string): string => {
  const refused = unserved[name];
  return refused !== undefined && isHarmless(refused, "true") ? "false" : "true";
};

const proxyTimes = Object.keys(gone).filter((name) => name.startsWith("proxy-"));

test("what etcd ignores is ignored, aloud, and takes no value", () => {
  for (const name of ignored) {
    const parsed = parseOptions([`--${name}`, "--name=a"], {});
    assert.ok(parsed.kind === "ok", name);
    assert.equal(parsed.values.name, "a");
    assert.deepEqual(parsed.notices, [
      {
        level: "warn",
        message: "flag is no longer supported - ignoring",
        fields: { "flag-name": name },
      },
    ]);
  }
});

test("the help text lists every option with its help", () => {
  const text = helpText();
  for (const [name, { help, placeholder }] of Object.entries(options)) {
    const forms = [`  --${name} ${placeholder} `, `  --${name}[=${placeholder}] `];
    assert.ok(
      forms.some((form) => text.includes(form)),
      name,
    );
    assert.ok(text.includes(help), name);
  }
  assert.match(text, /--name NAME .*\(default default\)/);
  assert.match(text, /--version/);
});

test("the version is told in the four lines by which tools know etcd", needs("etcd"), () => {
  const ours = versionText({ version: "v24.1.0", platform: "linux", arch: "x64" });
  const theirs = execFileSync(peer("etcd"), ["--version"], { encoding: "utf8" });
  const keys = (text: string): readonly string[] =>
    text.split("\n").map((line) => line.split(":")[0] ?? "");
  assert.deepEqual(keys(ours), keys(theirs));
  assert.equal(ours.split("\n")[0], theirs.split("\n")[0]);
  assert.match(ours, /^Go OS\/Arch: linux\/amd64$/m);
  assert.match(versionText({ version: "", platform: "linux", arch: "arm64" }), /linux\/arm64$/m);
});
