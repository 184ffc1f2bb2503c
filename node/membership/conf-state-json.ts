/** raft's configuration as etcd keeps it beside the data it belongs to (schema/confstate.go): ids as JSON numbers of 64 bits. */
import { toText } from "../lib/bytes.ts";
import { type MemberId, memberId } from "../lib/units.ts";
import type { ConfState } from "../raft/types.ts";

/** Nobody: what a cluster is before its first entry. */
export const emptyConfState: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

/** Empty lists are left out, as Go does. */
export function confStateToJson(state: ConfState): string {
  const lists = [
    ["voters", state.voters],
    ["learners", state.learners],
    ["voters_outgoing", state.votersOutgoing],
    ["learners_next", state.learnersNext],
  ] as const;
  const fields = lists
    .filter(([, ids]) => ids.length > 0)
    .map(([name, ids]) => `"${name}":[${ids.join(",")}]`);
  return `{${[...fields, `"auto_leave":${state.autoLeave}`].join(",")}}`;
}

/** Keeps the digits of every number, which JavaScript would round. */
const keepDigits = (
  _key: string,
  value: unknown,
  context?: { readonly source?: string },
): unknown => (typeof value === "number" ? (context?.source ?? String(value)) : value);

/** Throws a SyntaxError where the bytes are no such JSON. */
export function confStateFromJson(bytes: Uint8Array): ConfState {
  const json = JSON.parse(toText(bytes), keepDigits) as {
    readonly voters?: readonly string[];
    readonly learners?: readonly string[];
    readonly voters_outgoing?: readonly string[];
    readonly learners_next?: readonly string[];
    readonly auto_leave?: boolean;
  };
  const ids = (digits: readonly string[] | undefined): readonly MemberId[] =>
    (digits ?? []).map((id) => memberId(BigInt(id)));
  return {
    voters: ids(json.voters),
    learners: ids(json.learners),
    votersOutgoing: ids(json.voters_outgoing),
    learnersNext: ids(json.learners_next),
    autoLeave: json.auto_leave ?? false,
  };
}

/** Everybody who has a place in the configuration, ascending, in whatever half. */
export function idsOf(state: ConfState): readonly MemberId[] {
  const { voters, learners, votersOutgoing, learnersNext } = state;
  const ids = new Set([...voters, ...learners, ...votersOutgoing, ...learnersNext]);
  return [...ids].sort((a, b) => (a < b ? -1 : 1));
}

/** It may vote: in one half of a joint configuration is enough. */
export const isVoter = ({ voters, votersOutgoing }: ConfState, id: MemberId): boolean =>
  voters.includes(id) || votersOutgoing.includes(id);

export const isJoint = ({ votersOutgoing }: ConfState): boolean => votersOutgoing.length > 0;
