/**
 * A cluster of raft nodes under an unkind world, all of it drawn from one source of luck: messages are lost, doubled and overtake each
 * other; disks are slow; nodes crash and lose, or keep half of, what was being written. After every event the safety properties of
 * thesis figure 3.2 are checked against what is on the disks (safety-checker.ts).
 */
import assert from "node:assert/strict";
import type { Random } from "../../../node/lib/ports.ts";
import { type MemberId, memberId } from "../../../node/lib/units.ts";
import { type ConfChangeV2, encodeConfChangeV2 } from "../../../node/proto/conf-change-codec.ts";
import { raftDefaults } from "../../../node/raft/config.ts";
import { MemoryStorage } from "../../../node/raft/memory-storage.ts";
import type { Message } from "../../../node/raft/messages.ts";
import { RawNode } from "../../../node/raft/raw-node.ts";
import type { Proposal, Ready } from "../../../node/raft/ready.ts";
import type { ConfState, Entry, HardState } from "../../../node/raft/types.ts";
import {
  applyConfChangeOf,
  emptyHardState,
  messagesOf,
  proposal,
  snapshotAt,
  votersOnly,
} from "./raft-lab.ts";
import { type Disk, SafetyChecker } from "./safety-checker.ts";

interface Machine {
  readonly id: MemberId;
  readonly disk: Disk;
  storage: MemoryStorage;
  node: RawNode;
  isUp: boolean;
  writing: Ready | undefined;
  /** Handed out and not applied. */
  toApply: Entry[];
  appliedState: ConfState;
  appliedTerm: number;
  committedBefore: number;
}

export interface ClusterOptions {
  readonly random: Random;
  readonly size: number;
  readonly checkQuorum: boolean;
  readonly preVote: boolean;
  readonly withConfChanges: boolean;
  readonly messageBytesMax: number;
  readonly inflightMessagesMax: number;
}

/** How unkind the world of one run is: a single kind of trouble shows more than a little of each. */
interface Weather {
  /** Of 100 rare events. */
  readonly crashes: number;
  /** Of 100 attempts of a node to come back. */
  readonly recoveries: number;
  /** A write is done at every so many-th occasion. */
  readonly diskSlowness: number;
  /** One of so many messages is lost. */
  readonly lossOneIn: number;
}

/** What was seen to happen: a run in which nothing happens proves nothing. */
export interface Seen {
  leaders: number;
  crashes: number;
  snapshots: number;
  confChanges: number;
  reads: number;
  applied: number;
}

export class RandomCluster {
  readonly seen: Seen = {
    leaders: 0,
    crashes: 0,
    snapshots: 0,
    confChanges: 0,
    reads: 0,
    applied: 0,
  };
  private readonly options: ClusterOptions;
  private readonly weather: Weather;
  private readonly machines = new Map<MemberId, Machine>();
  private readonly ids: MemberId[];
  private readonly network: Message[] = [];
  /** Cut off from all others. */
  private isolated: MemberId | undefined;
  private proposed = 0;
  private asked = 0;
  /** By context: what was applied somewhere when the read was asked for. */
  private readonly reads = new Map<string, number>();
  private readonly checker = new SafetyChecker();

  constructor(options: ClusterOptions) {
    this.options = options;
    this.weather = {
      crashes: this.pick([2, 14, 40]),
      recoveries: this.pick([20, 60]),
      diskSlowness: this.pick([1, 2, 8]),
      lossOneIn: this.pick([5, 15, 60]),
    };
    this.ids = Array.from({ length: options.size }, (_, at) => memberId(BigInt(at + 1)));
    const start = snapshotAt(0, 0, votersOnly(...this.ids));
    for (const id of this.ids) {
      const disk = { hardState: emptyHardState, snapshot: start, entries: [] };
      this.machines.set(id, this.boot(id, disk));
    }
  }

