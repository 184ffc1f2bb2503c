/**
 * `commit voters=(1,2,3) outgoing=(3,4)`: a bar for each voter as long as its acknowledged index, cut by `|` behind the committed one. Of
 * each half more than half of the bars must reach the cut, and no later cut has that.
 */
import { logIndex, type MemberId } from "../../../node/lib/units.ts";
import { jointCommittedIndex } from "../../../node/raft/quorum/joint.ts";
import { majorityCommittedIndex } from "../../../node/raft/quorum/majority.ts";
import type { Handler } from "../runner.ts";
import { answersOf, everyone, halvesOf, nameOf } from "./halves.ts";

export const commit: Handler<undefined> = (_, command) => {
  const halves = halvesOf(command);
  const { incoming, outgoing } = halves;
  const answers = answersOf(command);
  const indexOf = (id: MemberId) => logIndex(Number(answers.get(id) ?? 0));
  const committed = jointCommittedIndex(incoming, outgoing, indexOf);
  const longest = Math.max(committed, ...everyone(halves).map(indexOf));
  const bars = everyone(halves).map((id) => {
    const bar = "#".repeat(indexOf(id)).padEnd(longest);
    const index = answers.has(id) ? String(indexOf(id)) : "?";
    return `${nameOf(id, halves)}  ${bar.slice(0, committed)}|${bar.slice(committed)}  ${index}`;
  });
  const ofIncoming = majorityCommittedIndex(incoming, indexOf);
  const ofOutgoing = majorityCommittedIndex(outgoing, indexOf);
  const parts = outgoing.length > 0 ? ` (incoming ${ofIncoming}, outgoing ${ofOutgoing})` : "";
  return [...bars, `committed ${committed}${parts}`];
};
