import assert from "node:assert/strict";
import { test } from "node:test";
import { NameResolver } from "../../node/name-resolver.ts";
import { DnsServer, type Zone } from "./config/dns-server.ts";

async function withZone(zone: Zone, use: (resolver: NameResolver) => Promise<void>): Promise<void> {
  const server = await DnsServer.start(zone);
  try {
    await use(new NameResolver({ servers: [server.address] }));
  } finally {
    await server.close();
  }
}

test("SRV records come in one order, the preferred first", async () => {
  const record = (target: string, port: number, priority: number, weight = 0) => ({
    target,
    port,
    priority,
    weight,
  });
  const zone = {
    srv: {
      "_x._tcp.example.com": [
        record("d.example.com", 1, 2, 99),
        record("c.example.com", 2, 1, 5),
        record("b.example.com", 3, 1, 9),
        record("a.example.com", 5, 1, 5),
        record("a.example.com", 4, 1, 5),
      ],
    },
  };
  await withZone(zone, async (resolver) => {
    assert.deepEqual(
      (await resolver.lookupSrv("_x._tcp.example.com")).map(({ host, port }) => `${host}:${port}`),
      [
        "b.example.com:3",
        "a.example.com:4",
        "a.example.com:5",
        "c.example.com:2",
        "d.example.com:1",
      ],
    );
  });
});

test("of a host's addresses the lowest IPv4 one is told, then IPv6", async () => {
  const zone = {
    a: { "both.example.com": ["10.0.0.2", "10.0.0.1"] },
    aaaa: { "both.example.com": ["fd00:0:0:0:0:0:0:1"], "six.example.com": ["fd00:0:0:0:0:0:0:9"] },
  };
  await withZone(zone, async (resolver) => {
    assert.equal(await resolver.lookupHost("both.example.com"), "10.0.0.1");
    assert.equal(await resolver.lookupHost("six.example.com"), "fd00::9");
  });
});

test("an address is its own, IPv6 in its short form", async () => {
  await withZone({}, async (resolver) => {
    assert.equal(await resolver.lookupHost("10.0.0.1"), "10.0.0.1");
    assert.equal(await resolver.lookupHost("0:0:0:0:0:0:0:1"), "::1");
  });
});

test("names that are not there, or have no such record, are told as Go tells them", async () => {
  await withZone({ a: { "host.example.com": ["10.0.0.1"] } }, async (resolver) => {
    await assert.rejects(resolver.lookupHost("no.example.com"), {
      message: "lookup no.example.com: no such host",
    });
    for (const name of ["_x._tcp.example.com", "host.example.com"]) {
      await assert.rejects(resolver.lookupSrv(name), { message: `lookup ${name}: no such host` });
    }
  });
});

test("without name servers of its own it asks the machine", async () => {
  assert.match(await new NameResolver().lookupHost("localhost"), /^127\.0\.0\.1$|^::1$/);
});
