/** The space quota, defragmentation and alarms, as whole processes and with the real etcdctl: told as a real etcd tells it, and the disk shrinks. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { needs, peer } from "../support/peers.ts";
import { ourServer, type ServerCommand } from "../support/server-process.ts";
import { type SpaceStory, tellSpaceStory } from "./space-story.ts";

const mib = 1024 * 1024;
const exceeded = /mvcc: database space exceeded$/;

for (const how of [
  { size: 1, asked: 0 },
  { size: 3, asked: 2 },
]) {
  describe(`a full database of ${how.size} is told as etcd tells it`, needs("etcd"), () => {
    const directory = mkdtempSync(join(tmpdir(), "etcd-ts-space-"));
    let etcd: SpaceStory;
    let ours: SpaceStory;
    before(async () => {
      [etcd, ours] = await Promise.all([
        tellSpaceStory([peer("etcd")], join(directory, "etcd"), how),
        tellSpaceStory(ourServer() as ServerCommand, join(directory, "ours"), how),
      ]);
    });
    after(() => rmSync(directory, { recursive: true, force: true }));

    test("etcdctl says the same of both", () => {
      assert.deepEqual(Object.fromEntries(ours.chapters), Object.fromEntries(etcd.chapters));
    });

    test("the story took place", () => {
      const { chapters, puts } = ours;
      assert.ok(puts >= 12 && puts < 16, `${puts} MiB in a quota of 16 MiB`);
      const last = `ID${how.asked + 1}`;
      assert.match(chapters.get("full") ?? "", exceeded);
      assert.equal(chapters.get("alarm list after a restart"), `memberID:${last} alarm:NOSPACE`);
      for (let at = 1; at <= how.size; at++) {
        assert.match(chapters.get(`put at member ${at}`) ?? "", exceeded);
        assert.equal(chapters.get(`put again at member ${at}`), "OK");
      }
      assert.match(chapters.get("put behind the defragmentation") ?? "", exceeded);
      assert.equal(chapters.get("alarm list behind it"), "");
    });

    test("the disk has its room back", () => {
      for (const { diskBytes } of [etcd, ours]) {
        const [full, , defragmented] = diskBytes;
        assert.ok(full > how.size * 10 * mib, String(full));
        assert.ok(defragmented < how.size * 4 * mib, diskBytes.join(" "));
      }
    });

    test("the log has etcd's lines", () => {
      const messages = (story: SpaceStory): Set<string> =>
        new Set(
          readFileSync(story.log, "utf8")
            .split("\n")
            .filter((line) => /defrag|quota/.test(line))
            .map((line) => (JSON.parse(line) as { msg: string }).msg),
        );
      const of = messages(ours);
      for (const message of [
        "enabled backend quota",
        "starting defragment",
        "defragmenting",
        "finished defragmenting directory",
        "finished defragment",
      ]) {
        assert.ok(of.has(message) && messages(etcd).has(message), message);
      }
    });
  });
}
