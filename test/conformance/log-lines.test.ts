/**
 * The lines by which people and tools know etcd: what our server logs in the same situation has the same message, level, logger and fields as
 * etcd's. Lines of etcd's that we do not have stand below with the reason, so that a gap is known; a value or a password stands in no line.
 */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { needs } from "../support/peers.ts";
import { type Lives, type LogLine, livesOf, shapeOf, values } from "./log-life.ts";

/** Message ▸ fields of etcd's that ours does not have. */
const same: Readonly<Record<string, readonly string[]>> = {
  "starting local member": [],
  "kvstore restored": [],
  "enabled backend quota with default value": [],
  "starting etcd server": [],
  "ID became follower at term N": [],
  "added member": [],
  "ID became pre-candidate at term N": [],
  "ID became candidate at term N": [],
  "ID became leader at term N": [],
  "raft.node: ID elected leader ID at term N": [],
  "setting up initial cluster version using v3 API": [],
  "set initial cluster version": [],
  "enabled capabilities for version": [],
  "cluster version is updated": [],
  "published local member to cluster through raft": [],
  "ready to serve client requests": [],
  "serving client traffic insecurely; this is strongly discouraged!": [],
  "triggering snapshot": [],
  "saved snapshot to disk": [],
  // The hash of a compaction is made when somebody asks for it, and records are counted where they are removed, in slices.
  "finished scheduled compaction": ["hash", "number-of-keys-compacted"],
  "starting defragment": [],
  defragmenting: [],
  "finished defragmenting directory": [],
  "finished defragment": [],
  "added remote peer": [],
  "applied a configuration change through raft": [],
  "updated member": [],
  "removed member": [],
  "removed remote peer": [],
  "received signal; shutting down": [],
  // Who the member is stands in the line of its start.
  "closed etcd server": ["advertise-client-urls", "advertise-peer-urls", "data-dir", "name"],
};

const notOurs: Readonly<Record<string, readonly string[]>> = {
  "of Go's programs, listeners and flags": [
    "Running http and grpc server on single port. This is not recommended for production.",
    "Running: ",
    // Those of this test run, ETCD_TS_...
    "unrecognized environment variable",
    "Initialize and start etcd server",
    "configuring peer listeners",
    "configuring client listeners",
    "starting an etcd server",
    "now serving peer/client/metrics",
    "serving peer traffic",
    "cmux::serve",
    "grpc service status changed",
    "closing etcd server",
    "setting up serving from embedded etcd failed.",
    "stopping insecure grpc server due to error",
    "stopped insecure grpc server due to error",
    "stopping serving peer traffic",
    "stopped serving peer traffic",
    "notifying init daemon",
    "successfully notified init daemon",
  ],
  "of bbolt and the storage version": [
    "opened backend db",
    "restore consistentIndex",
    "cluster version differs from storage version.",
    "updated storage version",
  ],
  "steps within a start, an election or a stop": [
    "bootstrapping cluster",
    "bootstrapping storage",
    "bootstrapping raft",
    "bootstrap successfully",
    "started as single-node; fast-forwarding election ticks",
    "started to purge file",
    "ID switched to configuration voters=…",
    "newRaft ID …",
    "ID is starting a new election at term N",
    "ID received MsgPreVoteResp from ID at term N",
    "ID has received N MsgPreVoteResp votes and N vote rejections",
    "ID received MsgVoteResp from ID at term N",
    "ID has received N MsgVoteResp votes and N vote rejections",
    "skipped leadership transfer for single voting member cluster",
    "server has stopped; stopping storage version's monitor",
    "server has stopped; stopping cluster version's monitor",
  ],
  "of goroutines that a peer has on etcd": [
    "starting remote peer",
    "started remote peer",
    "started HTTP pipelining with remote peer",
    "started stream writer with remote peer",
    "started stream reader with remote peer",
    "updated remote peer",
    "stopping remote peer",
    "stopped remote peer",
    "stopped TCP streaming connection with remote peer",
    "stopped HTTP pipelining with remote peer",
    "stopped stream reader with remote peer",
    // Whether these two come depends on how long the member was there.
    "failed to reach the peer URL",
    "failed to get version",
  ],
  "of authentication": ["simple token is not cryptographically signed", "added a user"],
  "of compaction's inside": ["compact tree index", "storing new hash"],
};

const told = ["error", "warn", "info"];
/** zapgrpc tells of grpc-go, bbolt of its file. */
const isOfLibrary = (line: LogLine): boolean =>
  line.logger === "bbolt" || String(line["caller"]).startsWith("zapgrpc/");

function byMessage(lines: readonly LogLine[]): Map<string, LogLine> {
  return new Map(
    lines
      .filter((line) => told.includes(line.level) && !isOfLibrary(line))
      .map((line) => [shapeOf(line), line]),
  );
}

const beside = ["ts", "caller", "stacktrace", "msg", "level"];
const fieldsOf = (line: LogLine): string[] =>
  Object.keys(line).filter((key) => !beside.includes(key));

describe("log lines", needs("etcd", "etcdctl"), () => {
  let lives: Lives;
  before(async () => {
    lives = await livesOf([
      "--snapshot-count=10",
      "--log-level=debug",
      "--warning-apply-duration=1us",
    ]);
  });

  test("what both do is told by the same messages, with etcd's level, logger and fields", () => {
    const [etcd, ours] = [byMessage(lives.etcd), byMessage(lives.ours)];
    for (const [message, absent] of Object.entries(same)) {
      const [theirs, own] = [etcd.get(message), ours.get(message)];
      assert.ok(theirs !== undefined, `etcd does not say: ${message}`);
      assert.ok(own !== undefined, `we do not say: ${message}`);
      assert.equal(own.logger, theirs.logger, message);
      assert.equal(own.level, theirs.level, message);
      const missing = fieldsOf(theirs).filter((field) => !fieldsOf(own).includes(field));
      assert.deepEqual(missing.sort(), [...absent].sort(), message);
    }
  });

  test("every other message of etcd's has a reason not to be ours", () => {
    const known = new Set([...Object.keys(same), ...Object.values(notOurs).flat()]);
    const slow = ["apply request took too long", "request stats", "failed to apply request"];
    const unknown = [...byMessage(lives.etcd).keys()].filter(
      (message) => !known.has(message) && !slow.includes(message),
    );
    assert.deepEqual(unknown, []);
  });

  test("no value and no password stands in a log, at level debug and with every slow request told", () => {
    assert.ok(lives.ours.some(({ msg }) => msg === "apply request took too long"));
    for (const [what, secret] of Object.entries(values)) {
      assert.ok(!lives.oursText.includes(secret), what);
      assert.ok(!lives.oursText.includes(Buffer.from(secret).toString("base64")), what);
      assert.ok(!lives.oursText.includes(Buffer.from(secret).toString("hex")), what);
    }
  });
});
