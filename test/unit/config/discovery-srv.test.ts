import assert from "node:assert/strict";
import { test } from "node:test";
import { discoverBySrv } from "../../../node/config/discovery-srv.ts";
import {
  parseInitialCluster,
  resolveInitialCluster,
} from "../../../node/config/initial-cluster.ts";
import { SystemTimers, systemClock } from "../../../node/lib/platform/clock.ts";
import { NameResolver } from "../../../node/name-resolver.ts";
import { DnsServer, type SrvData, type Zone } from "./dns-server.ts";

const hosts = {
  "a.example.com": ["10.0.0.1"],
  "b.example.com": ["10.0.0.2"],
  "c.example.com": ["10.0.0.3"],
};

const at = (letter: string, port = 2380): SrvData => ({ target: `${letter}.example.com`, port });

interface Asked {
  readonly advertise?: readonly string[];
  readonly serviceName?: string;
  readonly state?: "new" | "existing";
}

interface Seen {
  readonly warnings: string[];
  readonly asked: readonly string[];
}

/** What member "me" finds in this zone, by real packets. */
async function discover(zone: Zone, options: Asked = {}) {
  const server = await DnsServer.start({ a: hosts, ...zone });
  const seen: Seen = { warnings: [], asked: server.asked };
  const nothing = (): void => {};
  const warn = (message: string): void => void seen.warnings.push(message);
  try {
    const cluster = await resolveInitialCluster(
      {
        name: "me",
        advertisePeerUrls: options.advertise ?? ["http://b.example.com:2380"],
        initialCluster: parseInitialCluster(""),
        initialClusterState: options.state ?? "new",
        discoverySrv: { domain: "example.com", serviceName: options.serviceName ?? "" },
      },
      {
        resolver: new NameResolver({ servers: [server.address] }),
        logger: { debug: nothing, info: nothing, warn, error: nothing },
        clock: systemClock,
        timers: new SystemTimers(),
      },
    );
    return { cluster: Object.fromEntries(cluster), seen, error: undefined };
  } catch (error) {
    assert.ok(error instanceof Error);
    return { cluster: undefined, seen, error: error.message };
  } finally {
    await server.close();
  }
}

const plain = "_etcd-server._tcp.example.com";
const ssl = "_etcd-server-ssl._tcp.example.com";

test("members get numbers for names, and this one its own, known by its address", async () => {
  const { cluster } = await discover({ srv: { [plain]: [at("a"), at("b"), at("c")] } });
  assert.deepEqual(cluster, {
    me: ["http://b.example.com:2380"],
    0: ["http://a.example.com:2380"],
    1: ["http://c.example.com:2380"],
  });
});

test("a member that advertises its address finds itself behind a name, with all its ports", async () => {
  const { cluster } = await discover(
    { srv: { [plain]: [at("b", 2390), at("b"), at("a"), at("b", 7)] } },
    { advertise: ["http://10.0.0.2:2390", "http://10.0.0.2:2380"] },
  );
  assert.deepEqual(cluster, {
    me: ["http://b.example.com:2380", "http://b.example.com:2390"],
    0: ["http://a.example.com:2380"],
    1: ["http://b.example.com:7"],
  });
});

test("a service name asks for other records", async () => {
  const { cluster, seen } = await discover(
    { srv: { "_etcd-server-prod._tcp.example.com": [at("b")], [plain]: [at("a")] } },
    { serviceName: "prod" },
  );
  assert.deepEqual(cluster, { me: ["http://b.example.com:2380"] });
  assert.ok(seen.asked.includes("_etcd-server-ssl-prod._tcp.example.com 33"));
});

test("without records the errors of both services are told", async () => {
  const { error, seen } = await discover({});
  assert.equal(
    error,
    "error setting up initial cluster: " +
      `error querying DNS SRV records for _etcd-server-ssl lookup ${ssl}: no such host\n` +
      `error querying DNS SRV records for _etcd-server lookup ${plain}: no such host`,
  );
  assert.deepEqual(seen.warnings, ["failed to resolve during SRV discovery"]);
});

test("records without this member are refused", async () => {
  const message =
    'error setting up initial cluster: cannot find local etcd member "me" in SRV records';
  const zone = { srv: { [plain]: [at("a"), at("b", 1)] } };
  assert.equal((await discover(zone)).error, message);
  assert.equal((await discover(zone, { state: "existing" })).error, message);
});

test("a record whose host has no address is left out; when none is left it is the error", async () => {
  const { cluster, seen } = await discover({ srv: { [plain]: [at("gone"), at("b")] } });
  assert.deepEqual(cluster, { me: ["http://b.example.com:2380"] });
  assert.ok(seen.warnings.includes("SRV record left out of the cluster"));
  const { error } = await discover({ srv: { [plain]: [at("gone")] } });
  assert.match(
    error ?? "",
    /error querying DNS SRV records for _etcd-server lookup gone\.example\.com: no such host$/,
  );
});

test("this member behind the service of the other scheme is told", async () => {
  const { error } = await discover({ srv: { [ssl]: [at("b")] } });
  assert.match(
    error ?? "",
    /for _etcd-server-ssl bootstrap at https:\/\/b\.example\.com:2380 from DNS for etcd-server-ssl has scheme mismatch with expected peer http:\/\/b\.example\.com:2380\n/,
  );
});

test("both services make one cluster, whose members may be reached by either scheme", async () => {
  const { cluster } = await discover({ srv: { [ssl]: [at("a", 2381)], [plain]: [at("b")] } });
  assert.deepEqual(cluster, {
    0: ["https://a.example.com:2381"],
    me: ["http://b.example.com:2380"],
  });
});

test("a member whose own name has no address cannot find itself", async () => {
  const { error } = await discover(
    { srv: { [plain]: [at("a")] } },
    { advertise: ["http://unknown.example.com:2380"] },
  );
  const lookup = "lookup unknown.example.com: no such host";
  assert.equal(error, `error setting up initial cluster: ${lookup}\n${lookup}`);
});

test("the dot at the end of a target, and IPv6 targets, make proper URLs", async () => {
  const nothing = (): void => {};
  const found = await discoverBySrv({
    discovery: { domain: "example.com", serviceName: "" },
    name: "me",
    advertisePeerUrls: ["http://[fd00::1]:80"],
    resolver: {
      lookupHost: async (host) => host,
      lookupSrv: async (name) =>
        name === plain
          ? [
              { host: "a.example.com.", port: 1 },
              { host: "fd00::1", port: 80 },
            ]
          : [],
    },
    logger: { debug: nothing, info: nothing, warn: nothing, error: nothing },
  });
  assert.deepEqual(found, {
    pairs: ["0=http://a.example.com:1", "me=http://[fd00::1]:80"],
    error: undefined,
  });
});
