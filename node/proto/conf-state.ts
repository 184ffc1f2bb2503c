/**
 * raftpb.ConfState, as log records and snapshot files carry it (proto2: `auto_leave` is written also when it is false). Reading is
 * stricter than proto2: a field that the format does not have is a WireError, since a flipped bit of a tag looks like that.
 */
import { type MemberId, memberId } from "../lib/units.ts";
import { type Reader, tagOf, WireError, type Writer, wireType } from "./wire.ts";

/** The same as raft's ConfState, which this floor does not see. */
export interface ConfStateFields {
  readonly voters: readonly MemberId[];
  readonly learners: readonly MemberId[];
  readonly votersOutgoing: readonly MemberId[];
  readonly learnersNext: readonly MemberId[];
  readonly autoLeave: boolean;
}

const autoLeaveTag = tagOf(5, wireType.varint);

export function writeConfState(out: Writer, state: ConfStateFields): void {
  const idLists = [state.voters, state.learners, state.votersOutgoing, state.learnersNext];
  idLists.forEach((ids, at) => {
    for (const id of ids) {
      out.byte(tagOf(at + 1, wireType.varint));
      out.varint64(id);
    }
  });
  out.byte(autoLeaveTag);
  out.byte(state.autoLeave ? 1 : 0);
}

/** Reads the message that is all of what the reader holds. */
export function readConfState(reader: Reader): ConfStateFields {
  const lists: MemberId[][] = [[], [], [], []];
  let autoLeave = false;
  while (!reader.isDone) {
    const tag = reader.tag();
    const ids = tag % 8 === wireType.varint ? lists[Math.floor(tag / 8) - 1] : undefined;
    if (ids !== undefined) ids.push(memberId(reader.varint64()));
    else if (tag === autoLeaveTag) autoLeave = reader.bool();
    else throw new WireError(`conf state has an unknown field (tag ${tag})`);
  }
  const [voters = [], learners = [], votersOutgoing = [], learnersNext = []] = lists;
  return { voters, learners, votersOutgoing, learnersNext, autoLeave };
}
