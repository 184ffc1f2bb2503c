/**
 * A small file system that really fills under a member's writes: the member ends with one message that names the file and says what
 * to do; with space again it starts, and every acknowledged write is there.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { KvConnection } from "../support/kv-connection.ts";
import {
  type MountedImage,
  makeImage,
  missingForDisks,
  mountImage,
} from "../support/loop-image.ts";
import { ourServer, type ServerCommand, type ServerProcess } from "../support/server-process.ts";
import { errorLines, freshPorts, startWith, stopAll } from "./start.ts";

const ours = ourServer() as ServerCommand;
const imageMebibytes = 40;
const ballastBytes = 20 * 1024 * 1024;
const missing = missingForDisks();

suite("a file system that fills", missing === undefined ? {} : { skip: missing }, () => {
  const home = mkdtempSync(join(tmpdir(), "etcd-ts-full-"));
  let image: MountedImage | undefined;
  after(async () => {
    await stopAll();
    await image?.unmount();
    rmSync(home, { recursive: true });
  });

  /** Writes until the member ends; the acknowledged value of each key. */
  async function fill(member: ServerProcess): Promise<Map<string, string>> {
    const acknowledged = new Map<string, string>();
    const connection = new KvConnection(member.address);
    let key = "";
    try {
      for (let at = 0; at < 5000; at++) {
        key = `key/${at % 300}`;
        const value = `${at} `.padEnd(30_000 + (at % 7) * 1000, String(at));
        await connection.put(key, value);
        acknowledged.set(key, value);
      }
    } catch {
      // The one that was under way may be there or not.
      acknowledged.delete(key);
    } finally {
      connection.close();
    }
    for (let wait = 0; wait < 500 && member.end === undefined; wait++) await sleep(20);
    return acknowledged;
  }

  const places = {
    "the log's": {
      walOnly: true,
      told: /cannot (write|begin the next log file in) [^ ]*\/full\/wal/,
    },
    "the backend's": { walOnly: false, told: /\/full\/data\/member\/backend/ },
  };
  for (const [name, { walOnly, told }] of Object.entries(places)) {
    test(`under ${name} writes`, async () => {
      const imageFile = join(home, "image");
      await makeImage(imageFile, imageMebibytes);
      image = await mountImage(imageFile, join(home, "full"));
      const { directory } = image;
      const ballast = join(directory, "ballast");
      writeFileSync(ballast, Buffer.alloc(ballastBytes, 1));
      const roomy = join(home, walOnly ? "roomy-data" : "roomy-wal");
      mkdirSync(roomy);
      const data = walOnly ? roomy : join(directory, "data");
      const logFile = join(home, `${walOnly ? "wal" : "backend"}.log`);
      const ports = await freshPorts();
      const start = (): ServerProcess =>
        startWith(ours, data, {
          ports,
          logFile,
          flags: [`--wal-dir=${join(walOnly ? directory : roomy, "wal")}`],
          environment: {
            ETCD_TS_TEST_SEGMENT_BYTES: "1000000",
            ETCD_TS_TEST_WRITE_BUFFER_BYTES: "500000",
          },
        });
      const member = start();
      await member.ready();
      const acknowledged = await fill(member);
      assert.equal(member.end, "exited with code 1");
      const [line = "", ...more] = errorLines(logFile);
      assert.deepEqual(more, []);
      assert.match(line, told);
      assert.match(line, /file system is full: make room on it, then start the member again/);
      assert.ok(acknowledged.size > 100, `${acknowledged.size} acknowledged`);

      rmSync(ballast);
      const again = start();
      await again.ready();
      const connection = new KvConnection(again.address);
      const { keys } = await connection.everything();
      connection.close();
      for (const [key, value] of acknowledged) assert.equal(keys.get(key)?.value, value, key);
      await again.stop("SIGKILL");
      await image.unmount();
      image = undefined;
    });
  }

  test("at the first start", async () => {
    const imageFile = join(home, "image");
    await makeImage(imageFile, imageMebibytes);
    image = await mountImage(imageFile, join(home, "full"));
    const ballast = join(image.directory, "ballast");
    const { bavail, bsize } = statfsSync(image.directory);
    writeFileSync(ballast, Buffer.alloc(bavail * bsize - 400_000, 1));
    const data = join(image.directory, "data");
    const logFile = join(home, "first.log");
    const ports = await freshPorts();
    const environment = { ETCD_TS_TEST_SEGMENT_BYTES: "1000000" };
    const start = (): ServerProcess => startWith(ours, data, { ports, logFile, environment });
    const member = start();
    await assert.rejects(member.ready(), /exited with code 1/);
    const [line = "", ...more] = errorLines(logFile);
    assert.deepEqual(more, []);
    assert.match(
      line,
      /cannot create the log [^ ]*\/full\/data\/member\/wal; the file system is full/,
    );
    rmSync(ballast);
    const again = start();
    await again.ready();
    await again.stop();
    await image.unmount();
    image = undefined;
  });
});
