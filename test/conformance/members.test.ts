/**
 * Changes of the members by real etcdctl, against a real etcd and against our server: what it prints must be the same. Each is the only
 * process of its cluster; the members that are added never start. A voter among them takes the quorum away, on both.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { dirname } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { needs, peer } from "../support/peers.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { diff, mask } from "./compare.ts";
import { ServerPair } from "./pair.ts";

/** {m1}, {l1} and so on stand for the id of the member with that peer URL, in hex, as it was added last. */
const urls = {
  m1: "http://127.0.0.1:2380",
  moved: "http://127.0.0.1:2381",
  l1: "http://127.0.0.1:9990",
  l2: "http://127.0.0.1:9992",
  v2: "http://127.0.0.1:9991",
};

const withoutChange = [
  "member list",
  "member add x",
  "member add x --peer-urls=nonsense",
  "member add x --peer-urls=127.0.0.1:9",
  "member add x --peer-urls=http://127.0.0.1:9/path",
  `member add x --peer-urls=${urls.m1}`,
  `member add x --learner --peer-urls=${urls.m1},http://127.0.0.1:9`,
  "member promote {m1}",
  "member promote 1234",
  "member promote nonsense",
  "member promote",
  "member remove {m1}",
  "member remove 1234",
  "member remove nonsense",
  "member update 1234 --peer-urls=http://127.0.0.1:9",
  "member update {m1}",
  "move-leader 1234",
  "move-leader {m1}",
  "move-leader nonsense",
];

const updates = [
  `member update {m1} --peer-urls=${urls.moved}`,
  "member list",
  `member update {m1} --peer-urls=${urls.m1},${urls.moved} -w json`,
  `member update {m1} --peer-urls=${urls.m1}`,
  "member list -w json",
];

const learners = [
  `member add l1 --learner --peer-urls=${urls.l1}`,
  "member list",
  "member list -w json",
  "member list -w fields",
  "member list -w table",
  "member list --hex -w json",
  `member add l2 --learner --peer-urls=${urls.l2}`,
  `member add l2 --learner --peer-urls=${urls.l1}`,
  "member promote {l1}",
  "move-leader {l1}",
  `member update {l1} --peer-urls=${urls.m1}`,
  `member update {l1} --peer-urls=${urls.l2}`,
  "member list -w json",
  `member update {l1} --peer-urls=${urls.l1}`,
  "put a b",
  "member remove {l1}",
  "member remove {l1}",
  "member promote {l1}",
  `member update {l1} --peer-urls=${urls.l1}`,
  `member add l1 --learner --peer-urls=${urls.l1} -w json`,
  "member remove {l1} -w json",
  "member list",
  "endpoint status",
];

const lostQuorum = [
  `member add v2 --peer-urls=${urls.v2}`,
  "member list --consistency=s",
  "--command-timeout=500ms put a c 2>&1 | grep Error",
  "--command-timeout=500ms member list 2>&1 | grep Error",
  "get a --consistency=s",
];

interface Outcome {
  readonly text: string;
  readonly stdout: string;
}

function run(args: string, server: ServerProcess): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const etcdctl = peer("etcdctl");
    const env = {
      PATH: `${dirname(etcdctl)}:${process.env["PATH"] ?? ""}`,
      ETCDCTL_ENDPOINTS: server.address,
      LC_ALL: "C.UTF-8",
    };
    const shell = spawn("sh", ["-c", `etcdctl ${args}`], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    shell.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    shell.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    shell.once("error", reject);
    shell.once("close", (code) => {
      const stdout = Buffer.concat(out).toString("utf8");
      const stderr = Buffer.concat(err).toString("utf8");
      resolve({ stdout, text: mask(`exit ${String(code)}\n${stdout}${stderr}`, server.address) });
    });
  });
}

/** One of the two servers, with the ids that its members have had. */
class Side {
  readonly server: ServerProcess;
  private readonly names = new Map<string, string>();
  private readonly newest = new Map<string, string>();

