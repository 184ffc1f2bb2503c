/** Configurations and changes of them as text, as scripts write and print them. */
import assert from "node:assert/strict";
import type { MemberId } from "../../node/lib/units.ts";
import { type ConfChangeSingle, confChangeType } from "../../node/proto/conf-change-codec.ts";
import type { ConfState } from "../../node/raft/types.ts";

const letters: Readonly<Record<string, number>> = {
  v: confChangeType.addNode,
  l: confChangeType.addLearnerNode,
  r: confChangeType.removeNode,
  u: confChangeType.updateNode,
  x: 9,
};

/** "v1", "l2", "r3", "u4". */
export function parseChange(word: string): ConfChangeSingle {
  const type = letters[word[0] ?? ""];
  assert.ok(type !== undefined, `unknown change ${word}`);
  return { type, nodeId: BigInt(word.slice(1)) };
}

export function formatChange({ type, nodeId }: ConfChangeSingle): string {
  const letter = Object.keys(letters).find((key) => letters[key] === type) ?? "?";
  return `${letter}${nodeId}`;
}

const list = (ids: readonly MemberId[]): string => `(${ids.join(" ")})`;

/** "voters=(1 2)&&(2 3) learners=(4) learners-next=(3) auto-leave". */
export function formatConfig(config: ConfState): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = config;
  const outgoing = votersOutgoing.length > 0 ? `&&${list(votersOutgoing)}` : "";
  return [
    `voters=${list(voters)}${outgoing}`,
    ...(learners.length > 0 ? [`learners=${list(learners)}`] : []),
    ...(learnersNext.length > 0 ? [`learners-next=${list(learnersNext)}`] : []),
    ...(autoLeave ? ["auto-leave"] : []),
  ].join(" ");
}
