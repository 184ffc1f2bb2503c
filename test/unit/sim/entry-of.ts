/** Committed entries for the tests of the simulator's checkers. */
import { logIndex, term } from "../../../node/lib/units.ts";
import { encodeInternalRaft } from "../../../node/proto/internal-raft-codec.ts";
import { Writer } from "../../../node/proto/wire.ts";
import { type Entry, entryType } from "../../../node/raft/types.ts";
import type { WriteRequest } from "../../sim/requests.ts";

/** `id` 0: the leader's own request, for whose answer nobody waits. */
export function entryOf(index: number, request: WriteRequest, id = 1): Entry {
  const writer = new Writer();
  const { field, bytes } = request;
  encodeInternalRaft(writer, 0, id, field, bytes, 0, bytes.length);
  return {
    index: logIndex(index),
    term: term(1),
    type: entryType.normal,
    data: writer.finish(),
  };
}
