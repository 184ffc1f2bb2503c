/**
 * Real etcdctl with three endpoints, against three of ours and three real etcds: what it prints must be the same, where members and ports are called
 * by their roles. Each command runs on both at once.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { diff } from "../conformance/compare.ts";
import { needs } from "../support/peers.ts";
import { EtcdctlSide } from "./etcdctl-side.ts";

const formats = ["simple", "table", "json", "fields"] as const;
const inAllFormats = (command: string): string[] =>
  formats.map((format) => `etcdctl ${command} -w ${format}`);

/** Two that nobody listens on. */
const dead = "127.0.0.1:1,127.0.0.1:2";

describe(
  "etcdctl sees no difference between three etcds and three of ours",
  needs("etcd", "etcdctl"),
  () => {
    const sides: EtcdctlSide[] = [];

    /**
     * Runs the lines on both sides, and compares what they print. A line that begins with "!" must fail, every other one succeed. `settled`: again
     * and again while it is refused for the moment.
     */
    async function compare(lines: readonly string[], { settled = false } = {}): Promise<void> {
      const differences: string[] = [];
      for (const line of lines) {
        const outputs = await Promise.all(sides.map((side) => side.run(line, { settled })));
        const [expected = "", actual = ""] = outputs;
        const difference = diff(expected, actual);
        if (difference !== "") differences.push(`$ ${line}\n${difference}`);
      }
      const heading = `${differences.length} of ${lines.length} commands differ (- etcd, + ours)`;
      assert.equal(differences.length, 0, `${heading}\n\n${differences.join("\n\n")}`);
    }

    const both = (act: (side: EtcdctlSide) => Promise<unknown>): Promise<unknown> =>
      Promise.all(sides.map(act));

    test("both clusters start", async () => {
      sides.push(await EtcdctlSide.start("etcd"));
      sides.push(await EtcdctlSide.start("etcd-ts"));
      await both((side) => side.lead("m1"));
    });

    test("members and their state", async () => {
      await compare([
        ...inAllFormats("member list"),
        ...inAllFormats("member list --hex"),
        ...inAllFormats("endpoint status --cluster"),
        ...inAllFormats("endpoint health --cluster"),
        ...inAllFormats("endpoint hashkv --cluster"),
        "etcdctl endpoint status -w table",
        "etcdctl --endpoints=$C2 endpoint status -w json",
      ]);
    });

    test("reads and writes through every member", async () => {
      await compare([
        ...["$C1", "$C2", "$C3"].flatMap((at) => [
          `etcdctl --endpoints=${at} put key "through ${at.slice(1)}" --prev-kv -w json`,
          ...["$C1", "$C2", "$C3"].map((other) => `etcdctl --endpoints=${other} get key -w json`),
        ]),
        "etcdctl put key anywhere",
        "etcdctl get key -w fields",
        'etcdctl --endpoints=$C3 txn <<\'E\'\nvalue("key") = "anywhere"\n\nput key again\nget key\n\n\nE',
        "etcdctl --endpoints=$C2 del key --prev-kv -w json",
        "etcdctl --endpoints=$C2 compaction 3 --physical",
        "! etcdctl --endpoints=$C3 get key --rev=2",
        ...inAllFormats("endpoint hashkv --cluster"),
      ]);
    });

    test("move-leader", async () => {
      await compare([
        "etcdctl move-leader $M2",
        "etcdctl move-leader $M2",
        "! etcdctl --endpoints=$C1 move-leader $M3",
        "! etcdctl --endpoints=$C2 move-leader ffff",
        "! etcdctl move-leader",
        "! etcdctl move-leader xyz",
      ]);
      await both((side) => side.untilLeader("m2"));
      await compare(inAllFormats("endpoint status --cluster"));
      await both((side) => side.lead("m1"));
    });

    test("a learner is added, catches up and is promoted", async () => {
      await compare(["etcdctl member add m4 --peer-urls=$P4 --learner"], { settled: true });
      await compare([...inAllFormats("member list"), "! etcdctl member promote $M4"]);
      await both((side) => side.startJoiner());
      await compare([
        ...inAllFormats("member list"),
        "! etcdctl member add m5 --peer-urls=$P5 --learner",
        "! etcdctl --endpoints=$C4 put key value",
        "! etcdctl --endpoints=$C4 get key",
        "etcdctl --endpoints=$C4 get key --consistency=s",
        "etcdctl --endpoints=$C4 endpoint status -w table",
        "etcdctl --endpoints=$C4 member list -w simple",
        "! etcdctl --endpoints=$C4 member add m5 --peer-urls=$P5",
        "! etcdctl move-leader $M4",
      ]);
      await compare(["etcdctl --endpoints=$C2 member promote $M4"], { settled: true });
      await compare([
        "! etcdctl member promote $M4",
        "! etcdctl member promote ffff",
        "! etcdctl member promote",
        "etcdctl --endpoints=$C4 put key value",
        ...inAllFormats("member list"),
        ...inAllFormats("endpoint status --cluster"),
      ]);
    });

    test("a member's address is changed, and the member removed", async () => {
      await compare([
        "etcdctl member update $M4 --peer-urls=$P4,$P5",
        "etcdctl member list -w table",
        "etcdctl member update $M4 --peer-urls=$P4 -w json",
        "! etcdctl member update $M4 --peer-urls=$P1",
        "! etcdctl member update ffff --peer-urls=$P5",
        "! etcdctl member update $M4",
        "! etcdctl member add m6 --peer-urls=$P1",
        "! etcdctl member add m6 --peer-urls=nonsense",
        "! etcdctl member add m6",
        "! etcdctl member remove ffff",
        "! etcdctl member remove xyz",
      ]);
      await compare(["etcdctl --endpoints=$C3 member remove $M4"], { settled: true });
      await both((side) => side.untilJoinerEnded());
      await compare([
        "! etcdctl member remove $M4",
        "! etcdctl member promote $M4",
        ...inAllFormats("member list"),
      ]);
      await compare(["etcdctl member add m5 --peer-urls=$P5"], { settled: true });
      await compare([
        "etcdctl member list -w table",
        "etcdctl member remove $M5",
        "etcdctl member list",
      ]);
    });

    test("two dead endpoints in the list", async () => {
      const etcdctl = `etcdctl --dial-timeout=500ms --command-timeout=1s --endpoints=${dead},$C2`;
      await compare([
        `${etcdctl} put key "in spite of it"`,
        `${etcdctl} get key -w json`,
        `${etcdctl} member list -w table`,
        `! ${etcdctl} endpoint status -w table`,
        `! ${etcdctl} endpoint status -w json`,
        `! ${etcdctl} endpoint health`,
        `! ${etcdctl} endpoint health -w json`,
        `! ${etcdctl} endpoint hashkv`,
        `${etcdctl} endpoint status --cluster -w table`,
        `${etcdctl} endpoint health --cluster`,
      ]);
    });

    for (const killed of ["m3", "m1"]) {
      test(`the others serve while ${killed} is dead`, async () => {
        await both((side) => side.lead("m1"));
        await both((side) => side.member(killed).stop("SIGKILL"));
        await both((side) => side.untilSomeLeader());
        const others = ["m1", "m2", "m3"].filter((name) => name !== killed);
        const addresses = others.map((name) => name.replace("m", "$C"));
        await compare([
          ...addresses.flatMap((at) => [
            `etcdctl --endpoints=${at} put while/${killed}${at.slice(1)} dead`,
            ...addresses.map((other) => `etcdctl --endpoints=${other} get --prefix while/ -w json`),
          ]),
          "etcdctl put all three",
          "etcdctl get all -w json",
          "etcdctl member list -w table",
        ]);
        if (killed === "m1") await both((side) => side.lead("m2"));
        await compare([
          "! etcdctl --command-timeout=3s endpoint status --cluster -w table",
          "! etcdctl --command-timeout=3s endpoint health --cluster",
        ]);
        await both((side) => side.restart(killed));
        await compare([
          `etcdctl --endpoints=${killed.replace("m", "$C")} get --prefix while/ -w json`,
          "etcdctl endpoint status --cluster -w table",
          "etcdctl endpoint hashkv --cluster -w table",
        ]);
      });
    }

    test("both clusters stop", async () => {
      await both((side) => side.close());
    });
  },
);
