/** A taste of node test/disk/main.ts in every test run. */
import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ourServer } from "../support/server-process.ts";
import { cutSummary, runCuts } from "./cuts.ts";

test("a log cut anywhere: everything acknowledged is served, or the member refuses with file and offset", async () => {
  const server = ourServer();
  assert(server !== undefined, "there is no server to test: run npm run build");
  const workDirectory = mkdtempSync(join(tmpdir(), "etcd-ts-cuts-"));
  const lines: string[] = [];
  const rig = { server, seed: 11, writers: 8, workDirectory, imageMebibytes: 0 };
  const cuts = await runCuts({ ...rig, print: (line) => void lines.push(line) }, 5);
  assert.ok(
    cuts.every(({ outcome }) => outcome !== "FAILED"),
    `${lines.join("\n")}\n${cutSummary(cuts)}; kept in ${workDirectory}`,
  );
  assert.equal(cuts.length, 5);
  assert.ok(cuts.every(({ mode, outcome }) => mode !== "torn" || outcome === "served"));
  await rm(workDirectory, { recursive: true });
});
