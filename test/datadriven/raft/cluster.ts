/** Several nodes and the messages between them. Nothing moves but at a script's word. */
import assert from "node:assert/strict";
import { type MemberId, memberId } from "../../../node/lib/units.ts";
import type { Message } from "../../../node/raft/messages.ts";
import type { Command } from "../command.ts";
import { formatConfig } from "../conf-change-text.ts";
import { formatReady } from "./format.ts";
import type { LabNode } from "./lab-node.ts";
import { Oracle } from "./oracle.ts";

/** How a Ready is processed. */
export interface ReadyOptions {
  /** What is to be written is not yet written. */
  readonly isHeld?: boolean;
  /** Committed entries are not yet applied. */
  readonly isApplyDeferred?: boolean;
}

export class Cluster {
  readonly nodes = new Map<MemberId, LabNode>();
  /** On their way, in the order they were sent. */
  inTransit: Message[] = [];
  /** Ticks that a node draws beyond the election timeout; (id - 1) unless a script says otherwise. */
  readonly luck = new Map<MemberId, number>();
  readonly oracle = new Oracle();
  /** Nodes reach those of their own group only; all are in one unless named here. */
  private groups: ReadonlyMap<MemberId, number> = new Map();
  private readonly lastSeen = new Map<MemberId, { role: string; config: string }>();

  node(id: MemberId): LabNode {
    const node = this.nodes.get(id);
    assert.ok(node, `no node ${id}`);
    return node;
  }

  /** The nodes that a command names first: ids, or "all", or nothing for all. */
  nodesOf(command: Command): LabNode[] {
    const names = command.positions();
    const ids = names.length === 0 || names[0] === "all" ? this.ids() : names.map(idOf);
    return ids.map((id) => this.node(id));
  }

  ids(): MemberId[] {
    return [...this.nodes.keys()].sort((a, b) => (a < b ? -1 : 1));
  }

  /** Messages between different groups are lost from now on. No groups: everyone reaches everyone. */
  partition(groups: readonly (readonly MemberId[])[]): void {
    this.groups = new Map(groups.flatMap((ids, at) => ids.map((id) => [id, at + 1] as const)));
  }

  /** Does what the node asks for, as far as the options let. */
  processReady(node: LabNode, options: ReadyOptions = {}): string[] {
    const ready = node.raw.ready();
    const lines = formatReady(ready).map((line) => `  ${line}`);
    for (const entry of ready.entries) this.oracle.onAppend(entry);
    this.send(node, ready.messages);
    node.unapplied.push(...ready.committedEntries);
    if (ready.mustSync && options.isHeld === true) node.held = ready;
    else if (ready.mustSync) this.append(node, ready);
    else {
      if (ready.hardState !== undefined) node.writeUnsynced(ready.hardState);
      this.send(node, ready.messagesAfterAppend);
    }
    if (options.isApplyDeferred !== true) this.apply(node);
    return [`${node.id}:`, ...lines, ...this.news()];
  }

  /** The held write is done. */
  sync(node: LabNode): string[] {
    const { held } = node;
    assert.ok(held, "nothing was held");
    node.held = undefined;
    this.append(node, held);
    return this.news();
  }

  apply(node: LabNode): void {
    for (let entry = node.unapplied.shift(); entry !== undefined; entry = node.unapplied.shift()) {
      this.oracle.onApply(entry);
      node.apply(entry);
    }
  }

  /** Everything that came is stepped; what nobody is there to get is lost. */
  deliver(message: Message): string[] {
    this.nodes.get(message.to)?.raw.step(message);
    return [`${message.to} gets ${message.type} from ${message.from}`, ...this.news()];
  }

  /** Processes Readys and delivers, among these nodes only, until nothing is left to do. */
  stabilize(nodes: readonly LabNode[]): string[] {
    const lines: string[] = [];
    const ids = new Set(nodes.map(({ id }) => id));
    for (let round = 0; round < 1000; round++) {
      let isQuiet = true;
      for (const node of nodes) {
        while (node.raw.hasReady()) {
          lines.push(...this.processReady(node));
          isQuiet = false;
        }
      }
      const due = this.inTransit.filter(({ to }) => ids.has(to));
      this.inTransit = this.inTransit.filter(({ to }) => !ids.has(to));
      for (const message of due) lines.push(...this.deliver(message));
      if (isQuiet && due.length === 0) return lines;
    }
    throw new Error("the cluster does not come to rest");
  }

  /** Changes of role, term, leader and configuration since the last look. */
  news(): string[] {
    const lines: string[] = [];
    for (const id of this.ids()) {
      const node = this.node(id);
      this.oracle.check(node);
      const seen = { role: roleOf(node), config: formatConfig(node.config) };
      const last = this.lastSeen.get(id);
      if (last !== undefined && last.role !== seen.role) lines.push(`* ${id} is ${seen.role}`);
      if (last !== undefined && last.config !== seen.config)
        lines.push(`* ${id} is in ${seen.config}`);
      this.lastSeen.set(id, seen);
    }
    return lines;
  }

  private append(node: LabNode, ready: Parameters<LabNode["append"]>[0]): void {
    node.append(ready);
    this.send(node, ready.messagesAfterAppend);
  }

  private send(node: LabNode, messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.to === node.id || !this.isReachable(node.id, message.to)) continue;
      const { snapshot } = message;
      if (snapshot === undefined) {
        this.inTransit.push(message);
      } else {
        const data = node.snapshotState(snapshot.metadata);
        this.inTransit.push({ ...message, snapshot: { ...snapshot, data } });
      }
    }
  }

  private isReachable(from: MemberId, to: MemberId): boolean {
    return (this.groups.get(from) ?? 0) === (this.groups.get(to) ?? 0);
  }
}

export const idOf = (text: string): MemberId => memberId(BigInt(text));

/** "leader of term 2", "follower of 1 in term 2", "candidate in term 3". */
export function roleOf({ raw }: LabNode): string {
  const { role, term, lead } = raw;
  if (role === "leader") return `leader of term ${term}`;
  return lead === 0n ? `${role} in term ${term}` : `${role} of ${lead} in term ${term}`;
}