  /** One random event, and the checks. */
  step(): void {
    const machine = this.pick([...this.machines.values()]);
    const kind = this.draw(100);
    if (!machine.isUp) {
      if (kind < this.weather.recoveries)
        this.machines.set(machine.id, this.boot(machine.id, machine.disk));
      return;
    }
    if (kind < 6) machine.node.tick();
    else if (kind < 48) this.deliverAny();
    else if (kind < 70) this.takeReady(machine);
    else if (kind < 82 && this.draw(this.weather.diskSlowness) === 0) this.finishWrite(machine);
    else if (kind < 90) this.apply(machine, this.draw(4));
    else if (kind < 94) this.propose(machine);
    else if (kind < 96) this.read(machine);
    else this.rareEvent(machine, this.draw(100));
    this.check(machine);
  }

  /** Everything works from now on: within a bound, all who belong to the cluster must have applied a new proposal. */
  heal(): void {
    this.isolated = undefined;
    for (const machine of this.machines.values()) {
      if (!machine.isUp) this.machines.set(machine.id, this.boot(machine.id, machine.disk));
    }
    let from = this.checker.lastApplied;
    for (let round = 0; round < 400; round++) {
      for (const { node } of this.machines.values()) node.tick();
      this.runQuietly();
      const leader = [...this.machines.values()].find(({ node }) => node.role === "leader");
      if (leader === undefined) continue;
      if (round % 20 === 0) from = Math.max(from, leader.node.committed);
      if (round % 20 === 10) leader.node.propose([proposal(`healed ${this.proposed++}`)]);
      const { voters, learners, votersOutgoing } = leader.node.status().confState;
      if (votersOutgoing.length > 0) leader.node.propose([changeOf([], 0)]);
      const members = [...voters, ...learners];
      const isDone = members.every((id) => (this.machines.get(id)?.node.applied ?? 0) > from);
      if (isDone && votersOutgoing.length === 0 && round > 40) return;
    }
    assert.ok(this.isStuckByRemoval(), "a healed cluster must make progress");
  }

  /**
   * Who was removed knows it, and has entries behind its removal; who remains does not know that the removal is committed, still needs the
   * other's vote, and is refused it for a shorter log. etcd's raft has no way out of this (a configuration counts once it is applied);
   * its server hands over leadership before a leader is removed.
   */
  private isStuckByRemoval(): boolean {
    const machines = [...this.machines.values()].sort((a, b) => a.node.applied - b.node.applied);
    const voters = machines.at(-1)?.appliedState.voters ?? [];
    const length = ({ disk }: Machine): number => {
      const last = disk.entries.at(-1) ?? disk.snapshot;
      return last.term * 1e6 + last.index;
    };
    const ofVoters = machines.filter(({ id }) => voters.includes(id)).map(length);
    const ofOthers = machines.filter(({ id }) => !voters.includes(id)).map(length);
    return Math.max(...ofOthers) > Math.max(...ofVoters);
  }

  /** Until nobody has anything to do. */
  private runQuietly(): void {
    for (const machine of this.machines.values()) this.runMachine(machine);
    for (let turn = 0; this.network.length > 0; turn++) {
      assert.ok(turn < 10_000, "a cluster left alone must come to rest");
      for (const message of this.network.splice(0)) this.deliver(message);
      for (const machine of this.machines.values()) this.runMachine(machine);
    }
  }

  private runMachine(machine: Machine): void {
    while (machine.node.hasReady() || machine.writing !== undefined || machine.toApply.length > 0) {
      this.takeReady(machine);
      this.finishWrite(machine);
      this.apply(machine, machine.toApply.length);
      this.check(machine);
    }
  }

  private boot(id: MemberId, disk: Disk): Machine {
    const storage = new MemoryStorage(disk.snapshot, disk.hardState, disk.entries);
    if (disk.snapshot.index > 0) storage.setSnapshotMetadata(disk.snapshot);
    const { random, checkQuorum, preVote, messageBytesMax, inflightMessagesMax } = this.options;
    const node = new RawNode({
      ...raftDefaults,
      // No server stops here whom a change has removed.
      stepDownOnRemoval: true,
      id,
      storage,
      electionTicks: 5,
      applied: disk.snapshot.index,
      random,
      checkQuorum,
      preVote,
      messageBytesMax,
      inflightMessagesMax,
      committedPerReadyMax: 3,
    });
    const { confState, term: appliedTerm } = disk.snapshot;
    return {
      id,
      disk,
      storage,
      node,
      isUp: true,
      writing: undefined,
      toApply: [],
      appliedState: confState,
      appliedTerm,
      committedBefore: 0,
    };
  }