  constructor(server: ServerProcess) {
    this.server = server;
  }

  /** The command's output, with names in the place of ids, and lists in an order that does not depend on ids. */
  async run(line: string): Promise<string> {
    await this.learnIds();
    const args = line.replaceAll(/\{(\w+)\}/g, (_, name: string) => this.newest.get(name) ?? "0");
    const { text } = await run(args, this.server);
    await this.learnIds();
    let named = text;
    for (const [id, name] of this.names) named = named.replaceAll(id, `<${name}>`);
    return named.split("\n").map(inOrder).toSorted().join("\n");
  }

  private async learnIds(): Promise<void> {
    const { stdout } = await run("member list --consistency=s", this.server);
    for (const line of stdout.trim().split("\n")) {
      const [id = "", , , peerUrls = ""] = line.split(", ");
      if (this.names.has(id)) continue;
      const name = Object.entries(urls).find(([, url]) => url === peerUrls)?.[0] ?? peerUrls;
      this.names.set(id, name);
      this.names.set(BigInt(`0x${id}`).toString(), name);
      this.newest.set(name, id);
    }
  }
}

/** Lists of members in JSON and in etcdctl's hint for the new member, sorted. */
function inOrder(line: string): string {
  const pairs = /^ETCD_INITIAL_CLUSTER="(.*)"$/.exec(line)?.[1];
  if (pairs !== undefined) return pairs.split(",").toSorted().join(",");
  const list = /^(.*"members":\[)(.*)(\].*)$/.exec(line);
  if (list === null) return line;
  const members = (list[2] ?? "").split(/(?<=\}),(?=\{)/);
  return `${list[1] ?? ""}${members.toSorted().join(",")}${list[3] ?? ""}`;
}

describe(
  "etcdctl changes members on etcd and on our server alike",
  needs("etcd", "etcdctl"),
  async () => {
    let pair: ServerPair | undefined;
    let sides: readonly [Side, Side] | undefined;

    async function compare(lines: readonly string[]): Promise<void> {
      assert(sides !== undefined, "the servers did not start");
      const [etcd, ours] = sides;
      const differences: string[] = [];
      for (const line of lines) {
        // An id is of the second in which a member was added: in the same one, etcd and ours name another reason for the refusal.
        if (/member add [lv]\d/.test(line)) await sleep(1100);
        const [expected, actual] = await Promise.all([etcd.run(line), ours.run(line)]);
        const difference = diff(expected, actual);
        if (difference !== "") differences.push(`$ etcdctl ${line}\n${difference}`);
      }
      const heading = `${differences.length} of ${lines.length} commands differ (- etcd, + ours)`;
      assert.equal(differences.length, 0, `${heading}\n\n${differences.join("\n\n")}`);
    }

    test("both servers start", async () => {
      pair = await ServerPair.start();
      sides = [new Side(pair.etcd), new Side(pair.ours)];
    });
    test("what changes nothing", () => compare(withoutChange));
    test("new peer URLs", () => compare(updates));
    test("learners that come and go", () => compare(learners));
    test("a restart keeps who was removed", async () => {
      await pair?.restart();
      sides = pair === undefined ? undefined : [new Side(pair.etcd), new Side(pair.ours)];
      await compare(["member list -w json", "endpoint status", "put a c"]);
    });
    test("a voter that never starts takes the quorum away", () => compare(lostQuorum));
    test("a forced new cluster is that of the one member again", async () => {
      await pair?.restart(["--force-new-cluster"]);
      sides = pair === undefined ? undefined : [new Side(pair.etcd), new Side(pair.ours)];
      await compare(["member list -w json", "put a d", "get a", "member remove 1234"]);
      await pair?.restart();
      sides = pair === undefined ? undefined : [new Side(pair.etcd), new Side(pair.ours)];
      await compare(["member list -w json", "get a -w json"]);
    });
    test("both servers stop", async () => {
      await pair?.stop();
    });
  },
);
