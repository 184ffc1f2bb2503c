/** Random changes of several members at once, such as leave a voter. */
import type { Member } from "../../node/membership/member.ts";
import type { MemberChange } from "../../node/membership/membership-change.ts";
import type { SeededRandom } from "../support/seeded-random.ts";

export interface DrawOptions {
  readonly members: readonly Member[];
  /** Joins in any case. */
  readonly added: Member | undefined;
  readonly mayLeave: readonly Member[];
  readonly leaveMax: number;
  readonly random: SeededRandom;
}

/** Empty when nobody would vote any more. */
export function drawChanges(options: DrawOptions): readonly MemberChange[] {
  const { members, added, mayLeave, leaveMax, random } = options;
  const promoted = members.filter(({ isLearner }) => isLearner && random.chance(0.5));
  const leaving = mayLeave
    .filter((member) => !promoted.includes(member))
    .slice(0, leaveMax)
    .filter(() => random.chance(0.7));
  const staying = members.filter((member) => !member.isLearner && !leaving.includes(member));
  if (staying.length === 0) return [];
  return [
    ...promoted.map(({ id }): MemberChange => ({ kind: "promote", id })),
    ...(added === undefined ? [] : [{ kind: "add", member: added } as const]),
    ...leaving.map(({ id }): MemberChange => ({ kind: "remove", id })),
  ];
}

export const describeChanges = (changes: readonly MemberChange[]): string =>
  changes
    .map((one) => {
      const id = one.kind === "add" ? one.member.id : one.id;
      return `${one.kind} ${id.toString(16).slice(0, 4)}`;
    })
    .join(", ");
