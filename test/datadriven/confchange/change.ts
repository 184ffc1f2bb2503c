/** `simple`, `enter-joint` (with `auto-leave`) and `leave-joint`: one step of the changer. */
import { enterJoint, leaveJoint, simple } from "../../../node/raft/confchange/changer.ts";
import type { Command } from "../command.ts";
import { parseChange } from "../conf-change-text.ts";
import type { Handler } from "../runner.ts";
import type { ConfChangeWorld } from "./world.ts";

const changesOf = (command: Command) =>
  command.input
    .join(" ")
    .split(/\s+/)
    .filter((word) => word !== "")
    .map(parseChange);

export const simpleVerb: Handler<ConfChangeWorld> = (world, command) => {
  world.nextIndex();
  return world.take(simple(world.state, changesOf(command), world.context));
};

export const enterJointVerb: Handler<ConfChangeWorld> = (world, command) => {
  world.nextIndex();
  const isAutoLeave = command.flag("auto-leave");
  return world.take(enterJoint(world.state, isAutoLeave, changesOf(command), world.context));
};

export const leaveJointVerb: Handler<ConfChangeWorld> = (world) => {
  world.nextIndex();
  return world.take(leaveJoint(world.state));
};
