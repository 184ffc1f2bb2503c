import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryBackend } from "../../../node/backend/memory-backend.ts";
import { MemoryDisk } from "../../../node/backend/memory-disk.ts";
import {
  clusterId,
  idToHex,
  logIndex,
  type MemberId,
  memberId,
  term,
} from "../../../node/lib/units.ts";
import { memberToJson } from "../../../node/membership/member.ts";
import { encodeChange } from "../../../node/membership/membership-change.ts";
import type { Entry } from "../../../node/raft/types.ts";
import { checkOwner } from "../../../node/server/log-owner.ts";
import { LabWorld } from "../../support/lab-world.ts";
import { emptyHardState, entryAt } from "../raft/raft-lab.ts";

const self = memberId(1n);
const second = memberId(2n);

const memberOf = (id: MemberId) => ({
  id,
  peerUrls: [`http://m${id}:2380`],
  isLearner: false,
  name: "",
  clientUrls: [],
});

function adding(index: number, id: MemberId): Entry {
  const change = encodeChange({
    requestId: 0n,
    changes: [{ kind: "add", member: memberOf(id) }],
    expectedMemberListHash: undefined,
    maxLearners: undefined,
  });
  return { ...change, index: logIndex(index), term: term(1) };
}

/** Holds a log of these entries against a backend that has applied up to `applied` and knows the second member alone. */
function check(entries: readonly Entry[], applied: number, ofTerm = 1, mark = 0): void {
  const disk = new MemoryDisk();
  const backend = new MemoryBackend(disk, { timers: new LabWorld(1) });
  const position = { consistentIndex: logIndex(applied), term: term(ofTerm) };
  disk.position = { ...disk.position, ...position };
  backend.put("members", Buffer.from(idToHex(second)), Buffer.from(memberToJson(memberOf(second))));
  checkOwner({
    paths: { wal: "/wal", backend: "/backend" },
    backend,
    content: {
      metadata: { nodeId: self, clusterId: clusterId(9n) },
      hardState: emptyHardState,
      entries: [...entries],
    },
    snapshot: { index: logIndex(mark), term: term(1) },
  });
}

const foreign =
  /is the log of member 1 of cluster 9, but \/backend belongs to another cluster, with the members 2/;

test("a founder that crashed before its own entry was applied starts", () => {
  check([adding(1, second), adding(2, self)], 1);
});

test("one who joins and has not received its own entry yet starts", () => {
  check([adding(1, second), entryAt(2, 1, "x")], 2);
});

test("a backend without a member that the log has applied is another's", () => {
  assert.throws(() => check([adding(1, self), entryAt(2, 1, "x")], 2), foreign);
});

test("a backend whose position is not in the log is another's", () => {
  assert.throws(() => check([adding(1, second), adding(2, self)], 1, 2), foreign);
  assert.throws(() => check([adding(1, second)], 5), foreign);
});

test("behind a mark the own entry has been applied: a backend without the member is another's", () => {
  assert.throws(() => check([entryAt(6, 1, "x")], 6, 1, 5), foreign);
});
