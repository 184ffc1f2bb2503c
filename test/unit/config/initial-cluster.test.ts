import assert from "node:assert/strict";
import { test } from "node:test";
import type { Resolver } from "../../../node/config/discovery-srv.ts";
import {
  type InitialClusterFlags,
  parseInitialCluster,
  patientResolve,
  resolveInitialCluster,
} from "../../../node/config/initial-cluster.ts";

/** Hosts of the table have addresses; time passes only while somebody waits. */
class World implements Resolver {
  readonly asked: string[] = [];
  nowMs = 0;
  readonly hosts: Record<string, string>;
  constructor(hosts: Record<string, string> = {}) {
    this.hosts = hosts;
  }
  async lookupHost(host: string): Promise<string> {
    this.asked.push(host);
    const address = /^[\d.]+$/.test(host) ? host : this.hosts[host];
    if (address === undefined) throw new Error(`lookup ${host}: no such host`);
    return address;
  }
  async lookupSrv(): Promise<never> {
    throw new Error("not asked for here");
  }
  get ports() {
    const nothing = (): void => {};
    const after = (delayMs: number, run: () => void) => {
      this.nowMs += delayMs;
      queueMicrotask(run);
      return { cancel: nothing };
    };
    return {
      resolver: this,
      clock: { monotonicMs: () => this.nowMs, unixMs: () => 0 },
      timers: { after, every: () => ({ cancel: nothing }), endOfTurn: nothing },
      logger: { debug: nothing, info: nothing, warn: nothing, error: nothing },
    };
  }
}

const flags = (
  initialCluster: string,
  more: Partial<InitialClusterFlags> = {},
): InitialClusterFlags => ({
  name: "m1",
  advertisePeerUrls: ["http://10.0.0.1:2380"],
  initialCluster: parseInitialCluster(initialCluster),
  initialClusterState: "new",
  discoverySrv: undefined,
  ...more,
});

const refused = (given: InitialClusterFlags, message: string, world = new World()) =>
  assert.rejects(resolveInitialCluster(given, world.ports), { message });

test("a cluster has every member that is named, with its URLs in etcd's form and order", async () => {
  const world = new World();
  const cluster = await resolveInitialCluster(
    flags("m2=HTTP://b:2,m1=http://10.0.0.1:2380,m2=http://a:9"),
    world.ports,
  );
  assert.deepEqual(
    [...cluster],
    [
      ["m2", ["http://a:9", "http://b:2"]],
      ["m1", ["http://10.0.0.1:2380"]],
    ],
  );
  // No name was looked up, as the texts agree.
  assert.deepEqual(world.asked, []);
});

test("a cluster without this member is refused, a new and an existing one", async () => {
  const message = `couldn't find local name "m1" in the initial cluster configuration`;
  await refused(flags(""), message);
  await refused(flags("m2=http://10.0.0.1:2380"), message);
  await refused(flags("m2=http://a:1", { initialClusterState: "existing" }), message);
});

test("what this member advertises and what the cluster has for it must be the same", async () => {
  const own = "http://10.0.0.1:2380";
  await refused(
    flags(`m1=${own},m1=http://10.0.0.1:5`),
    `--initial-cluster has m1=http://10.0.0.1:5 but missing from --initial-advertise-peer-urls=${own} ` +
      `(len(["${own}"]) != len(["${own}" "http://10.0.0.1:5"]))`,
  );
  await refused(
    flags("m1=http://10.0.0.9:2380"),
    `--initial-cluster has m1=http://10.0.0.9:2380 but missing from --initial-advertise-peer-urls=${own} ` +
      `(resolved urls: "${own}" != "http://10.0.0.9:2380")`,
  );
  await refused(
    flags(`m1=${own}`, { advertisePeerUrls: [own, "http://10.0.0.1:5"] }),
    `--initial-advertise-peer-urls has http://10.0.0.1:5 but missing from --initial-cluster=m1=${own}`,
  );
  await refused(
    flags(`m1=${own},m1=${own}`),
    `failed to resolve ${own} to match --initial-cluster=m1=${own},m1=${own} (len(["${own}"]) != len(["${own}" "${own}"]))`,
  );
});

test("a name and its address are the same place", async () => {
  const world = new World({ "one.example": "10.0.0.1" });
  const cluster = await resolveInitialCluster(flags("m1=http://one.example:2380"), world.ports);
  assert.deepEqual([...cluster], [["m1", ["http://one.example:2380"]]]);
  await refused(
    flags("m1=http://one.example:2381"),
    "--initial-cluster has m1=http://one.example:2381 but missing from --initial-advertise-peer-urls=http://10.0.0.1:2380 " +
      '(resolved urls: "http://10.0.0.1:2380" != "http://10.0.0.1:2381")',
    world,
  );
});

test("a name that has no address yet is looked up for 30 seconds", async () => {
  const world = new World();
  await refused(
    flags("m1=http://late.example:2380"),
    "--initial-cluster has m1=http://late.example:2380 but missing from --initial-advertise-peer-urls=http://10.0.0.1:2380 " +
      '(failed to resolve "http://late.example:2380" (lookup late.example: no such host))',
    world,
  );
  assert.equal(world.nowMs, 30_000);
  const other = new World();
  const found = patientResolve(other.ports)("late.example");
  other.hosts["late.example"] = "10.0.0.1";
  assert.equal(await found, "10.0.0.1");
});

test("one who joins need not advertise what the cluster has for it", async () => {
  const joining = flags("m1=http://10.0.0.9:2380", { initialClusterState: "existing" });
  assert.equal((await resolveInitialCluster(joining, new World().ports)).size, 1);
});

test("a URL of two members is refused", async () => {
  const url = "http://10.0.0.1:2380";
  await refused(
    flags(`m1=${url},m2=${url}`),
    `initial cluster m1=${url},m2=${url} has duplicate url`,
  );
});

test("members may be reached over https", async () => {
  const text = "m1=https://10.0.0.1:2380,m2=http://10.0.0.2:2380";
  const advertisePeerUrls = ["https://10.0.0.1:2380"];
  const cluster = await resolveInitialCluster(
    flags(text, { advertisePeerUrls }),
    new World().ports,
  );
  assert.deepEqual(cluster.get("m1"), advertisePeerUrls);
});

test("what is no URL is told with etcd's reason, and with its place", async () => {
  const setup = "error setting up initial cluster: ";
  const form = 'URL address does not have the form "host:port": ';
  for (const [text, message] of [
    [
      "http://a:1",
      'URL scheme must be http, https, unix, or unixs: ("http://a:1" is not NAME=URL)',
    ],
    ["m1=", 'URL scheme must be http, https, unix, or unixs: ("m1" is not NAME=URL)'],
    ["m1=ftp://a:1", 'URL scheme must be http, https, unix, or unixs: ftp://a:1 (of "m1")'],
    ["m1=http://a", `${form}http://a (of "m1")`],
    ["m2=http://[::1]", `${form}http://[::1] (of "m2")`],
    ["m1=http://a:1/x", 'URL must not contain a path: http://a:1/x (of "m1")'],
    ["m1=unix://a:1", '"unix://a:1": members are reached over http and https only'],
  ] as const) {
    const advertisePeerUrls = text.includes("unix") ? ["unix://a:1"] : ["http://a:1"];
    await refused(flags(text, { advertisePeerUrls }), setup + message);
  }
});
