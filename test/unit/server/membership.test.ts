/** What whole members do together when the cluster changes: from flags and calls to every member's list and configuration. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberId } from "../../../node/lib/units.ts";
import { type Member as ListedMember, runtimeMemberId } from "../../../node/membership/member.ts";
import { memberListHash } from "../../../node/membership/member-list-hash.ts";
import { internalRequest } from "../../../node/proto/internal-raft-codec.ts";
import type { Member } from "../../../node/server/member.ts";
import type { ChangeWaiter } from "../../../node/server/reconfig.ts";
import { encodePut } from "../apply/apply-lab.ts";
import { ClusterLab, clusterOfNames, urlOf } from "./cluster-lab.ts";

const any = { expectedMemberListHash: undefined };

/** The list behind a change, or the name of the error. */
type Answer = readonly ListedMember[] | string;

function ask(lab: ClusterLab, begin: (waiter: ChangeWaiter) => void): Promise<Answer> {
  return lab.settled(
    new Promise<Answer>((resolve) => begin({ applied: resolve, refused: resolve })),
  );
}

async function changed(lab: ClusterLab, begin: (waiter: ChangeWaiter) => void): Promise<void> {
  const answer = await ask(lab, begin);
  assert.equal(typeof answer, "object", JSON.stringify(answer, textOfIds));
}

const newMember = (lab: ClusterLab, name: string, isLearner: boolean): ListedMember => {
  const peerUrls = [urlOf(name)];
  const id = runtimeMemberId(peerUrls, lab.world.unixMs());
  return { id, peerUrls, isLearner, name: "", clientUrls: [] };
};

function put(lab: ClusterLab, member: Member, key: string): Promise<string> {
  const message = encodePut(key, "1");
  return lab.settled(
    new Promise<string>((resolve) => {
      member.propose(internalRequest.put, message, 0, message.length, {
        applied: ({ kind }) => resolve(kind),
        refused: resolve,
      });
    }),
  );
}

const textOfIds = (_: string, value: unknown): unknown =>
  typeof value === "bigint" ? value.toString(16) : value;

/** What a member knows of the cluster, as text to compare. */
const view = (member: Member): string =>
  JSON.stringify(
    [member.cluster.members, member.raftStatus.confState, member.cluster.version],
    textOfIds,
  );

/** All named members come to the same list and configuration. */
async function agree(lab: ClusterLab, ...names: readonly string[]): Promise<void> {
  const isAgreed = (): boolean => new Set(names.map((name) => view(lab.at(name)))).size === 1;
  await lab.until(isAgreed);
  assert.deepEqual(
    [...lab.machines.values()].flatMap(({ fatal }) => fatal),
    [],
  );
}

const votersOf = (member: Member): readonly MemberId[] => member.raftStatus.confState.voters;

async function foundThree(): Promise<ClusterLab> {
  const lab = new ClusterLab();
  await lab.found("a", "b", "c");
  // Connections count from their sixth second on.
  await lab.pass(6000);
  return lab;
}

const others = (lab: ClusterLab): readonly [string, string] => {
  const names = [...lab.machines.keys()].filter((name) => lab.at(name) !== lab.leader);
  return [names[0] as string, names[1] as string];
};

/** A learner, added at `through` and started, that has everything. */
async function addLearner(lab: ClusterLab, name: string, through: Member): Promise<Member> {
  const member = newMember(lab, name, true);
  await changed(lab, (waiter) => through.reconfig.add({ member, ...any }, waiter));
  const initialCluster = clusterOfNames(
    ...through.cluster.members.map(({ peerUrls }) => new URL(peerUrls[0] as string).hostname),
  );
  return lab.settled(lab.starting(name, { initialCluster, initialClusterState: "existing" }));
}

test("founders make one cluster, with names, version and a leader", async () => {
  const lab = await foundThree();
  await agree(lab, "a", "b", "c");
  const { cluster } = lab.at("a");
  assert.deepEqual(
    cluster.members.map(({ name, clientUrls }) => [name, clientUrls[0]]).toSorted(),
    ["a", "b", "c"].map((name) => [name, `http://${name}:2379`]),
  );
  assert.equal(cluster.version, "3.7.0");
  assert.equal(votersOf(lab.at("a")).length, 3);
  assert.equal(await put(lab, lab.at("b"), "key"), "put");
});

