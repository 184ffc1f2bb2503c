/** A taste of npm run test:power in every test run: a few kills, and two power cuts where the machine allows them. */
import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { missingForDisks } from "../support/loop-image.ts";
import { ourServer } from "../support/server-process.ts";
import { runKills } from "./kills.ts";
import { runPowerCuts } from "./power-cuts.ts";
import { explain, isFailed, type RigOptions, type Round } from "./rig.ts";

const seed = 7;

async function run(
  rig: (options: RigOptions) => Promise<Round[]>,
  roundsWanted: number,
): Promise<void> {
  const server = ourServer();
  assert(server !== undefined, "there is no server to test: run npm run build");
  const workDirectory = mkdtempSync(join(tmpdir(), "etcd-ts-power-"));
  const rounds = await rig({
    server,
    seed,
    writers: 8,
    workDirectory,
    imageMebibytes: 256,
    print: () => undefined,
  });
  const failed = rounds.find(isFailed);
  assert(failed === undefined, failed && explain(failed, workDirectory));
  assert.equal(rounds.length, roundsWanted);
  await rm(workDirectory, { recursive: true });
}

test("after kill -9 under load every acknowledged write is there", async () => {
  await run((options) => runKills(options, 3), 3);
});

const missing = missingForDisks();
const missingFile = process.env["ETCD_TS_MISSING_PEERS"];
if (missing !== undefined && missingFile !== undefined) appendFileSync(missingFile, `${missing}\n`);

test("after a power cut under load every acknowledged write is there", {
  skip: missing ?? false,
}, async () => {
  await run((options) => runPowerCuts(options, 2), 2);
});
