/**
 * A cluster of three and an etcdctl that talks to it, with all that must differ from another such cluster called by its role: C1 is the first
 * member's client address, P1 its peer URL, M1 its id. The same names are variables of the shell.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "../../node/client/client.ts";
import { bootstrapClusterId, bootstrapMemberId } from "../../node/membership/member.ts";
import { mask } from "../conformance/compare.ts";
import { peer } from "../support/peers.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { Admin } from "./admin.ts";
import type { ClusterMember, MemberKind } from "./cluster-member.ts";
import { inRoleOrder } from "./etcdctl-output.ts";
import { Joiner, listOf } from "./interchange-joiner.ts";
import { ProcessCluster } from "./process-cluster.ts";
import { until } from "./until.ts";

/** What etcd's strict checks say until connections are five seconds old, and a learner has caught up. */
const passing = /unhealthy cluster|can only promote a learner member which is in sync with leader/;
const passingMs = 30_000;
const pauseMs = 200;

/** Neither number has to be the same: elections differ. */
const raftMasks: readonly (readonly [RegExp, string])[] = [
  [/"(raft_term|raftTerm)":\d+/g, '"$1":TERM'],
  [/"(RaftTerm)" : \d+/g, '"$1" : TERM'],
  [/((?:true|false), (?:true|false)), \d+, \d+, \d+,/g, "$1, TERM, INDEX, INDEX,"],
  [/((?:true|false) │ +(?:true|false)) │ +\d+ │ +\d+ │ +\d+ │/g, "$1 │ TERM │ INDEX │ INDEX │"],
];

export class EtcdctlSide {
  readonly #cluster: ProcessCluster;
  readonly #joiners: readonly [Joiner, Joiner];
  /** Those who were told apart so far: label ▸ id. */
  readonly #ids = new Map<string, bigint>();
  #joined: ServerProcess | undefined;

  private constructor(cluster: ProcessCluster, joiners: readonly [Joiner, Joiner]) {
    this.#cluster = cluster;
    this.#joiners = joiners;
    for (const [at, { id }] of cluster.members.entries()) this.#ids.set(`M${at + 1}`, id);
  }

  static async start(kind: MemberKind): Promise<EtcdctlSide> {
    const cluster = await ProcessCluster.start({ members: 3, kind });
    for (const { address } of cluster.members) await untilStorageVersion(address);
    const joiners = [
      await Joiner.of(cluster, kind, "m4"),
      await Joiner.of(cluster, kind, "m5"),
    ] as const;
    return new EtcdctlSide(cluster, joiners);
  }

  member(name: string): ClusterMember {
    return this.#cluster.member(name);
  }

  /** Makes it the leader and waits until everybody knows. */
  async lead(name: string): Promise<void> {
    const target = this.member(name);
    await until(`the leadership of ${name}`, async () => {
      const { leader } = await this.untilSomeLeader();
      if (leader === target) return true;
      await new Admin(leader.address).moveLeader(target.id);
      return undefined;
    });
  }

  async untilLeader(name: string): Promise<void> {
    await until(`the leadership of ${name}`, async () =>
      (await this.untilSomeLeader()).leader.name === name ? true : undefined,
    );
  }

  /** All that run agree. */
  untilSomeLeader(): Promise<{ readonly leader: ClusterMember }> {
    const among = this.#cluster.members.filter(({ isRunning }) => isRunning);
    return this.#cluster.untilLeader({ among });
  }

  async restart(name: string): Promise<void> {
    const member = this.member(name);
    member.start();
    await member.ready();
    await this.untilSomeLeader();
  }

  async startJoiner(): Promise<void> {
    const [joiner] = this.#joiners;
    this.#joined = await joiner.start(listOf(this.#cluster.members));
    await untilStorageVersion(joiner.address);
  }

