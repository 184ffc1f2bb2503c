/**
 * A real member whose backend was damaged while it was stopped: it says what is wrong, rebuilds the backend from its log, and
 * afterwards holds record for record what it held before.
 */
import assert from "node:assert/strict";
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { LevelBackend } from "../../node/backend/level-backend.ts";
import { type SeenRecord, scanAll } from "../contract/backend.ts";
import { KvConnection } from "../support/kv-connection.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { ourServer } from "../support/server-process.ts";
import { levelHome } from "../unit/backend/level-home.ts";
import { freshPorts, type Ports, startWith, stopAll } from "./start.ts";

const keys = 20_000;
const environment = { ETCD_TS_TEST_WRITE_BUFFER_BYTES: String(1 << 20) };
const root = mkdtempSync(join(tmpdir(), "etcd-ts-rebuild-"));
after(async () => {
  await stopAll();
  rmSync(root, { recursive: true, force: true });
});

const command = ourServer() ?? assert.fail("there is no server to test");
const backendOf = (data: string): string => join(data, "member/backend");

/** 20,000 keys, some written again, some deleted. */
async function load(address: string): Promise<void> {
  const connection = new KvConnection(address);
  const txns: Promise<number>[] = [];
  for (let from = 0; from < keys; from += 100) {
    const writes = Array.from({ length: 100 }, (_, n) => ({
      key: `key ${from + n}`,
      value: `value of ${from + n} `.repeat(6),
    }));
    txns.push(connection.txn(writes));
  }
  await Promise.all(txns.splice(0));
  for (let n = 0; n < keys; n += 40) {
    const again = { key: `key ${n}`, value: "written again" };
    txns.push(connection.txn([again, { key: `key ${n + 1}`, value: null }]));
  }
  await Promise.all(txns);
  connection.close();
}

/** What HashKV is made of: all records of all revisions. */
async function recordsOf(data: string): Promise<readonly SeenRecord[]> {
  const { options, dispose } = await levelHome();
  const backend = await LevelBackend.open(backendOf(data), options);
  const records = await scanAll(backend);
  await backend.close();
  await dispose();
  return records;
}

/** Waits for the last commit: damage to a batch that was being written is none, as that was not acknowledged. */
async function settled(dir: string): Promise<void> {
  const sizes = (): string =>
    readdirSync(dir)
      .map((name) => `${name} ${statSync(join(dir, name), { throwIfNoEntry: false })?.size ?? 0}`)
      .join();
  for (let before = ""; before !== sizes(); await sleep(1000)) before = sizes();
}

function flip(path: string, random: SeededRandom): void {
  const bytes = readFileSync(path);
  const place = random.below(bytes.length);
  bytes[place] = (bytes[place] ?? 0) ^ (1 << random.below(8));
  writeFileSync(path, bytes);
}

function largest(dir: string, ending: RegExp): string {
  const names = readdirSync(dir).filter((name) => ending.test(name));
  const size = (name: string): number => statSync(join(dir, name)).size;
  return names.sort((a, b) => size(b) - size(a))[0] ?? assert.fail(`no ${ending} in ${dir}`);
}

test("bits flipped in a table, a log or the manifest: all is there again after the start", async (context) => {
  const pristine = join(root, "pristine");
  const ports: Ports = await freshPorts();
  const member = startWith(command, pristine, { ports, environment });
  await member.ready();
  await load(member.address);
  await settled(backendOf(pristine));
  // Killed, so that LevelDB's log holds something.
  await member.stop("SIGKILL");
  const scratch = join(root, "scratch");
  cpSync(pristine, scratch, { recursive: true });
  const again = startWith(command, scratch, { ports, environment });
  await again.ready();
  await again.stop();
  const before = await recordsOf(scratch);
  assert.ok(before.length >= keys + keys / 20);

  const random = new SeededRandom(7);
  for (const ending of [/\.ldb$/, /\.log$/, /^MANIFEST/]) {
    await context.test(`${ending}`, async () => {
      const data = join(root, `damaged-${random.uint32()}`);
      cpSync(pristine, data, { recursive: true });
      const file = largest(backendOf(data), ending);
      flip(join(backendOf(data), file), random);
      const logFile = `${data}.log`;
      const rebuilt = startWith(command, data, { ports, environment, logFile });
      await rebuilt.ready();
      const connection = new KvConnection(rebuilt.address);
      const found = await connection.everything();
      connection.close();
      assert.equal(found.keys.size, keys - keys / 40);
      await rebuilt.stop();
      assert.deepEqual(await recordsOf(data), before);
      assert.ok(readdirSync(join(data, "member")).includes("backend.damaged-1"));
      const log = readFileSync(logFile, "utf8");
      assert.match(log, /the backend is damaged/);
      assert.ok(log.includes(file), "the log names the file");
      assert.match(log, /rebuilt the backend from the log/);
    });
  }
});
