/** What must hold of a member that was attacked. */
import type { OneMember } from "../support/one-member.ts";
import type { Trial } from "./trial.ts";

/** Handshakes that an attacker is given for each of the honest client, who makes one after the other and pays with a round trip. */
const answersPerHandshake = 400;

/** Empty when all is well. */
export function judge(member: Pick<OneMember, "server">, trial: Trial): readonly string[] {
  const { attack, report, startBytes, peakBytes, errors, putMs } = trial;
  const problems: string[] = [];
  if (member.server.end !== undefined) problems.push(`the member ${member.server.end}`);
  const [firstError] = errors;
  if (firstError !== undefined)
    problems.push(`${errors.length} honest calls failed, the first: ${firstError}`);
  if (putMs.length === 0) problems.push("no honest call was answered");
  if (attack.isOnTls === true && report.answers > answersPerHandshake * putMs.length)
    problems.push(
      `${putMs.length} honest handshakes were made, and ${report.answers} of the attacker begun`,
    );
  // What the honest client has written is in memory too.
  const writtenMib = (putMs.length * (attack.honestValueBytes ?? 0)) / 2 ** 20;
  const growthMib = (peakBytes - startBytes) / 2 ** 20 - writtenMib;
  if (growthMib > attack.growthMibMax)
    problems.push(`memory grew by ${growthMib.toFixed(0)} MiB, allowed ${attack.growthMibMax}`);
  return problems;
}
