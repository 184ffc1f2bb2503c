import assert from "node:assert/strict";
import { test } from "node:test";
import { certificateUses, type DatedUse, ExpiryLog } from "../../../node/tls/expiry.ts";
import { writeFiles } from "../../support/pki/files.ts";
import { TestCa } from "../../support/pki.ts";
import { linesLogger, openIdentity, temporaryDir } from "./handshakes.ts";

const dayMs = 24 * 3_600_000;
const beganMs = Date.UTC(2030, 0, 1);

function watch(lifeDays: number, notBeforeMs = beganMs) {
  const use: DatedUse = {
    side: "peer",
    file: "/tls.crt",
    use: "server",
    subject: "CN=a",
    notBeforeMs,
    notAfterMs: notBeforeMs + lifeDays * dayMs,
  };
  let nowMs = beganMs;
  const { lines, logger } = linesLogger();
  const log = new ExpiryLog({ clock: { monotonicMs: () => nowMs, unixMs: () => nowMs }, logger });
  log.begin([use]);
  /** What is told from day `from` to day `to`, with a look every quarter of an hour, as level and whole days since the begin. */
  const told = (from: number, to: number): string[] => {
    lines.length = 0;
    const days: string[] = [];
    for (nowMs = beganMs + from * dayMs; nowMs < beganMs + to * dayMs; nowMs += dayMs / 96) {
      log.check();
      for (const { level } of lines.splice(0)) days.push(`${level} ${(nowMs - beganMs) / dayMs}`);
    }
    return days;
  };
  return { lines, told };
}

test("a certificate in use is told of with its end", () => {
  const { lines } = watch(365);
  assert.deepEqual(lines, [
    {
      level: "info",
      message: "TLS certificate in use",
      fields: {
        side: "peer",
        file: "/tls.crt",
        use: "server",
        subject: "CN=a",
        "not-after": "2031-01-01T00:00:00.000Z",
      },
    },
  ]);
});

test("one of a year is warned of once a day in its last 30 days, and an error a day when it has expired", () => {
  const { told } = watch(365);
  const days = told(0, 367);
  assert.equal(days.length, 32);
  assert.equal(days[0], `warn ${335 + 1 / 96}`);
  assert.equal(days[29], `warn ${364 + 1 / 96}`);
  assert.deepEqual(days.slice(30), [`error ${365 + 1 / 96}`, `error ${366 + 1 / 96}`]);
});

test("one of a day is warned of in the last third of its life", () => {
  const days = watch(1).told(0, 1.2);
  assert.deepEqual(
    days.map((line) => line.split(" ")[0]),
    ["warn", "error"],
  );
  assert.ok(Number(days[0]?.split(" ")[1]) > 2 / 3 && Number(days[0]?.split(" ")[1]) < 0.7);
});

test("one whose life has not begun is an error, until it has", () => {
  const { lines, told } = watch(365, beganMs + 1.5 * dayMs);
  assert.deepEqual(
    lines.map(({ level, message }) => [level, message]),
    [
      ["info", "TLS certificate in use"],
      ["error", "TLS certificate is not yet valid"],
    ],
  );
  assert.deepEqual(told(0, 4), ["error 1"]);
});

test("leaves, their issuers and the CAs of the bundle are told of; a pair for both directions once", async (t) => {
  const ca = TestCa.create("ca");
  const between = ca.intermediate("between");
  const [server, client] = [
    between.leaf({ commonName: "server" }),
    ca.leaf({ commonName: "client" }),
  ];
  const paths = writeFiles(temporaryDir(t), {
    s: server.chainPem,
    sk: server.keyPem,
    c: client.certPem,
    ck: client.keyPem,
    ca: ca.certPem + TestCa.create("next").certPem,
  });
  const one = { certFile: paths.s, keyFile: paths.sk, trustedCaFile: paths.ca };
  const both = { ...one, clientCertFile: paths.c, clientKeyFile: paths.ck };
  const told = async (settings: typeof one) => {
    const { identity, lines } = await openIdentity(t, settings);
    const inUse = lines.filter(({ message }) => message === "TLS certificate in use");
    assert.equal(inUse.length, identity.stats.certificates.length);
    return identity.stats.certificates.map(
      ({ use, subject }) => `${use} ${/CN=(\w+)/.exec(subject)?.[1] ?? ""}`,
    );
  };
  assert.deepEqual(await told(one), ["server server", "server between", "ca ca", "ca next"]);
  assert.deepEqual(await told(both), [
    "server server",
    "server between",
    "client client",
    "ca ca",
    "ca next",
  ]);
  const none = {
    server: undefined,
    client: undefined,
    authorities: undefined,
    revoked: new Set<string>(),
  };
  assert.deepEqual(certificateUses("peer", none), []);
});
