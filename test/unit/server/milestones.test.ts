import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogFields } from "../../../node/lib/ports.ts";
import { clusterId, type MemberId, memberId } from "../../../node/lib/units.ts";
import { type MilestoneSource, Milestones } from "../../../node/server/milestones.ts";
import { quiet } from "../wal/wal-lab.ts";

function makeLab(version?: string) {
  const told: string[] = [];
  const fieldsOf: (LogFields | undefined)[] = [];
  const node = { term: 3, role: "follower" as MilestoneSource["role"], lead: 0n as MemberId };
  const state = { version };
  const info = (message: string, fields?: LogFields): void => {
    told.push(message);
    fieldsOf.push(fields);
  };
  const milestones = new Milestones({
    id: memberId(0xan),
    clusterId: clusterId(0xcn),
    logger: { ...quiet, info },
    node,
    version: () => state.version,
  });
  return { told, fieldsOf, node, state, milestones };
}

test("roles and leaders are told in raft's words, once each", () => {
  const { told, fieldsOf, node, milestones } = makeLab();
  const steps: Partial<typeof node>[] = [
    {},
    { role: "preCandidate" },
    { role: "candidate", term: 4 },
    { role: "leader", lead: memberId(0xan) },
    {},
    { role: "follower", term: 5, lead: memberId(0xbn) },
    { lead: 0n as MemberId },
  ];
  for (const step of steps) {
    Object.assign(node, step);
    milestones.look();
  }
  assert.deepEqual(told, [
    "a became follower at term 3",
    "a became pre-candidate at term 3",
    "a became candidate at term 4",
    "a became leader at term 4",
    "raft.node: a elected leader a at term 4",
    "a became follower at term 5",
    "raft.node: a changed leader from a to b at term 5",
    "raft.node: a lost leader b at term 5",
  ]);
  assert.ok(fieldsOf.every((fields) => fields?.["logger"] === "raft"));
});

test("the cluster's version is told when it is decided and when it grows, not when it was known at the start", () => {
  const { told, fieldsOf, state, milestones } = makeLab();
  told.length = fieldsOf.length = 0;
  state.version = "3.6.0";
  milestones.look();
  milestones.look();
  state.version = "3.7.0";
  milestones.look();
  assert.deepEqual(told, [
    "set initial cluster version",
    "enabled capabilities for version",
    "updated cluster version",
    "enabled capabilities for version",
  ]);
  const ids = { "cluster-id": "c", "local-member-id": "a" };
  assert.deepEqual(fieldsOf[0], { ...ids, "cluster-version": "3.6" });
  assert.deepEqual(fieldsOf[2], { ...ids, from: "3.6", to: "3.7" });
  const known = makeLab("3.7.0");
  known.told.length = 0;
  known.milestones.look();
  assert.deepEqual(known.told, []);
});
