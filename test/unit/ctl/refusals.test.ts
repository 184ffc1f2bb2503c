import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { root } from "../../../node/ctl/commands.ts";
import { globalFlags } from "../../../node/ctl/global-flags.ts";
import { runCtl } from "./run.ts";

suite("etcdctl-ts refuses by name", () => {
  for (const { name } of root.commands?.filter(({ group }) => group === "Not served yet") ?? []) {
    test(`the command ${name}, whatever its flags are`, async () => {
      const { code, stdout, stderr } = await runCtl([name, "--rev=1", "more", "-i"]);
      const expected = `Error: ${name} is not served in this version of etcdctl-ts\n`;
      assert.deepEqual({ code, stdout, stderr }, { code: 4, stdout: "", stderr: expected });
      assert.equal((await runCtl(["help", name])).stderr, expected);
    });
  }

  for (const { name, kind, unserved } of globalFlags) {
    if (unserved === undefined) continue;
    const value = { switch: "true", text: "x", list: "x", integer: "7", duration: "7s" }[kind];
    test(`the flag --${name}, given or in the environment`, async () => {
      const start = `Error: --${name} is not served in this version of etcdctl-ts`;
      const given = await runCtl(["get", "a", `--${name}=${value}`]);
      assert.equal(given.code, 4);
      assert(given.stderr.startsWith(start), given.stderr);
      const variable = `ETCDCTL_${name.toUpperCase().replaceAll("-", "_")}`;
      const inherited = await runCtl(["get", "a"], { env: { [variable]: value } });
      assert.deepEqual(inherited, given);
    });
  }

  test("protobuf, other formats, and endpoints that are not served", async () => {
    const endpoints = "Error: --endpoints: ";
    for (const [args, code, stderr] of [
      [
        ["-w", "protobuf"],
        4,
        "Error: --write-out=protobuf is not served in this version of etcdctl-ts\n",
      ],
      [["-w", "yaml"], 4, "Error: unsupported output format\n"],
      [
        ["--endpoints=unix:///a"],
        4,
        `${endpoints}unix:///a: only http:// and https:// are served in this version of etcdctl-ts\n`,
      ],
      [
        ["--endpoints=a"],
        128,
        `${endpoints}a is no endpoint: give host:port, http://host:port or https://host:port\n`,
      ],
      [
        ["--endpoints=http://a:1/path"],
        128,
        `${endpoints}http://a:1/path is no endpoint: give host:port, http://host:port or https://host:port\n`,
      ],
    ] as const) {
      assert.deepEqual(await runCtl(["put", "a", "b", ...args]), { code, stdout: "", stderr });
    }
  });

  test("what the environment and a flag say both, and a value that is none", async () => {
    const env = { ETCDCTL_WRITE_OUT: "json" };
    const both = await runCtl(["get", "a", "-w", "json"], { env });
    assert.equal(both.code, 1);
    assert.equal(
      both.stderr,
      "Error: both ETCDCTL_WRITE_OUT and --write-out are given: leave one of them out\n",
    );
    const bad = await runCtl(["get", "a"], { env: { ETCDCTL_COMMAND_TIMEOUT: "soon" } });
    assert.equal(
      bad.stderr,
      'Error: invalid argument "soon" for "ETCDCTL_COMMAND_TIMEOUT": time: invalid duration "soon"\n',
    );
  });

  test("a variable that nobody knows is told and passed over, ETCDCTL_API=3 is not even told", async () => {
    const env = { ETCDCTL_API: "3", ETCDCTL_BOGUS: "1" };
    const { stderr } = await runCtl(["get", "a", "-w", "yaml"], { env });
    assert.equal(
      stderr,
      "Warning: the environment variable ETCDCTL_BOGUS is not known\nError: unsupported output format\n",
    );
  });

  test("compares that make etcdctl panic", async () => {
    const input = 'version("a") ~ "1"\n';
    assert.deepEqual(await runCtl(["txn"], { input }), {
      code: 3,
      stdout: "",
      stderr: 'Error: malformed comparison: version("a") ~ "1" (unknown operator ~)\n',
    });
    const lease = await runCtl(["txn"], { input: 'lease("a") = "xyz"\n' });
    assert.equal(lease.stderr, 'Error: invalid txn compare request: lease("a") = "xyz"\n');
  });
});

suite("help of etcdctl-ts", () => {
  test("every command has one that names its flags", async () => {
    for (const command of root.commands ?? []) {
      if (command.group === "Not served yet") continue;
      for (const inner of command.commands ?? [command]) {
        const path = inner === command ? [command.name] : [command.name, inner.name];
        const { code, stdout } = await runCtl([...path, "--help"]);
        assert.equal(code, 0);
        assert(stdout.includes(`Usage:\n  etcdctl-ts ${path.join(" ")}`), stdout);
        for (const { name } of inner.flags ?? []) assert(stdout.includes(`--${name}`), stdout);
        assert.equal((await runCtl(["help", ...path])).stdout, stdout);
      }
    }
  });

  test("a wrong flag is told with the usage of its command", async () => {
    const { code, stdout, stderr } = await runCtl(["member", "add", "--learners"]);
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert(stderr.startsWith("Error: unknown flag: --learners\n"), stderr);
    assert(stderr.includes("etcdctl-ts member add [flags] <name>"), stderr);
  });
});