  private takeReady(machine: Machine): void {
    const { node } = machine;
    if (!node.hasReady()) return;
    const ready = node.ready();
    this.network.push(...ready.messages);
    machine.toApply.push(...ready.committedEntries);
    for (const { context, index } of ready.readStates) {
      const least = this.reads.get(Buffer.from(context).toString());
      assert.ok(least !== undefined && index >= least, "a read would miss what was applied before");
      this.seen.reads += 1;
    }
    if (ready.mustSync) {
      assert.equal(machine.writing, undefined, "two writes at once");
      machine.writing = ready;
    } else {
      // The commit index alone reaches the disk some time, or not.
      if (ready.hardState !== undefined && this.draw(2) === 0) {
        setHardState(machine.disk, ready.hardState);
      }
      this.network.push(...ready.messagesAfterAppend.filter(({ to }) => to !== machine.id));
    }
  }

  private finishWrite(machine: Machine): void {
    const ready = machine.writing;
    if (ready === undefined) return;
    machine.writing = undefined;
    this.persist(machine.disk, ready);
    if (ready.snapshot !== undefined) {
      const { metadata } = ready.snapshot;
      machine.toApply = [];
      machine.appliedState = metadata.confState;
      machine.appliedTerm = metadata.term;
      this.seen.snapshots += 1;
    }
    machine.node.advanceAppend(ready);
    this.check(machine);
    const left = messagesOf({ ...ready, messages: [] }, machine.id);
    this.network.push(...left);
  }

  private persist(disk: Disk, { hardState, snapshot, entries }: Ready): void {
    if (hardState !== undefined) setHardState(disk, hardState);
    if (snapshot !== undefined) {
      disk.snapshot = snapshot.metadata;
      disk.entries = [];
    }
    const first = entries[0];
    if (first !== undefined) disk.entries.length = first.index - disk.snapshot.index - 1;
    disk.entries.push(...entries);
    if (first !== undefined) this.checker.checkLog(disk);
  }

  private apply(machine: Machine, countMax: number): void {
    const { node } = machine;
    for (const entry of machine.toApply.splice(0, countMax)) {
      const { index, term: ofTerm } = entry;
      if (this.checker.apply(entry)) this.seen.applied += 1;
      assert.equal(index, node.applied + 1, "entries are applied in order");
      const state = applyConfChangeOf(node, entry);
      if (state !== undefined) {
        machine.appliedState = state;
        // Who is new could not begin with a state that does not know it.
        machine.storage.setSnapshotMetadata(snapshotAt(index, ofTerm, state));
        this.seen.confChanges += 1;
      }
      machine.appliedTerm = ofTerm;
      node.advanceApply(index);
      this.check(machine);
    }
  }

  private propose({ node }: Machine): void {
    const count = 1 + this.draw(3);
    node.propose(Array.from({ length: count }, () => proposal(`p${this.proposed++}`)));
  }

  private read({ node }: Machine): void {
    const context = `r${this.asked++}`;
    this.reads.set(context, this.checker.lastApplied);
    node.readIndex(Buffer.from(context));
  }

  private rareEvent(machine: Machine, kind: number): void {
    const { node } = machine;
    if (kind < this.weather.crashes) this.crash(machine);
    else if (kind < 55) this.compact(machine);
    else if (kind < 60) this.isolated = this.draw(2) === 0 ? machine.id : undefined;
    else if (kind < 65) node.transferLeader(this.pick(this.ids));
    else if (kind < 69) node.forgetLeader();
    else if (kind < 75) node.reportUnreachable(this.pick(this.ids));
    else if (kind < 80) node.campaign();
    else if (kind < 90 && this.options.withConfChanges) this.changeMembers(machine);
  }

