/** What must hold of a member that was attacked. */
import type { OneMember } from "../support/one-member.ts";
import type { Trial } from "./trial.ts";

/** Empty when all is well. */
export function judge(member: OneMember, trial: Trial): readonly string[] {
  const { attack, startBytes, peakBytes, errors, putMs } = trial;
  const problems: string[] = [];
  if (member.server.end !== undefined) problems.push(`the member ${member.server.end}`);
  const [firstError] = errors;
  if (firstError !== undefined)
    problems.push(`${errors.length} honest Puts failed, the first: ${firstError}`);
  if (putMs.length === 0) problems.push("no honest Put was answered");
  // What the honest client has written is in memory too.
  const writtenMib = (putMs.length * (attack.honestValueBytes ?? 0)) / 2 ** 20;
  const growthMib = (peakBytes - startBytes) / 2 ** 20 - writtenMib;
  if (growthMib > attack.growthMibMax)
    problems.push(`memory grew by ${growthMib.toFixed(0)} MiB, allowed ${attack.growthMibMax}`);
  return problems;
}
