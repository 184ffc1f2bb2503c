/** Endpoints from DNS. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { discover, type ServiceRecord } from "../../../node/ctl/discovery.ts";
import { type Outcome, runCtl } from "./run.ts";

const record = (port: number, more: Partial<ServiceRecord> = {}): ServiceRecord => ({
  name: "m1.example",
  port,
  priority: 0,
  weight: 0,
  ...more,
});

type Zone = Readonly<Record<string, readonly ServiceRecord[]>>;

const lookUpIn =
  (zone: Zone) =>
  (name: string): Promise<readonly ServiceRecord[]> => {
    const found = zone[name];
    if (found !== undefined) return Promise.resolve(found);
    return Promise.reject(
      Object.assign(new Error(`querySrv ENOTFOUND ${name}`), { code: "ENOTFOUND" }),
    );
  };

const get = (zone: Zone, ...flags: readonly string[]): Promise<Outcome> =>
  runCtl(["get", "a", "--command-timeout=50ms", "--discovery-srv=example", ...flags], {
    lookUpServices: lookUpIn(zone),
  });

suite("endpoints from DNS", () => {
  test("those with TLS come first, then by priority and weight; a dot at the end of a name is none of it", async () => {
    const lookUpServices = lookUpIn({
      "_etcd-client-ssl._tcp.example": [
        record(3, { priority: 2 }),
        record(2, { priority: 1, weight: 1 }),
        record(1, { priority: 1, weight: 5, name: "m2.example." }),
      ],
      "_etcd-client._tcp.example": [record(4)],
    });
    const io = { err: () => undefined, lookUpServices };
    const asked = { domain: "example", serviceName: "", isInsecure: true };
    assert.deepEqual(await discover(io, asked), [
      "https://m2.example:1",
      "https://m1.example:2",
      "https://m1.example:3",
      "http://m1.example:4",
    ]);
  });

  test("plain ones are ignored, and told, with --insecure-discovery=false", async () => {
    const zone = { "_etcd-client._tcp.example": [record(4)] };
    const { code, stderr } = await get(
      zone,
      "--insecure-discovery=false",
      "--endpoints=127.0.0.1:1",
    );
    assert.equal(code, 1);
    assert.equal(
      stderr,
      'ignoring discovered insecure endpoint "http://m1.example:4"\nError: context deadline exceeded\n',
    );
  });

  test("the service name is part of what is looked up, and both failures are told", async () => {
    const { code, stderr } = await get({}, "--discovery-srv-name=blue");
    assert.equal(code, 1);
    assert.equal(
      stderr,
      "Error: dns lookup errors: lookup _etcd-client-ssl-blue._tcp.example: no such host and lookup _etcd-client-blue._tcp.example: no such host\n",
    );
  });
});
