/**
 * The operator of a simulated cluster: adds, promotes, replaces and removes members and moves the leader, through whichever member answers,
 * while everything else goes wrong. It never takes away what a quorum needs: a machine whose disk has gone bad counts as lost, and until its
 * member is out of the cluster no other one is removed.
 */

import type { MemberId } from "../../node/lib/units.ts";
import { type Member, runtimeMemberId } from "../../node/membership/member.ts";
import type { ChangeWaiter } from "../../node/server/change-queue.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import type { SimCluster } from "./cluster.ts";
import type { Machine } from "./machine.ts";
import { reconfigOf } from "./member-view.ts";
import { membersMax } from "./plan.ts";
import type { SimProcess } from "./process.ts";
import { describeChanges, drawChanges } from "./several-changes.ts";

/** After a change the outcome of which may not be known, so long must pass before a disk may go bad. */
const settleMs = 20_000;
const promoteAttemptsMax = 30;
/** How often it looks at what is to be mended. */
const roundMs = 2000;
/** A machine that never got into the cluster is given up after so long in a healed one. */
const joinMs = 15_000;

export class MembershipAdmin {
  private readonly cluster: SimCluster;
  private readonly random: SeededRandom;
  private lastChangeMs = Number.NEGATIVE_INFINITY;
  private healedMs: number | undefined;
  /** Who led at the last look. */
  private lastLeader: SimProcess | undefined;

  constructor(cluster: SimCluster) {
    this.cluster = cluster;
    this.random = cluster.world.randomFor("admin");
    this.round();
  }

  /** From now on everything that died is taken out of the cluster, and what could not join is given up. */
  cleanUp(): void {
    this.healedMs = this.cluster.world.nowMs;
  }

  /** True if the cluster goes on without this machine's disk, whatever else is under way. */
  canLose(machine: Machine): boolean {
    const { cluster } = this;
    const view = cluster.leader?.view;
    if (view === undefined || cluster.world.nowMs - this.lastChangeMs < settleMs) return false;
    const { voters, votersOutgoing, learners } = view.confState;
    if (voters.length < 3 || votersOutgoing.length > 0 || learners.length > 0) return false;
    const members = view.cluster.members.map((member) => this.machineOf(member));
    return (
      members.length === voters.length &&
      members.includes(machine) &&
      members.every((one) => one?.state === "inUse" && one.disk.hasData)
    );
  }

  moveLeader(): void {
    const { cluster, random } = this;
    const process = random.chance(0.8) ? cluster.leader : this.helper();
    const member = process?.member;
    if (process === undefined || member === undefined) return;
    const others = member.cluster.members.filter(({ id }) => id !== member.id);
    if (others.length === 0) return;
    const target = random.pick(others).id;
    this.in(process, () => {
      member.reconfig.moveLeader(target, { moved: () => undefined, refused: () => undefined });
    });
  }

  /** A new member on a free machine, as a learner that is promoted later, or with a vote at once. */
  addMember(): void {
    const { cluster, random } = this;
    if (random.chance(0.15)) {
      // Sometimes several operators at once that do not know of each other.
      for (let count = random.pick([1, 3]); count > 0; count--) this.updateMember();
      return;
    }
    const process = this.helper();
    const member = process?.member;
    const machine = this.freeMachine();
    if (process === undefined || member === undefined || machine === undefined) return;
    if (cluster.inUse.length >= membersMax) return;
    const isLearner = random.chance(0.75);
    const added = newMember(machine, isLearner);
    this.in(process, () => {
      const request = { member: added, expectedMemberListHash: undefined };
      member.reconfig.add(request, this.waiter(`add ${machine.name}`));
      this.use(machine);
      if (isLearner) this.promoteLater(added.id, promoteAttemptsMax);
    });
  }

  removeMember(): void {
    const process = this.helper();
    const member = process?.member;
    if (process === undefined || member === undefined) return;
    const candidates = this.removable(member.cluster.members);
    if (candidates.length === 0) return;
    this.remove(process, this.random.pick(candidates).id);
  }

  /** Several changes at once, through a joint configuration. */
  changeSeveral(): void {
    const { cluster, random } = this;
    const process = this.helper();
    const member = process?.member;
    if (process === undefined || member === undefined) return;
    const { members } = member.cluster;
    const isRoom = cluster.inUse.length < membersMax;
    const machine = isRoom && random.chance(0.8) ? this.freeMachine() : undefined;
    const added = machine === undefined ? undefined : newMember(machine, random.chance(0.3));
    const mayLeave = this.removable(members);
    const leaveMax = cluster.machines.some(isBad) || random.chance(0.7) ? 1 : 2;
    const changes = drawChanges({ members, added, mayLeave, leaveMax, random });
    if (changes.length < 2) return;
    this.in(process, () => {
      const precondition = { expectedMemberListHash: undefined };
      const waiter = this.waiter(`joint ${describeChanges(changes)}`);
      reconfigOf(member).replace(changes, precondition, waiter);
      if (machine !== undefined) this.use(machine);
    });
  }

