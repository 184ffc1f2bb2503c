/** Real etcdctl's watch, against a real etcd and our server. */
import { describe, test } from "node:test";
import { needs } from "../support/peers.ts";
import { type Etcdctl, EtcdctlPair } from "./etcdctl-pair.ts";

describe(
  "etcdctl watch sees no difference between etcd and our server",
  needs("etcd", "etcdctl"),
  () => {
    let pair: EtcdctlPair;

    /** What a watch has printed once it has printed so many lines that match. */
    const watched = async (
      etcdctl: Etcdctl,
      args: readonly string[],
      pattern: RegExp,
      count = 1,
    ): Promise<string> => {
      const watch = etcdctl.start("watch", ...args);
      await watch.until(pattern, count);
      return watch.stop();
    };

    test("both servers start", async () => {
      pair = await EtcdctlPair.start();
      for (const command of [
        ["put", "w/a", "1"],
        ["put", "w/b", "1"],
        ["put", "w/a", "2"],
        ["del", "w/b"],
        ["put", "w/c", "two\nlines"],
        ["put", "x", "other"],
        ["put", "w/end", "e"],
      ])
        await pair.sameLines(command);
    });

    test("from a revision on: one key, a prefix, a range, in all formats, with previous values", async () => {
      for (const format of ["simple", "json", "fields", "protobuf"]) {
        const formatted = ["-w", format];
        const last = format === "protobuf" ? /w\/end/ : /w\/end|dy9lbmQ=/;
        await pair.same((etcdctl) =>
          watched(etcdctl, ["--rev=1", "--prefix", "w/", ...formatted], last),
        );
        await pair.same((etcdctl) =>
          watched(etcdctl, ["--rev=3", "--prefix", "w/", "--prev-kv", ...formatted], last),
        );
        await pair.same((etcdctl) => watched(etcdctl, ["--rev=1", "w/end", ...formatted], last));
      }
      await pair.same((etcdctl) => watched(etcdctl, ["--rev=1", "w/a", "w/f"], /w\/end/));
      await pair.same((etcdctl) => watched(etcdctl, ["--rev=1", "", "--prefix"], /w\/end/));
      await pair.same((etcdctl) =>
        watched(etcdctl, ["--rev=1", "--prefix", "w/", "--hex"], /\\x65/),
      );
    });

    test("what is written while it watches", async () => {
      await pair.same(async (etcdctl) => {
        const watch = etcdctl.start("watch", "--rev=9", "--prefix", "live/", "--prev-kv");
        await etcdctl.do("put", "live/a", "1");
        await watch.until(/live\/a/);
        await etcdctl.do("put", "live/a", "2");
        await etcdctl.do("del", "live/a");
        await etcdctl.do("put", "live/end", "e");
        await watch.until(/live\/end/);
        return watch.stop();
      });
    });

    test("a command for each event", async () => {
      const script = 'env | grep ^ETCD_WATCH_ | sort; echo "--"';
      await pair.same((etcdctl) =>
        watched(etcdctl, ["--rev=2", "--prefix", "w/", "--", "sh", "-c", script], /^--$/, 6),
      );
      await pair.same((etcdctl) =>
        watched(etcdctl, ["--rev=2", "w/a", "--prev-kv", "--", "sh", "-c", script], /^--$/, 2),
      );
    });

    test("interactively: several watches on one stream, progress, and mistakes", async () => {
      await pair.same(async (etcdctl) => {
        const watch = etcdctl.start("watch", "-i");
        watch.write("watch w/a --rev=1");
        await watch.until(/^w\/a$/, 2);
        watch.write("watch w/end --rev=1 --prev-kv");
        await watch.until(/^w\/end$/);
        watch.write("watch w/a w/c --rev=1 -- echo of the range");
        await watch.until(/of the range/, 4);
        // Whose turn it is to print is the client's affair: one watch at a time has events.
        await etcdctl.do("put", "w/end", "again");
        await watch.until(/^again$/);
        watch.write("progress");
        await watch.until(/progress notify/, 3);
        return watch.stop();
      });
      await pair.same(async (etcdctl) => {
        const watch = etcdctl.start("watch", "-i");
        watch.write("cancel");
        await watch.until(/Invalid command/);
        watch.write("watch w/end --rev=1");
        await watch.until(/^again$/);
        return `${await watch.stop()}${watch.errors}`;
      });
    });

    test("what is compacted, and other refusals", async () => {
      await pair.sameLines(
        ["compaction", "5", "--physical"],
        ["watch", "w/a", "--rev=2"],
        ["watch", "w/a", "--rev=2", "-w", "json"],
        ["watch", "--rev=2", "--prefix", "w/"],
        ["watch"],
        ["watch", "b", "a", "--rev=6"],
        ["watch", "a", "a", "--rev=6"],
        ["watch", "a", "b", "--prefix"],
      );
      await pair.same((etcdctl) =>
        watched(etcdctl, ["--rev=5", "--prefix", "w/", "--prev-kv"], /e$/),
      );
    });

    test("both servers stop", async () => {
      await pair.stop();
    });
  },
);
