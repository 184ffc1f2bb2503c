/** Every rule of .config/dependency-cruiser.cjs fires on a violation planted for it, and on nothing else. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { test } from "node:test";

import { plant, withPlantedProject } from "./planted-project.ts";

const projectDir = resolve(import.meta.dirname, "../../..");
const config = createRequire(import.meta.url)(`${projectDir}/.config/dependency-cruiser.cjs`) as {
  forbidden: { name: string }[];
};

/** Rule ▸ [file, what it imports]; the imported file is planted too. */
const violations: Record<string, readonly [file: string, imports: string]> = {
  "no-circular": ["node/lib/circle-a.ts", "./circle-b.ts"],
  "no-orphans": ["node/lib/orphan.ts", ""],
  "no-unresolvable": ["node/lib/unresolvable.ts", "no-such-package"],
  "floor-lib": ["node/lib/up.ts", "../proto/target.ts"],
  "floor-proto": ["node/proto/up.ts", "../raft/target.ts"],
  "floor-raft": ["node/raft/up.ts", "../wal/target.ts"],
  "floor-wal": ["node/wal/up.ts", "../raft/target.ts"],
  "floor-snap": ["node/snap/up.ts", "../wal/target.ts"],
  "floor-backend": ["node/backend/up.ts", "../mvcc/target.ts"],
  "floor-mvcc": ["node/mvcc/up.ts", "../auth/target.ts"],
  "floor-lease": ["node/lease/up.ts", "../mvcc/target.ts"],
  "floor-auth": ["node/auth/up.ts", "../apply/target.ts"],
  "floor-membership": ["node/membership/up.ts", "../server/target.ts"],
  "floor-apply": ["node/apply/up.ts", "../server/target.ts"],
  "floor-server": ["node/server/up.ts", "../peer/target.ts"],
  "floor-grpc": ["node/grpc/up.ts", "../proto/target.ts"],
  "floor-tls": ["node/tls/up.ts", "../grpc/target.ts"],
  "floor-peer": ["node/peer/up.ts", "../raft/target.ts"],
  "floor-rpc": ["node/rpc/up.ts", "../http/target.ts"],
  "floor-http": ["node/http/up.ts", "../config/target.ts"],
  "floor-config": ["node/config/up.ts", "../client/target.ts"],
  "floor-client": ["node/client/up.ts", "../server/target.ts"],
  "floor-ctl": ["node/ctl/up.ts", "../mvcc/target.ts"],
  "new-folder-needs-a-floor": ["node/attic/up.ts", "../lib/target.ts"],
  "pure-core": ["node/raft/impure.ts", "node:fs"],
  "main-is-the-top": ["node/config/main-import.ts", "../main.ts"],
  "node-knows-no-operator": ["node/config/operator-import.ts", "../../operator/target.ts"],
  "operator-is-a-client": ["operator/server-import.ts", "../node/server/target.ts"],
  "operator-kernel-stands-alone": ["operator/kernel/up.ts", "../target.ts"],
  "production-never-imports-test": ["node/config/test-import.ts", "../../test/target.ts"],
  "no-dev-deps": ["node/config/dev-import.ts", "fast-check"],
  "one-door-level-classic-level-abstract-level": ["node/mvcc/level-import.ts", "level"],
  "one-door-protobufjs": ["node/wal/protobufjs-import.ts", "protobufjs"],
  "one-door-node-rs-crc32": ["node/wal/crc32-import.ts", "@node-rs/crc32"],
  "one-door-fs-native-extensions": ["node/wal/lock-import.ts", "fs-native-extensions"],
  "one-door-prom-client": ["node/server/metrics-import.ts", "prom-client"],
  "one-door-grpc-grpc-js": ["node/rpc/grpc-js-import.ts", "@grpc/grpc-js"],
  "one-door-node-forge": ["node/server/forge-import.ts", "node-forge"],
  "one-door-pino": ["node/server/pino-import.ts", "pino"],
  "one-door-yaml": ["node/server/yaml-import.ts", "yaml"],
  "floor-log": ["node/log/up.ts", "../proto/target.ts"],
  "one-door-typebox": ["operator/cluster/typebox-import.ts", "typebox"],
  "floor-concurrency": ["node/concurrency/up.ts", "../mvcc/target.ts"],
  "one-door-kubernetes-client-node": [
    "operator/kernel/client-node-import.ts",
    "@kubernetes/client-node",
  ],
};

/** What the table allows, of each kind once. */
const allowed: readonly (readonly [file: string, imports: string])[] = [
  ["node/raft/down.ts", "../lib/target.ts"],
  ["node/wal/down.ts", "../raft/types.ts"],
  ["node/peer/down.ts", "../raft/types.ts"],
  ["node/mvcc/down.ts", "../lease/target.ts"],
  ["node/backend/level-backend.ts", "level"],
  ["node/config/down.ts", "../rpc/target.ts"],
  ["operator/down.ts", "../node/client/target.ts"],
  ["operator/issue.ts", "../node/tls/x509/target.ts"],
  ["operator/kernel/kube-config.ts", "@kubernetes/client-node"],
];

interface Cruise {
  readonly summary: { readonly violations: readonly { from: string; rule: { name: string } }[] };
}

test("each import rule fires on its planted violation, and allowed imports pass", () => {
  withPlantedProject((dir) => {
    for (const [file, imports] of [...Object.values(violations), ...allowed])
      plant(dir, file, imports);
    plant(dir, "node/lib/circle-b.ts", "./circle-a.ts");
    const cruiser = `${projectDir}/node_modules/dependency-cruiser/bin/dependency-cruise.mjs`;
    const args = [
      cruiser,
      "--config",
      ".config/dependency-cruiser.cjs",
      "--output-type",
      "json",
      "node",
      "operator",
    ];
    const { stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: dir,
      encoding: "utf8",
      maxBuffer: 64 << 20,
    });
    assert.equal(stderr, "");
    const fired = (JSON.parse(stdout) as Cruise).summary.violations.map(
      ({ from, rule }) => `${rule.name} ${from}`,
    );
    for (const [name, [file]] of Object.entries(violations)) {
      assert.ok(
        fired.includes(`${name} ${file}`),
        `${name} did not fire on ${file}:\n${fired.join("\n")}`,
      );
    }
    for (const [file] of allowed) {
      assert.deepEqual(
        fired.filter((violation) => violation.endsWith(` ${file}`)),
        [],
      );
    }
  });
});

test("no import rule is without its planted violation", () => {
  assert.deepEqual(
    config.forbidden.map((rule) => rule.name).filter((name) => !(name in violations)),
    [],
  );
});