test("a learner is added through a follower, joins, catches up, and is promoted through a follower", async () => {
  const lab = await foundThree();
  const [follower] = others(lab);
  await put(lab, lab.leader, "before");
  const learner = await addLearner(lab, "d", lab.at(follower));
  await agree(lab, "a", "b", "c", "d");
  assert.equal(learner.isLearner, true);
  assert.equal(learner.store.keyCount, 1);
  assert.equal(votersOf(learner).length, 3);
  const early = await ask(lab, (waiter) =>
    lab.at(follower).reconfig.promote({ id: 9n as MemberId, ...any }, waiter),
  );
  assert.equal(early, "MemberNotFound");
  await changed(lab, (waiter) =>
    lab.at(follower).reconfig.promote({ id: learner.id, ...any }, waiter),
  );
  await agree(lab, "a", "b", "c", "d");
  assert.equal(learner.isLearner, false);
  assert.ok(votersOf(learner).includes(learner.id));
});

test("a learner that never started is not ready; a second one is too many", async () => {
  const lab = await foundThree();
  const member = newMember(lab, "d", true);
  const { reconfig } = lab.leader;
  await changed(lab, (waiter) => reconfig.add({ member, ...any }, waiter));
  const promoted = await ask(lab, (waiter) => reconfig.promote({ id: member.id, ...any }, waiter));
  assert.equal(promoted, "LearnerNotReady");
  await lab.pass(1000);
  const second = newMember(lab, "e", true);
  const added = await ask(lab, (waiter) => reconfig.add({ member: second, ...any }, waiter));
  assert.equal(added, "TooManyLearners");
  await changed(lab, (waiter) => reconfig.remove({ id: member.id, ...any }, waiter));
  await changed(lab, (waiter) => reconfig.add({ member: second, ...any }, waiter));
});

test("a leader that is removed ends, the others go on, and its directory serves no more", async () => {
  const lab = await foundThree();
  const { leader } = lab;
  const name = [...lab.machines.keys()].find((one) => lab.at(one) === leader) as string;
  const rest = others(lab);
  await changed(lab, (waiter) => leader.reconfig.remove({ id: leader.id, ...any }, waiter));
  await lab.until(() => lab.machine(name).removals > 0);
  await lab.stop(name);
  await lab.until(() => rest.every((one) => lab.at(one).raftStatus.lead !== leader.id));
  await agree(lab, ...rest);
  assert.equal(lab.at(rest[0]).cluster.isRemoved(leader.id), true);
  assert.equal(await put(lab, lab.at(rest[0]), "after"), "put");
  // Started again it serves nothing, and goes as soon as the others have told it.
  const { removals } = lab.machine(name);
  void lab.starting(name, { initialCluster: clusterOfNames("a", "b", "c") });
  await lab.until(() => lab.machine(name).removals > removals);
  assert.equal(lab.machine(name).member, undefined);
});

test("with one of three down no voter comes in, and only that one may go", async () => {
  const lab = await foundThree();
  const [down, up] = others(lab);
  const downId = lab.at(down).id;
  const upId = lab.at(up).id;
  lab.kill(down);
  const { reconfig } = lab.leader;
  const member = newMember(lab, "d", false);
  assert.equal(await ask(lab, (waiter) => reconfig.add({ member, ...any }, waiter)), "Unhealthy");
  const removed = await ask(lab, (waiter) => reconfig.remove({ id: upId, ...any }, waiter));
  assert.equal(removed, "Unhealthy");
  await changed(lab, (waiter) => reconfig.remove({ id: downId, ...any }, waiter));
  assert.equal(votersOf(lab.leader).length, 2);
});

test("of two changes planned from one list, asked of two members at once, one is refused", async () => {
  const lab = await foundThree();
  const [first, second] = others(lab);
  const expectedMemberListHash = memberListHash(lab.leader.cluster.members);
  const answers = await lab.settled(
    Promise.all(
      [first, second].map(
        (name) =>
          new Promise<Answer>((resolve) => {
            const { id, reconfig } = lab.at(name);
            const peerUrls = [`http://${name}-moved:2380`];
            reconfig.update(
              { id, peerUrls, expectedMemberListHash },
              { applied: resolve, refused: resolve },
            );
          }),
      ),
    ),
  );
  const [won, lost] = answers.toSorted((a) => (typeof a === "string" ? 1 : -1));
  assert.ok(typeof won !== "string");
  // The leader takes one change at a time into the log; what came too early is dropped there and times out.
  assert.ok(lost === "MemberListChanged" || lost === "Timeout");
  await agree(lab, "a", "b", "c");
  const moved = lab.leader.cluster.members.filter(({ peerUrls }) =>
    /-moved/.test(peerUrls[0] ?? ""),
  );
  assert.equal(moved.length, 1);
  const late = await ask(lab, (waiter) => {
    const { id, reconfig } = lab.leader;
    reconfig.update({ id, peerUrls: ["http://x:1"], expectedMemberListHash }, waiter);
  });
  assert.equal(late, "MemberListChanged");
});

