import assert from "node:assert/strict";
import { test } from "node:test";
import { devMembers, flagsOf, membersMax } from "../../dev/members.ts";
import { parseDevOptions } from "../../dev/options.ts";

test("three members without options; what stands behind -- is for the members", () => {
  assert.deepEqual(parseDevOptions([]), {
    kind: "ok",
    options: { members: 3, dataDir: undefined, memberFlags: [] },
  });
  assert.deepEqual(
    parseDevOptions(["--members", "5", "--data-dir=d", "--", "--log-level=debug", "--help"]),
    {
      kind: "ok",
      options: { members: 5, dataDir: "d", memberFlags: ["--log-level=debug", "--help"] },
    },
  );
  assert.deepEqual(parseDevOptions(["--help"]), { kind: "help" });
});

test("what cannot be is told", () => {
  for (const args of [
    ["--members=0"],
    [`--members=${membersMax + 1}`],
    ["--members=x"],
    ["--data-dir="],
    ["--nonsense"],
    ["stray"],
  ]) {
    assert.equal(parseDevOptions(args).kind, "problem", args.join());
  }
});

test("members have the names and ports of etcd's Procfile", () => {
  const members = devMembers(membersMax);
  assert.deepEqual(
    members.slice(0, 3).map(({ name, clientPort, peerPort }) => [name, clientPort, peerPort]),
    [
      ["infra1", 2379, 2380],
      ["infra2", 22_379, 22_380],
      ["infra3", 32_379, 32_380],
    ],
  );
  assert.ok((members.at(-1)?.peerPort ?? 0) < 65_536);
});

test("flags of the user stand last", () => {
  const members = devMembers(2);
  const flags = flagsOf(members[1]!, members, { dataDir: "d", flags: ["--max-wals=1"] });
  assert.ok(flags.includes("--data-dir=d/infra2"));
  assert.ok(
    flags.includes("--initial-cluster=infra1=http://127.0.0.1:2380,infra2=http://127.0.0.1:22380"),
  );
  assert.equal(flags.at(-1), "--max-wals=1");
});
