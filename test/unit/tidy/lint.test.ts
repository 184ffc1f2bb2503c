/** The house's own lint rules fire on violations planted for them. Rules that come with a tool's preset are its affair. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { test } from "node:test";

import { withPlantedProject, write } from "./planted-project.ts";

const projectDir = resolve(import.meta.dirname, "../../..");

/** [file, source, rule]; "" for a source that must pass. */
const cases: readonly (readonly [file: string, source: string, rule: string])[] = [
  ["node/server/random.ts", "export const x = Math.random();", "no-restricted-properties"],
  ["node/server/now.ts", "export const x = Date.now();", "no-restricted-properties"],
  ["node/server/monotonic.ts", "export const x = performance.now();", "no-restricted-properties"],
  ["node/server/date.ts", "export const x = new Date();", "no-restricted-syntax"],
  ["node/server/timer.ts", "setTimeout(() => undefined, 1);", "no-restricted-globals"],
  ["node/server/disk.ts", 'import "node:fs";', "no-restricted-imports"],
  ["node/server/net.ts", 'import "net";', "no-restricted-imports"],
  ["node/raft/random.ts", "export const x = Math.random();", "no-restricted-properties"],
  ["node/raft/builtin.ts", 'import "node:util";', "no-restricted-imports"],
  ["node/raft/package.ts", 'import "level";', "no-restricted-imports"],
  ["node/raft/process.ts", "export const x = process.pid;", "no-restricted-globals"],
  ["node/raft/timer.ts", "setImmediate(() => undefined);", "no-restricted-globals"],
  ["node/raft/date.ts", "export const x = new Date();", "no-restricted-syntax"],
  [
    "node/apply/async.ts",
    "export const x = async (): Promise<void> => undefined;",
    "no-restricted-syntax",
  ],
  ["node/apply/await.ts", "await 1;\nexport const x = 1;", "no-restricted-syntax"],
  [
    "node/server/slice.ts",
    "export const f = (bytes: Uint8Array): Uint8Array => bytes.slice(1);",
    "etcd-ts/no-bytes-slice",
  ],
  ["node/server/text.ts", "export const f = (text: string): string => text.slice(1);", ""],
  ["node/server/console.ts", 'console.log("x");', "no-console"],
  [
    "node/server/floating.ts",
    "export const x = 1;\nfetch('x');",
    "@typescript-eslint/no-floating-promises",
  ],
  [
    "node/lease/params.ts",
    "export function f(a: number, b: number, c: number, d: number, e: number): number {\n  return a + b + c + d + e;\n}",
    "max-params",
  ],
  [
    "node/server/number.ts",
    "export const f = (n: number): number => (n ? 1 : 2);",
    "@typescript-eslint/strict-boolean-expressions",
  ],
  ["node/server/loose.ts", "export const f = (a: unknown): boolean => a == 1;", "eqeqeq"],
  [
    "node/server/long.ts",
    `export function f(): void {\n${"  void 0;\n".repeat(70)}}`,
    "max-lines-per-function",
  ],
  [
    "node/lib/platform/time.ts",
    "export const x = Date.now();\nsetTimeout(() => undefined, 1);",
    "",
  ],
  ["node/raft/pure.ts", "export const x = new Date(0);", ""],
  [
    "node/grpc/hot.ts",
    "export function f(a: number, b: number, c: number, d: number, e: number): number {\n  return a + b + c + d + e;\n}",
    "",
  ],
];

interface Result {
  readonly filePath: string;
  readonly messages: readonly { ruleId: string | null; message: string }[];
}

test("each lint rule of the house fires on its planted violation, and what is allowed passes", () => {
  withPlantedProject((dir) => {
    for (const [file, source] of cases) write(dir, file, `${source}\n`);
    const eslint = `${projectDir}/node_modules/eslint/bin/eslint.js`;
    const args = [eslint, "--config", ".config/eslint.config.mjs", "--format", "json", "node"];
    const { stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: dir,
      encoding: "utf8",
      maxBuffer: 64 << 20,
    });
    assert.equal(stderr, "");
    const results = JSON.parse(stdout) as readonly Result[];
    for (const [file, , rule] of cases) {
      const fired = results
        .filter(({ filePath }) => filePath.endsWith(`/${file}`))
        .flatMap(({ messages }) => messages.map(({ ruleId, message }) => ruleId ?? message));
      if (rule === "") assert.deepEqual(fired, [], file);
      else assert.ok(fired.includes(rule), `${rule} did not fire on ${file}: ${fired.join(", ")}`);
    }
  });
});