test("several members are replaced at once, and the joint configuration is left by itself", async () => {
  const lab = await foundThree();
  const learner = await addLearner(lab, "d", lab.leader);
  await lab.pass(6000);
  const [first] = others(lab).filter((name) => lab.at(name).id !== learner.id);
  const gone = lab.at(first as string).id;
  await changed(lab, (waiter) => {
    const changes = [
      { kind: "promote", id: learner.id },
      { kind: "remove", id: gone },
    ] as const;
    lab.leader.reconfig.replace(changes, any, waiter);
  });
  const rest = ["a", "b", "c", "d"].filter((name) => name !== first);
  const hasLeft = (name: string): boolean =>
    lab.at(name).raftStatus.confState.votersOutgoing.length === 0 &&
    votersOf(lab.at(name)).includes(learner.id);
  await lab.until(() => rest.every(hasLeft));
  await agree(lab, ...rest);
  assert.equal(votersOf(lab.leader).includes(gone), false);
  assert.equal(lab.leader.cluster.isRemoved(gone), true);
  assert.equal(await put(lab, lab.leader, "after"), "put");
});

test("leadership moves on demand, and before a leader stops", async () => {
  const lab = await foundThree();
  const { leader } = lab;
  const [name] = others(lab);
  const { id } = lab.at(name);
  await lab.settled(
    new Promise<void>((resolve, reject) => {
      leader.reconfig.moveLeader(id, {
        moved: resolve,
        refused: (error) => reject(new Error(error)),
      });
    }),
  );
  assert.equal(lab.leader.id, id);
  const term = lab.leader.raftStatus.term;
  await lab.stop(name);
  const rest = [...lab.machines.keys()].filter((one) => one !== name);
  await lab.until(() => rest.every((one) => lab.at(one).hasLeader));
  assert.equal(lab.leader.raftStatus.term, term + 1);
});

test("one that is left of three becomes a cluster of its own, with everything that it had", async () => {
  const lab = await foundThree();
  await put(lab, lab.leader, "kept");
  await lab.pass(500);
  const { clusterId } = lab.at("a");
  for (const name of ["a", "b", "c"]) lab.kill(name);
  const initialCluster = clusterOfNames("a", "b", "c");
  const alone = await lab.settled(lab.starting("a", { initialCluster, forceNewCluster: true }));
  assert.equal(alone.clusterId, clusterId);
  assert.deepEqual(
    alone.cluster.members.map(({ name }) => name),
    ["a"],
  );
  assert.deepEqual(votersOf(alone), [alone.id]);
  assert.equal(alone.store.keyCount, 1);
  assert.equal(await put(lab, alone, "new"), "put");
  await lab.stop("a");
  const again = await lab.settled(lab.starting("a", { initialCluster }));
  assert.equal(again.store.keyCount, 2);
});

test("writes that others pass on while the leadership moves are not lost: each is applied once, and answered", async () => {
  const lab = await foundThree();
  const [through] = others(lab);
  const follower = lab.at(through);
  const target = [...lab.machines.values()].find(
    ({ member }) => member !== undefined && member !== follower && member !== lab.leader,
  )?.member as Member;
  const answers: string[] = [];
  const write = (key: string): void => {
    const message = encodePut(key, "1");
    follower.propose(internalRequest.put, message, 0, message.length, {
      applied: ({ kind }) => void answers.push(kind),
      refused: (error) => void answers.push(error),
    });
  };
  const before = follower.store.currentRevision;
  let isMoved = false;
  lab.leader.reconfig.moveLeader(target.id, {
    moved: () => {
      isMoved = true;
    },
    refused: (error) => assert.fail(error),
  });
  for (let count = 0; count < 40; count++) {
    write(`key${count}`);
    await lab.pass(1);
  }
  await lab.until(() => isMoved && answers.length === 40);
  assert.deepEqual(new Set(answers), new Set(["put"]));
  await lab.pass(3000);
  assert.equal(follower.store.currentRevision, before + 40);
});
