/** `vote voters=(1,2,3) outgoing=(3,4)`: what was voted, what that means in each half, and the outcome. */
import type { MemberId } from "../../../node/lib/units.ts";
import { jointVoteResult } from "../../../node/raft/quorum/joint.ts";
import type { Handler } from "../runner.ts";
import { answersOf, everyone, halvesOf, nameOf } from "./halves.ts";

export const vote: Handler<undefined> = (_, command) => {
  const halves = halvesOf(command);
  const { incoming, outgoing } = halves;
  const answers = answersOf(command);
  const votes = new Map([...answers].map(([id, answer]) => [id, answer === "yes"]));
  const rows = everyone(halves).map((id) => `${nameOf(id, halves)}  ${answers.get(id) ?? "-"}`);
  const half = (name: string, voters: readonly MemberId[]): string => {
    const count = (wanted: boolean) => voters.filter((id) => votes.get(id) === wanted).length;
    const needed = Math.floor(voters.length / 2) + 1;
    return `${name}: ${count(true)} yes, ${count(false)} no, ${needed} of ${voters.length} needed`;
  };
  return [
    ...rows,
    ...(incoming.length > 0 ? [half("incoming", incoming)] : []),
    ...(outgoing.length > 0 ? [half("outgoing", outgoing)] : []),
    jointVoteResult(incoming, outgoing, votes),
  ];
};
