import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, test } from "node:test";
import type { BackendSnapshot } from "../../../node/backend/backend-snapshot.ts";
import { SystemTimers, systemClock } from "../../../node/lib/platform/clock.ts";
import { logIndex, type MemberId, memberId, revision, term } from "../../../node/lib/units.ts";
import { RaftHttp } from "../../../node/peer/raft-http.ts";
import { type Message, message } from "../../../node/raft/messages.ts";
import { connected, LabMember, labCluster, stopAll, until } from "./peer-lab.ts";

afterEach(stopAll);

const nobody = memberId(0x77n);
const logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** A state of 100 pieces; `released` counts. */
class State implements BackendSnapshot {
  readonly position = { consistentIndex: logIndex(9), term: term(5), revision: revision(1) };
  released = 0;

  async *chunks(): AsyncIterable<Uint8Array> {
    for (let at = 0; at < 100; at++) yield Buffer.alloc(10_000, at);
  }

  release(): void {
    this.released += 1;
  }
}

const snapshotTo = (from: LabMember, to: MemberId): Message =>
  message({
    type: "MsgSnap",
    from: from.id,
    to,
    term: term(5),
    snapshot: {
      data: Buffer.from("members"),
      metadata: {
        index: logIndex(9),
        term: term(5),
        confState: {
          voters: [from.id, to],
          learners: [],
          votersOutgoing: [],
          learnersNext: [],
          autoLeave: false,
        },
      },
    },
  });

const pair = async (): Promise<[LabMember, LabMember]> => {
  const [a, b] = await Promise.all([LabMember.start({ id: 0xan }), LabMember.start({ id: 0xbn })]);
  a.knows(b);
  await connected(a, b);
  return [a, b];
};

const sendSnapshot = (from: LabMember, to: MemberId, state: State): Promise<string> =>
  new Promise((resolve) => from.transport.sendSnapshot(snapshotTo(from, to), state, resolve));

test("a snapshot comes with its message behind it, and both sides see the end", async () => {
  const [a, b] = await pair();
  const state = new State();
  assert.equal(await sendSnapshot(a, b.id, state), "finished");
  assert.deepEqual(b.types(), ["MsgSnap"]);
  assert.equal(b.bodies[0]?.length, 1_000_000);
  assert.equal(state.released > 0, true);
});

test("a snapshot for nobody, or for one who is not there, fails, and the state is let go", async () => {
  const [a, b] = await pair();
  const first = new State();
  assert.equal(await sendSnapshot(a, nobody, first), "failed");
  await b.stop();
  const second = new State();
  assert.equal(await sendSnapshot(a, b.id, second), "failed");
  await until(() => a.unreachable.includes(b.id), "the report");
  a.transport.close();
  const third = new State();
  assert.equal(await sendSnapshot(a, b.id, third), "failed");
  assert.deepEqual(
    [first, second, third].map(({ released }) => released > 0),
    [true, true, true],
  );
});

test("a member that joins learns the cluster from the first address that answers", async () => {
  const a = await LabMember.start({ id: 0xan });
  a.members = [
    {
      id: memberId(0xf000000000000001n),
      name: "first",
      peerUrls: ["http://127.0.0.1:2380"],
      clientUrls: [],
      isLearner: false,
    },
  ];
  const b = await LabMember.start({ id: 0xbn });
  const found = await b.network.fetchCluster(["http://127.0.0.1:1", a.url]);
  assert.deepEqual(found, { clusterId: labCluster, members: a.members });
  assert.equal(await b.network.fetchCluster(["http://127.0.0.1:1"]), undefined);
});

test("versions are asked of every peer, and a promotion of the leader", async () => {
  const [a, b] = await pair();
  a.transport.setPeer(nobody, ["http://127.0.0.1:1"]);
  assert.deepEqual(
    await a.transport.versions(),
    new Map([
      [b.id, "3.7.1"],
      [nobody, undefined],
    ]),
  );
  const asked: MemberId[] = [];
  b.promotes = async (learner) => {
    asked.push(learner);
    return learner === nobody ? "LearnerNotReady" : undefined;
  };
  assert.equal(await a.transport.promote(b.id, memberId(5n)), undefined);
  assert.equal(await a.transport.promote(b.id, nobody), "LearnerNotReady");
  assert.deepEqual(asked, [5n, nobody]);
  await assert.rejects(a.transport.promote(memberId(6n), nobody));
  await assert.rejects(a.transport.promote(nobody, nobody));
});

test("before the member knows who it is the network serves nothing, and never the paths of others", async () => {
  const network = new RaftHttp({
    clock: systemClock,
    timers: new SystemTimers(),
    logger,
    peerUrls: ["http://127.0.0.1:1"],
    electionMs: 1000,
  });
  const server = createServer((request, response) => {
    if (!network.handle(request, response)) response.end("not mine");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const path of ["/raft", "/raft/stream/msgapp/1", "/raft/probing", "/members"]) {
    assert.equal((await fetch(url + path)).status, 503, path);
  }
  for (const path of ["/", "/raftx", "/members/hashkv", "/version"]) {
    assert.equal(await (await fetch(url + path)).text(), "not mine", path);
  }
  server.closeAllConnections();
  server.close();
});

test("a probe is answered whatever its method", async () => {
  const a = await LabMember.start({ id: 0xan });
  for (const method of ["GET", "POST"]) {
    const answer = (await (await fetch(`${a.url}/raft/probing`, { method })).json()) as {
      OK: boolean;
      Now: string;
    };
    assert.equal(answer.OK, true);
    assert.ok(!Number.isNaN(Date.parse(answer.Now)));
  }
});
