/** The commands that go on until they are told to end: etcdctl-ts and the real etcdctl print the same until then, and end alike. */
import { after, before, describe, test } from "node:test";
import { needs } from "../support/peers.ts";
import { CtlPair, ending, type Tool } from "./ctl-pair.ts";
import type { Running } from "./etcdctl-pair.ts";

const formats = ["simple", "json", "fields"] as const;

/** What a watch prints until that line has come so often, and how SIGINT ends it. */
async function watched(
  tool: Tool,
  args: readonly string[],
  pattern: RegExp,
  count = 1,
): Promise<string> {
  const watch = tool.start("watch", ...args);
  await watch.until(pattern, count);
  return ending(watch, "SIGINT");
}

describe("etcdctl-ts goes on and ends as etcdctl does", needs("etcdctl"), () => {
  let pair: CtlPair;

  before(async () => {
    pair = await CtlPair.start();
    await pair.same(async (tool) => {
      for (const command of [
        ["put", "w/a", "1"],
        ["put", "w/b", "1"],
        ["put", "w/a", "2"],
        ["del", "w/b"],
        ["put", "w/c", "two\nlines"],
        ["put", "x", "other"],
        ["put", "w/end", "e"],
      ])
        await tool.do(...command);
      return tool.run("get", "", "--prefix", "-w", "json");
    });
  });
  after(() => pair.stop());

  test("watch from a revision on: one key, a prefix, a range, in all formats, with previous values", async () => {
    for (const format of formats) {
      await pair.same(async (tool) => {
        const last = /w\/end|dy9lbmQ=/;
        const options = ["-w", format];
        return Promise.all([
          watched(tool, ["--rev=1", "--prefix", "w/", ...options], last),
          watched(tool, ["--rev=3", "--prefix", "w/", "--prev-kv", ...options], last),
          watched(tool, ["--rev=1", "w/end", ...options], last),
        ]);
      });
    }
    await pair.same(async (tool) =>
      Promise.all([
        watched(tool, ["--rev=1", "w/a", "w/f"], /w\/end/),
        watched(tool, ["--rev=1", "", "--prefix"], /w\/end/),
        watched(tool, ["--rev=1", "--prefix", "w/", "--hex"], /\\x65/),
        watched(tool, ["--rev=1", "w/end", "x", "y"], /w\/end/),
        watched(tool, ["--rev=1", "w/a", "--", "echo", "of", "the program"], /of the program/, 2),
      ]),
    );
  });

  test("watch tells what is written while it watches, and runs a program for each event", async () => {
    const script = 'env | grep ^ETCD_WATCH_ | grep -v REVISION | sort; echo "--"';
    await pair.same(async (tool) => {
      const watch = tool.start("watch", "--rev=9", "--prefix", "live/", "--prev-kv");
      const runs = tool.start("watch", "--rev=9", "--prefix", "live/", "--", "sh", "-c", script);
      await tool.do("put", "live/a", "1");
      await watch.until(/live\/a/);
      await tool.do("put", "live/a", 'a "quoted" one');
      await tool.do("del", "live/a");
      await tool.do("put", "live/end", "e");
      await watch.until(/live\/end/);
      await runs.until(/^--$/, 4);
      return [await ending(watch, "SIGINT"), await ending(runs, "SIGINT")];
    });
  });

  test("watch line by line: several watches, progress, mistakes, and a program that fails", async () => {
    for (const format of formats) {
      await pair.same(async (tool) => {
        const watch = tool.start("watch", "-i", "-w", format);
        watch.write("watch w/a --rev=1");
        await watch.until(/w\/a|dy9h/);
        watch.write("cancel");
        await watch.until(/Invalid command cancel/);
        // Every watch prints what it hears of the progress for itself: of several lines, those of two watches come in any order.
        const isOneLine = format === "simple";
        if (!isOneLine) await progress(watch, 1);
        watch.write("watch w/end --rev=1 --prev-kv");
        await watch.until(/w\/end|dy9lbmQ=/);
        watch.write("watch b a");
        await watch.until(/range is empty/);
        if (isOneLine) await progress(watch, 2);
        watch.write("watch w/a w/c --rev=1 -- sh -c 'exit 3'");
        return ending(watch);
      });
    }
  });

  test("keep-alive renews a lease until it is revoked, or SIGINT comes", async () => {
    for (const format of formats) {
      await pair.same(async (tool) => {
        const id = await tool.grant(2);
        const keeper = tool.start("lease", "keep-alive", id, "-w", format);
        await keeper.until(/keepalived|TTL/, 2);
        await tool.do("lease", "revoke", id);
        // How often it was renewed before is not told alike.
        return [...new Set((await ending(keeper)).split("\n"))];
      });
    }
    await pair.same(async (tool) => {
      const keeper = tool.start("lease", "keep-alive", await tool.grant(60));
      await keeper.until(/keepalived/);
      return ending(keeper, "SIGINT");
    });
  });

  test("lock: one holds it, the next waits, and SIGINT gives it back", async () => {
    for (const format of formats) {
      await pair.same(async (tool) => {
        const first = tool.start("lock", "mutex", "-w", format);
        await first.until(/mutex\/|bXV0ZXg/);
        const second = tool.start("lock", "mutex", "--ttl=30");
        await both(tool, "mutex/");
        const third = tool.start("lock", "mutex", "--", "sh", "-c", "echo it runs; exit 5");
        const outputs = [await ending(first, "SIGINT")];
        await second.until(/mutex\//);
        outputs.push(await ending(second, "SIGINT"), await ending(third));
        return [...outputs, await tool.run("get", "--prefix", "mutex/")].map((text) =>
          text.replace(/bXV0ZXg[^"]*/g, "KEY").replace(/(revision"|Revision" ):? ?\d+/gi, "$1"),
        );
      });
    }
  });

  test("lock: whoever is interrupted while it waits leaves the queue", async () => {
    await pair.same(async (tool) => {
      const first = tool.start("lock", "queue");
      await first.until(/queue\//);
      const second = tool.start("lock", "queue");
      await both(tool, "queue/");
      return [
        await ending(second, "SIGINT"),
        await tool.run("get", "--prefix", "queue/", "--keys-only"),
        await ending(first, "SIGINT"),
        await tool.run("get", "--prefix", "queue/", "--keys-only"),
      ];
    });
  });

  test("lock: SIGINT does not end the program, and the lock stays until it has ended", async () => {
    await pair.same(async (tool) => {
      const waits = `echo runs; until '${tool.program}' get go | grep -q go; do :; done; '${tool.program}' get --prefix busy/ --keys-only; exit 4`;
      const lock = tool.start("lock", "busy", "--", "sh", "-c", waits);
      await lock.until(/^runs$/);
      const interrupted = ending(lock, "SIGINT");
      await tool.do("put", "go", "on");
      return [
        await interrupted,
        await tool.run("get", "--prefix", "busy/"),
        await tool.run("del", "go"),
      ];
    });
  });

  test("lock ends with an error when its lease is gone", async () => {
    await pair.same(async (tool) => {
      const lock = tool.start("lock", "gone", "--ttl=3");
      await lock.until(/gone\//);
      const [, id = ""] = /gone\/([0-9a-f]+)/.exec(lock.output) ?? [];
      await tool.do("lease", "revoke", id);
      return ending(lock);
    });
  });

  test("elect: one wins, the next takes over, and who listens sees both", async () => {
    for (const format of formats) {
      await pair.same(async (tool) => {
        const first = tool.start("elect", "office", "one");
        await first.until(/^one$/);
        const listener = tool.start("elect", "office", "-l", "-w", format);
        await listener.until(/one|b25l/);
        const second = tool.start("elect", "office", "two");
        await both(tool, "office/");
        const outputs = [await ending(first, "SIGINT")];
        await second.until(/^two$/);
        await listener.until(/two|dHdv/);
        outputs.push(await ending(second, "SIGINT"), await ending(listener, "SIGINT"));
        return [...outputs, await tool.run("get", "--prefix", "office/")].map((text) =>
          text.replace(/b2ZmaWNl[^"]*/g, "KEY"),
        );
      });
    }
  });
});

async function progress(watch: Running, count: number): Promise<void> {
  watch.write("progress");
  await watch.until(/progress notify/, count);
}

/** Resolves when two keys are there. */
async function both(tool: Tool, prefix: string): Promise<void> {
  const keys = async (): Promise<string> => tool.do("get", "--prefix", prefix, "--keys-only");
  while ((await keys()).split("\n").filter(Boolean).length < 2);
}
