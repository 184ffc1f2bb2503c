import assert from "node:assert/strict";
import { test } from "node:test";
import { Rejections } from "../../../node/tls/rejections.ts";
import { HandTimers } from "../peer/hand-timers.ts";
import { linesLogger } from "./handshakes.ts";

const rejection = (error: string) => ({
  remoteAddress: "10.0.0.1:4000",
  serverName: "member.test",
  certificate: undefined,
  error,
});

test("a refusal is a line by etcd's name, with the names of the certificate that was shown", () => {
  const { lines, logger } = linesLogger();
  const timers = new HandTimers();
  const certificate = { dnsNames: ["a.test"], ipAddresses: ["10.0.0.9"] };
  for (const endpoint of ["client", "peer", "metrics"] as const) {
    new Rejections(endpoint, { logger, timers }).rejected({ ...rejection("why"), certificate });
  }
  assert.deepEqual(
    lines.map(({ level, message }) => `${level} ${message}`),
    [
      "warn rejected connection on client endpoint",
      "warn rejected connection on peer endpoint",
      "warn rejected connection on client endpoint",
    ],
  );
  assert.deepEqual(lines[0]?.fields, {
    "remote-addr": "10.0.0.1:4000",
    "server-name": "member.test",
    "ip-addresses": ["10.0.0.9"],
    "dns-names": ["a.test"],
    error: "why",
  });
});

test("under a flood the first ones of a second are told, and then the number of the others with the last one", () => {
  const { lines, logger } = linesLogger();
  const timers = new HandTimers();
  const rejections = new Rejections("client", { logger, timers });
  for (let at = 0; at < 1000; at++) rejections.rejected(rejection(`number ${at}`));
  assert.equal(lines.length, 10);
  timers.pass(1000);
  assert.equal(lines.length, 11);
  assert.equal(lines[10]?.fields["rejected"], 990);
  assert.equal(lines[10].fields["error"], "number 999");
  rejections.rejected(rejection("later"));
  assert.equal(lines[11]?.fields["error"], "later");
  timers.pass(1000);
  assert.equal(lines.length, 12);
  assert.deepEqual(timers.waits, []);
});

test("who only looked whether the port is open is no more than a debug line", () => {
  const { lines, logger } = linesLogger();
  new Rejections("client", { logger, timers: new HandTimers() }).left(rejection("EOF"));
  assert.equal(lines[0]?.level, "debug");
});
