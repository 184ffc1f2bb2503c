/**
 * The membership changes of a cluster, out of the logs that its members have on their volumes, read by etcd's own wal package. They are the
 * witness that there was one change at a time, whatever the operator says of itself.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { idToHex } from "../../../node/lib/units.ts";
import {
  asConfChangeV2,
  type ConfChangeV2,
  confChangeType,
  decodeConfChange,
  decodeConfChangeV2,
} from "../../../node/proto/conf-change-codec.ts";
import { peer } from "../../support/peers.ts";
import { volumeFolders } from "./volumes.ts";

/** raftpb.EntryType. */
const confChange = 1;
const confChangeV2 = 2;

interface Change {
  readonly index: number;
  readonly kind: "voter" | "learner" | "removed" | "updated" | "joint";
  readonly id: string;
}

/** Every change that was committed, by index. `namespace`: that of the cluster, which must have the only volumes in it. */
export function membershipChanges(namespace: string): readonly Change[] {
  const found = new Map<number, Change>();
  for (const directory of logDirectories(namespace))
    for (const change of changesIn(directory)) found.set(change.index, change);
  return [...found.values()].sort((left, right) => left.index - right.index);
}

/**
 * What is wrong with the order, a line each: a learner was there, and another change than its promotion or its removal came; or a voter was
 * added at once. The first voter is the one that the cluster was born with.
 */
export function changesAtATime(changes: readonly Change[]): readonly string[] {
  const problems: string[] = [];
  const voters = new Set<string>();
  let learner: string | undefined;
  for (const { index, kind, id } of changes) {
    if (kind === "joint") problems.push(`${index}: several changes at once`);
    if (learner !== undefined && id !== learner)
      problems.push(`${index}: ${kind} ${id} while ${learner} is a learner`);
    if (kind === "voter" && voters.size > 0 && !voters.has(id) && id !== learner)
      problems.push(`${index}: ${id} was made a voter without having been a learner`);
    if (kind === "voter") voters.add(id);
    if (kind === "removed") voters.delete(id);
    learner = kind === "learner" ? id : learner === id ? undefined : learner;
  }
  return problems;
}

/** "voter 1, learner 2, voter 2": for people, members by the order of their arrival. */
export function changesText(changes: readonly Change[]): string {
  const numbers = new Map<string, number>();
  return changes
    .map(({ kind, id }) => {
      const number = numbers.get(id) ?? numbers.size + 1;
      numbers.set(id, number);
      return `${kind} ${number}`;
    })
    .join(", ");
}

function logDirectories(namespace: string): readonly string[] {
  return volumeFolders(namespace)
    .map(({ dir }) => join(dir, "data/member/wal"))
    .filter((dir) => existsSync(dir));
}

function changesIn(directory: string): readonly Change[] {
  const program = peer("wal");
  const lines = execFileSync(program, ["read", directory, "0", "0"], {
    encoding: "utf8",
    maxBuffer: 1 << 30,
  })
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  const { commit } = lines.pop() as { readonly commit: number };
  return (lines as unknown as readonly { index: number; type: number; data: string }[])
    .filter(({ index, type }) => index <= commit && (type === confChange || type === confChangeV2))
    .map(({ index, type, data }) => changeOf(index, decoded(type, Buffer.from(data, "hex"))));
}

function decoded(type: number, bytes: Uint8Array): ConfChangeV2 {
  return type === confChange ? asConfChangeV2(decodeConfChange(bytes)) : decodeConfChangeV2(bytes);
}

function changeOf(index: number, { changes }: ConfChangeV2): Change {
  const [only] = changes;
  if (only === undefined || changes.length > 1) return { index, kind: "joint", id: "" };
  const id = idToHex(only.nodeId);
  switch (only.type) {
    case confChangeType.addNode:
      return { index, kind: "voter", id };
    case confChangeType.addLearnerNode:
      return { index, kind: "learner", id };
    case confChangeType.removeNode:
      return { index, kind: "removed", id };
    default:
      return { index, kind: "updated", id };
  }
}
