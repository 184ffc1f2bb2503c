/** Real etcdctl's lease, lock and elect, against a real etcd and our server. */
import { describe, test } from "node:test";
import { needs } from "../support/peers.ts";
import { EtcdctlPair } from "./etcdctl-pair.ts";

const formats = ["simple", "json", "fields", "protobuf"] as const;

describe(
  "etcdctl's leases see no difference between etcd and our server",
  needs("etcd", "etcdctl"),
  () => {
    let pair: EtcdctlPair;

    test("both servers start", async () => {
      pair = await EtcdctlPair.start();
    });

    test("grant, and what is refused", async () => {
      await pair.sameLines(
        ["lease", "grant", "60"],
        ["lease", "grant", "60", "-w", "json"],
        ["lease", "grant", "60", "-w", "fields"],
        ["lease", "grant", "0"],
        ["lease", "grant", "1", "-w", "json"],
        ["lease", "grant", "9000000000", "-w", "json"],
        ["lease", "grant", "9000000001"],
        ["lease", "grant", "abc"],
        ["lease", "grant"],
        ["lease", "revoke", "1234"],
        ["lease", "revoke", "xyz"],
        ["lease", "timetolive", "1234"],
        ["lease", "timetolive", "1234", "-w", "json"],
        ["lease", "timetolive", "1234", "--keys", "-w", "fields"],
        ["lease", "keep-alive", "1234", "--once"],
        ["lease", "keep-alive", "1234"],
        ["put", "k", "v", "--lease=1234"],
        ["put", "k", "v", "--lease=xyz"],
      );
    });

    test("keys of a lease, its time, and its revocation", async () => {
      await pair.same(async (etcdctl) => {
        const id = await etcdctl.grant(600);
        const outputs = [
          await etcdctl.run("put", "leased/a", "1", `--lease=${id}`, "-w", "json"),
          await etcdctl.run("put", "leased/b", "1", `--lease=${id}`),
          await etcdctl.run("put", "leased/a", "2", "--ignore-lease"),
          await etcdctl.run("put", "free", "1"),
          await etcdctl.run("get", "--prefix", "leased/", "-w", "json"),
          await etcdctl.run("get", "leased/a", "-w", "fields"),
        ];
        for (const format of formats.slice(0, 3)) {
          outputs.push(
            await etcdctl.run("lease", "timetolive", id, "-w", format),
            await etcdctl.run("lease", "keep-alive", id, "--once", "-w", format),
          );
        }
        await etcdctl.do("put", "leased/b", "2");
        // With one key there is one order.
        for (const format of formats.slice(0, 3))
          outputs.push(await etcdctl.run("lease", "timetolive", id, "--keys", "-w", format));
        outputs.push(
          await etcdctl.run("lease", "revoke", id),
          await etcdctl.run("get", "--prefix", "", "-w", "json"),
          await etcdctl.run("lease", "revoke", id),
          await etcdctl.run("lease", "timetolive", id, "--keys"),
          await etcdctl.run("put", "leased/a", "1", `--lease=${id}`),
        );
        return outputs;
      });
    });

    test("the list of leases", async () => {
      await pair.same(async (etcdctl) => {
        for (const ttl of [700, 800]) await etcdctl.grant(ttl);
        // Those of the shortest time may have ended meanwhile.
        const count = (text: string): string =>
          String(text.split("\n").filter((line) => /LEASE/.test(line)).length > 4);
        const all = await etcdctl.run("lease", "list");
        return [
          count(all),
          all
            .split("\n")
            .slice(0, 2)
            .map((line) => line.replace(/\d+/, "N"))
            .join("\n"),
        ];
      });
    });

    test("a lease is kept alive until it is revoked", async () => {
      await pair.same(async (etcdctl) => {
        const id = await etcdctl.grant(3);
        await etcdctl.do("put", "alive", "1", `--lease=${id}`);
        const keeper = etcdctl.start("lease", "keep-alive", id);
        await keeper.until(/keepalived/, 5);
        const still = await etcdctl.run("get", "alive");
        await etcdctl.do("lease", "revoke", id);
        const ended = await keeper.ended();
        return [
          still,
          [...new Set(ended.split("\n"))].join("\n"),
          await etcdctl.run("get", "alive"),
        ];
      });
    });

    test("a lease that nobody renews ends, and a watch is told", async () => {
      await pair.same(async (etcdctl) => {
        const id = await etcdctl.grant(2);
        const [, revision = ""] =
          /"revision":(\d+)/.exec(
            await etcdctl.do("put", "short", "1", `--lease=${id}`, "-w", "json"),
          ) ?? [];
        const watch = etcdctl.start("watch", "short", "--prev-kv", `--rev=${revision}`);
        await watch.until(/DELETE/);
        await watch.until(/^short$/, 3);
        return [
          await watch.stop(),
          await etcdctl.run("get", "short"),
          await etcdctl.run("lease", "timetolive", id),
        ];
      });
    });

    test("lock: one holds it, the next waits, and it is free when the holder ends", async () => {
      await pair.same((etcdctl) =>
        etcdctl.run(
          "lock",
          "mutex",
          "--",
          "sh",
          "-c",
          "env | grep ^ETCD_LOCK | sort | sed 's/REV=.*/REV/'",
        ),
      );
      await pair.same(async (etcdctl) => {
        const first = etcdctl.start("lock", "mutex");
        await first.until(/mutex\//);
        const second = etcdctl.start("lock", "mutex", "--ttl=30");
        const held = await etcdctl.run("get", "--prefix", "mutex/", "--count-only", "-w", "fields");
        const outputs = [
          held.replace(/"Revision" : \d+|"Count" : \d+/g, "N"),
          await first.stop("SIGINT"),
        ];
        await second.until(/mutex\//);
        outputs.push(await second.stop("SIGINT"), await etcdctl.run("get", "--prefix", "mutex/"));
        return outputs;
      });
      await pair.same((etcdctl) => etcdctl.run("lock", "mutex", "--", "sh", "-c", "exit 7"));
    });

    test("elect: one wins, the next takes over, and who listens sees both", async () => {
      await pair.same(async (etcdctl) => {
        const first = etcdctl.start("elect", "office", "one");
        await first.until(/^one$/);
        const listener = etcdctl.start("elect", "office", "-l");
        await listener.until(/^one$/);
        const second = etcdctl.start("elect", "office", "two");
        const outputs = [await first.stop("SIGINT")];
        await second.until(/^two$/);
        await listener.until(/^two$/);
        outputs.push(await second.stop("SIGINT"), await listener.stop());
        return outputs;
      });
    });

    test("both servers stop", async () => {
      await pair.stop();
    });
  },
);