  /**
   * Up to two changes at once, some of which change nothing. Mostly the leader stays: see isStuckByRemoval.
   */
  private changeMembers({ node }: Machine): void {
    const { confState } = node.status();
    if (confState.votersOutgoing.length > 0) {
      node.propose([changeOf([], 0)]);
      return;
    }
    const ids = [this.pick(this.ids), this.pick(this.ids)].filter((id) => id !== node.lead);
    const remaining = confState.voters.filter((id) => !ids.includes(id)).length;
    const changes = ids.map((nodeId) => ({
      type: remaining > 0 ? this.pick([0, 1, 3]) : 0,
      nodeId,
    }));
    if (changes.length > 0) node.propose([changeOf(changes, this.pick([1, 2]))]);
  }

  private crash(machine: Machine): void {
    const { writing } = machine;
    // Nothing of a write, all of it, or its first entries without the hard state behind them; a snapshot only whole.
    if (writing !== undefined && this.draw(2) === 0) {
      const isWhole = writing.snapshot !== undefined || this.draw(3) === 0;
      if (isWhole) this.persist(machine.disk, writing);
      else this.persist(machine.disk, { ...writing, ...this.tornOff(writing) });
    }
    machine.isUp = false;
    machine.writing = undefined;
    this.seen.crashes += 1;
  }

  private tornOff({ entries }: Ready): Pick<Ready, "hardState" | "entries"> {
    return { hardState: undefined, entries: entries.slice(0, this.draw(entries.length + 1)) };
  }

  private compact(machine: Machine): void {
    const { node, disk, storage } = machine;
    if (machine.writing?.snapshot !== undefined || node.applied <= disk.snapshot.index) return;
    const at = snapshotAt(node.applied, machine.appliedTerm, machine.appliedState);
    storage.setSnapshotMetadata(at);
    storage.compact(at.index);
    disk.entries = disk.entries.slice(at.index - disk.snapshot.index);
    disk.snapshot = at;
    setHardState(disk, disk.hardState);
  }

  private deliverAny(): void {
    if (this.network.length === 0) return;
    // Mostly the oldest: a network that only shuffles lets nobody agree on anything.
    const at = this.draw(3) === 0 ? this.draw(this.network.length) : 0;
    const isKept = this.draw(12) === 0;
    const message = this.network[at];
    if (!isKept) this.network.splice(at, 1);
    if (message === undefined || this.draw(this.weather.lossOneIn) === 0) {
      if (message?.type === "MsgSnap") this.reportSnapshot(message, "failed");
      return;
    }
    this.deliver(message);
  }

  private deliver(message: Message): void {
    const { to, from, type } = message;
    const target = this.machines.get(to);
    const isLost = target?.isUp !== true || this.isolated === to || this.isolated === from;
    if (type === "MsgSnap") this.reportSnapshot(message, isLost ? "failed" : "finished");
    if (isLost) return;
    target.node.step(message);
    this.check(target);
  }

  private reportSnapshot({ from, to }: Message, outcome: "finished" | "failed"): void {
    const sender = this.machines.get(from);
    if (sender?.isUp === true) sender.node.reportSnapshot(to, outcome);
  }

  private check(machine: Machine): void {
    if (!machine.isUp) return;
    const { node } = machine;
    assert.ok(node.committed >= machine.committedBefore, "the commit index goes back");
    if (node.role === "leader") {
      const isNew = this.checker.checkLeader(node, machine.disk);
      if (isNew) this.seen.leaders += 1;
      if (node.committed > machine.committedBefore) {
        this.checker.checkCommit(node, (id) => this.diskOf(id));
      }
    }
    machine.committedBefore = node.committed;
  }

  private diskOf(id: MemberId): Disk {
    const machine = this.machines.get(id);
    assert.ok(machine !== undefined);
    return machine.disk;
  }

  private draw(below: number): number {
    return this.options.random.uint32() % below;
  }

  private pick<Item>(items: readonly Item[]): Item {
    const item = items[this.draw(items.length)];
    assert.ok(item !== undefined);
    return item;
  }
}

const changeOf = (changes: ConfChangeV2["changes"], transition: number): Proposal => ({
  type: 2,
  data: encodeConfChangeV2({ transition, changes, context: Buffer.of() }),
});

/** What is in the snapshot was committed, whatever the commit index on the disk says. */
function setHardState(disk: Disk, hardState: HardState): void {
  const { index } = disk.snapshot;
  disk.hardState = hardState.commit < index ? { ...hardState, commit: index } : hardState;
}
