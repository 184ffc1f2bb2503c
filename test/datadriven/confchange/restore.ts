/** `restore voters=(1,2) outgoing=(2,3) learners=(4) learners-next=(3) auto-leave`: what a snapshot with this configuration leads to. */
import { type MemberId, memberId } from "../../../node/lib/units.ts";
import { restoreConfig } from "../../../node/raft/confchange/restore.ts";
import type { Handler } from "../runner.ts";
import type { ConfChangeWorld } from "./world.ts";

export const restoreVerb: Handler<ConfChangeWorld> = (world, command) => {
  const ids = (key: string): MemberId[] => command.list(key).map((id) => memberId(BigInt(id)));
  const confState = {
    voters: ids("voters"),
    votersOutgoing: ids("outgoing"),
    learners: ids("learners"),
    learnersNext: ids("learners-next"),
    autoLeave: command.flag("auto-leave"),
  };
  world.nextIndex();
  return world.take(restoreConfig(confState, world.context));
};
