/** Several nodes and a network that a test decides: faithful and in order, but for what is cut off or dropped. */
import assert from "node:assert/strict";
import { type MemberId, memberId } from "../../../node/lib/units.ts";
import type { MemoryStorage } from "../../../node/raft/memory-storage.ts";
import type { Message } from "../../../node/raft/messages.ts";
import type { RawNode } from "../../../node/raft/raw-node.ts";
import type { ReadState } from "../../../node/raft/ready.ts";
import type { Entry } from "../../../node/raft/types.ts";
import { makeNodeAndStorage, messagesOf, type NodeOptions, settle, textsOf } from "./raft-lab.ts";

const idsTo = (count: number): MemberId[] =>
  Array.from({ length: count }, (_, at) => memberId(BigInt(at + 1)));

/** Nodes 1n, 2n ... of one configuration; what each applied and which reads were answered is kept. */
export class LabNetwork {
  readonly delivered: Message[] = [];
  /** A message for which this is true is lost. */
  isDropped: (message: Message) => boolean = () => false;
  private readonly nodes = new Map<MemberId, { node: RawNode; storage: MemoryStorage }>();
  private readonly applied = new Map<MemberId, Entry[]>();
  private readonly readsOf = new Map<MemberId, ReadState[]>();
  private readonly isolated = new Set<MemberId>();

  constructor(count: number, options: (id: MemberId) => NodeOptions = () => ({})) {
    for (const id of idsTo(count)) {
      this.nodes.set(id, makeNodeAndStorage({ voters: idsTo(count), id, ...options(id) }));
      this.applied.set(id, []);
      this.readsOf.set(id, []);
    }
  }

  node(id: bigint): RawNode {
    const found = this.nodes.get(memberId(id));
    assert.ok(found !== undefined);
    return found.node;
  }

  storage(id: bigint): MemoryStorage {
    const found = this.nodes.get(memberId(id));
    assert.ok(found !== undefined);
    return found.storage;
  }

  appliedTexts(id: bigint): string[] {
    return textsOf(this.applied.get(memberId(id)) ?? []).filter((text) => text !== "");
  }

  reads(id: bigint): readonly ReadState[] {
    return this.readsOf.get(memberId(id)) ?? [];
  }

  /** Nothing reaches these, nothing of them reaches others, until `heal`. */
  isolate(...ids: bigint[]): void {
    for (const id of ids) this.isolated.add(memberId(id));
  }

  heal(): void {
    this.isolated.clear();
    this.isDropped = () => false;
  }

  /** Ticks one node, and lets everything happen that follows. */
  tick(id: bigint, count = 1): void {
    for (let at = 0; at < count; at++) {
      this.node(id).tick();
      this.run();
    }
  }

  /** Campaigns, and lets everything happen that follows. */
  elect(id: bigint): RawNode {
    const node = this.node(id);
    node.campaign();
    this.run();
    return node;
  }

  /** Until nobody has anything to do. */
  run(): void {
    for (let turn = 0; turn < 1000; turn++) {
      const sent = [...this.nodes.keys()].flatMap((id) => this.settled(id));
      if (sent.length === 0) return;
      for (const message of sent) this.deliver(message);
    }
    assert.fail("the nodes never come to rest");
  }

  private settled(id: MemberId): Message[] {
    const readies = settle(this.node(id));
    for (const { committedEntries, readStates, snapshot } of readies) {
      if (snapshot !== undefined) this.applied.set(id, []);
      this.applied.get(id)?.push(...committedEntries);
      this.readsOf.get(id)?.push(...readStates);
    }
    return readies.flatMap((ready) => messagesOf(ready, id));
  }

  private deliver(message: Message): void {
    const { from, to } = message;
    const isCut = this.isolated.has(from) || this.isolated.has(to);
    if (isCut || this.isDropped(message) || !this.nodes.has(to)) return;
    this.delivered.push(message);
    this.node(to).step(message);
  }
}