  /** It ends by itself when it hears that it was removed. */
  async untilJoinerEnded(): Promise<void> {
    await until("the end of a removed member", () => this.#joined?.end);
  }

  async close(): Promise<void> {
    for (const joiner of this.#joiners) await joiner.stop();
    await this.#cluster.close();
  }

  /** Exit code, standard output and standard error, as text to compare. `settled`: tried again while it is refused for the moment. */
  async run(line: string, { settled = false } = {}): Promise<string> {
    const deadlineMs = performance.now() + passingMs;
    for (;;) {
      const { code, stdout, stderr } = await this.#shell(line);
      if (settled && passing.test(stderr) && performance.now() < deadlineMs) {
        await sleep(pauseMs);
        continue;
      }
      this.#learnJoiner(stdout);
      const out = inRoleOrder(this.#masked(stdout, line), line);
      // How often a client tries again is a matter of time.
      const errors = [...new Set(this.#masked(stderr, line).split("\n"))].sort().join("\n");
      return `exit ${String(code)}\n${out}${errors === "" ? "" : `[stderr]\n${errors}`}`;
    }
  }

  #shell(line: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const endpoints = this.#cluster.members.map(({ address }) => address).join(",");
    const env = {
      PATH: `${dirname(peer("etcdctl"))}:${process.env["PATH"] ?? ""}`,
      // Both at once are refused.
      ...(line.includes("--endpoints=") ? {} : { ETCDCTL_ENDPOINTS: endpoints }),
      LC_ALL: "C.UTF-8",
      ...Object.fromEntries(this.#addresses()),
      ...Object.fromEntries([...this.#ids].map(([label, id]) => [label, id.toString(16)])),
    };
    return new Promise((resolve, reject) => {
      const shell = spawn("sh", ["-c", line], { env, stdio: ["ignore", "pipe", "pipe"] });
      const out: Buffer[] = [];
      const err: Buffer[] = [];
      shell.stdout.on("data", (chunk: Buffer) => out.push(chunk));
      shell.stderr.on("data", (chunk: Buffer) => err.push(chunk));
      shell.once("error", reject);
      shell.once("close", (code) => {
        const [stdout = "", stderr = ""] = [out, err].map((chunks) =>
          Buffer.concat(chunks).toString("utf8"),
        );
        resolve({ code, stdout, stderr });
      });
    });
  }

  /** From what etcdctl says when it has added one. */
  #learnJoiner(stdout: string): void {
    const [, id] = /^Member +([0-9a-f]+) added/.exec(stdout) ?? [];
    if (id === undefined) return;
    const at = this.#joiners.findIndex(({ peerUrl }) => stdout.includes(peerUrl));
    this.#ids.set(`M${at + 4}`, BigInt(`0x${id}`));
  }

  #addresses(): [string, string][] {
    const all = [...this.#cluster.members, ...this.#joiners];
    return all.flatMap(({ address, peerUrl }, at): [string, string][] => [
      [`C${at + 1}`, address],
      [`P${at + 1}`, peerUrl],
    ]);
  }

  #masked(output: string, line: string): string {
    let masked = output;
    for (const [label, id] of [...this.#ids, ["CLUSTER", this.#clusterId()] as const]) {
      masked = masked
        .replaceAll(`:${id}`, `:"${label}"`)
        .replaceAll(String(id), label)
        .replaceAll(id.toString(16).padStart(16, "0"), label)
        .replaceAll(id.toString(16), label);
    }
    for (const [label, address] of this.#addresses()) masked = masked.replaceAll(address, label);
    // Whom of several a client asks is its own affair.
    masked = masked
      .replace(/\bAddr: 'C\d'/g, "Addr: ANY")
      .replace(/^Member .*/gm, (said) => said.replace(/ +/g, " "));
    if (!line.includes("endpoint ")) {
      masked = masked.replace(/("member_id":|"MemberID" : )"?M\d"?/g, "$1ANY");
    }
    for (const [pattern, replacement] of raftMasks) masked = masked.replace(pattern, replacement);
    return mask(masked, "nowhere:nothing");
  }

  #clusterId(): bigint {
    const first = this.#cluster.members.slice(0, 3);
    const ids = first.map(({ peerUrl }) => bootstrapMemberId([peerUrl], "etcd-cluster"));
    assert.deepEqual(
      ids,
      first.map(({ id }) => id),
    );
    return bootstrapClusterId(ids);
  }
}

/** Every member finds it out by itself, etcd's within some seconds of having the cluster's version; until then it tells an older one or none. */
async function untilStorageVersion(address: string): Promise<void> {
  const client = new Client({ endpoints: [address] });
  try {
    await until("a storage version", async () => {
      const { storageVersion } = await client.status();
      return storageVersion === "3.7.0" ? true : undefined;
    });
  } finally {
    client.close();
  }
}