  /** A member moves to another address; the old one stays open. */
  private updateMember(): void {
    const { cluster, random } = this;
    const process = this.helper();
    const member = process?.member;
    if (process === undefined || member === undefined) return;
    const target = random.pick(member.cluster.members);
    const machine = this.machineOf(target);
    if (machine === undefined) return;
    const url = `http://${machine.name}-${random.below(1000)}:2380`;
    cluster.network.listen(url, machine.number);
    this.in(process, () => {
      const request = { id: target.id, peerUrls: [url], expectedMemberListHash: undefined };
      member.reconfig.update(request, this.waiter(`update ${machine.name}`));
    });
  }

  /** Members that may be removed: only the lost one while there is one; and a voter stays. */
  private removable(members: readonly Member[]): readonly Member[] {
    const { cluster } = this;
    if (cluster.machines.some(isBad)) {
      return members.filter((member) => {
        const machine = this.machineOf(member);
        return machine !== undefined && isBad(machine);
      });
    }
    const voters = members.filter(({ isLearner }) => !isLearner).length;
    return members.filter(({ isLearner }) => isLearner || voters > 2);
  }

  private remove(process: SimProcess, id: MemberId): void {
    const { member } = process;
    if (member === undefined) return;
    const what = `remove ${id.toString(16).slice(0, 4)}`;
    this.in(process, () => {
      member.reconfig.remove({ id, expectedMemberListHash: undefined }, this.waiter(what));
    });
  }

  private promoteLater(id: MemberId, attempts: number): void {
    const { world } = this.cluster;
    if (attempts === 0) return;
    world.after(500 + this.random.below(2500), () => {
      const process = this.helper();
      const member = process?.member;
      const known = member?.cluster.member(id);
      if (known?.isLearner === false || this.healedMs !== undefined) return;
      this.promoteLater(id, attempts - 1);
      if (process === undefined || member === undefined || known === undefined) return;
      this.in(process, () => {
        const what = `promote ${id.toString(16).slice(0, 4)}`;
        member.reconfig.promote({ id, expectedMemberListHash: undefined }, this.waiter(what));
      });
    });
  }

  private round(): void {
    const { cluster, random } = this;
    cluster.world.after(roundMs, () => {
      this.round();
      const helper = cluster.leader ?? this.helper();
      const members = helper?.member?.cluster.members;
      if (helper === undefined || members === undefined) return;
      const isHealed = this.healedMs !== undefined;
      for (const machine of cluster.machines.filter(({ state }) => state === "broken")) {
        const member = members.find((one) => this.machineOf(one) === machine);
        if (member === undefined) {
          cluster.counters.add("memberReplaced");
          machine.wipe();
        } else if (isHealed || random.chance(0.3)) {
          this.remove(helper, member.id);
        }
      }
      if (helper === this.lastLeader) {
        for (const machine of cluster.machines.filter(({ state }) => state === "removed")) {
          machine.wipe();
        }
      }
      this.lastLeader = cluster.leader;
      if (isHealed) this.giveUpStrangers(members);
    });
  }

  /** Machines that wait for a membership that never comes: their change was lost. */
  private giveUpStrangers(members: readonly Member[]): void {
    const { cluster } = this;
    if (cluster.world.nowMs - (this.healedMs ?? 0) < joinMs) return;
    for (const machine of cluster.inUse) {
      const isMember = members.some((member) => this.machineOf(member) === machine);
      // One that got nothing, or that knows only members that are gone like itself, has nobody who could tell it.
      const last = machine.process?.view?.log.lastIndex ?? 0;
      const isLost = cluster.world.nowMs - (this.healedMs ?? 0) > 2 * joinMs;
      if (!isMember && (last === 0 || isLost)) machine.wipe();
    }
  }

  private freeMachine(): Machine | undefined {
    return this.cluster.machines.find(({ state, isUp }) => state === "unused" && !isUp);
  }

  /** Takes a machine into use for a member that is being added. */
  private use(machine: Machine): void {
    machine.state = "inUse";
    machine.isFounder = false;
    machine.startLater(this.random.below(3000));
  }

  private machineOf({ peerUrls }: Member): Machine | undefined {
    const number = this.cluster.network.machineAt(peerUrls);
    return number === undefined ? undefined : this.cluster.machines[number];
  }

  /** Some process that serves. */
  private helper(): SimProcess | undefined {
    const serving = this.cluster.processes.filter(({ member }) => member !== undefined);
    return serving.length === 0 ? undefined : this.random.pick(serving);
  }

  private in(process: SimProcess, run: () => void): void {
    this.lastChangeMs = this.cluster.world.nowMs;
    process.loop.dispatch(() => {
      this.cluster.world.promised();
      run();
    });
  }

  private waiter(what: string): ChangeWaiter {
    const { world } = this.cluster;
    const note = (outcome: string): void => {
      this.lastChangeMs = world.nowMs;
      world.note(`admin ${what}: ${outcome}`);
    };
    return { applied: () => note("done"), refused: (error) => note(error) };
  }
}

function newMember(machine: Machine, isLearner: boolean): Member {
  const peerUrls = [machine.peerUrl];
  const id = runtimeMemberId(peerUrls, machine.clock.unixMs());
  return { id, peerUrls, isLearner, name: "", clientUrls: [] };
}

/** Its disk cannot be counted on. */
const isBad = ({ state, isRotten }: Machine): boolean => state === "broken" || isRotten;
