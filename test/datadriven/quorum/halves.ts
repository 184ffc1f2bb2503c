/** A configuration out of the arguments of a command, and the answers out of its input. */
import assert from "node:assert/strict";
import { type MemberId, memberId } from "../../../node/lib/units.ts";
import type { Command } from "../command.ts";

export interface Halves {
  readonly incoming: readonly MemberId[];
  readonly outgoing: readonly MemberId[];
}

export function halvesOf(command: Command): Halves {
  const ids = (key: string): MemberId[] => command.list(key).map((id) => memberId(BigInt(id)));
  return { incoming: ids("voters"), outgoing: ids("outgoing") };
}

/** The second word of each line by its first, which is a voter. */
export function answersOf(command: Command): Map<MemberId, string> {
  return new Map(
    command.input.map((line) => {
      const [id, answer, ...more] = line.split(/\s+/);
      assert.ok(id !== undefined && answer !== undefined && more.length === 0, line);
      return [memberId(BigInt(id)), answer];
    }),
  );
}

/** Both halves, each voter once, ascending. */
export function everyone({ incoming, outgoing }: Halves): MemberId[] {
  return [...new Set([...incoming, ...outgoing])].sort((a, b) => (a < b ? -1 : 1));
}

/** "3  io": the voter and the halves that it is in. */
export function nameOf(id: MemberId, { incoming, outgoing }: Halves): string {
  const inIncoming = incoming.includes(id) ? "i" : ".";
  const inOutgoing = outgoing.includes(id) ? "o" : ".";
  return `${String(id).padStart(2)} ${inIncoming}${inOutgoing}`;
}
