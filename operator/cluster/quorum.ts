/** Arithmetic of majorities: what a change of the voters may cost. */
import type { Look } from "./rule.ts";

/** Of so many voters, so many must be there for anything to be decided. 0 of none. */
export function quorumOf(voters: number): number {
  return voters === 0 ? 0 : Math.floor(voters / 2) + 1;
}

/**
 * Whether quorum is there now, and is there without this voter too, which takes its own vote along when it serves (operators.md 7.4, rule 2). The last
 * voter never goes.
 */
export function mayRemoveVoter(look: Look, voter: { readonly serves: boolean }): boolean {
  const voters = look.voters.length;
  const serving = look.servingVoters.length;
  const servingAfter = voter.serves ? serving - 1 : serving;
  return voters > 1 && serving >= quorumOf(voters) && servingAfter >= quorumOf(voters - 1);
}
