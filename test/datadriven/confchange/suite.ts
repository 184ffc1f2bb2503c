/**
 * The changer on its own: `restore` begins with a configuration, each change prints the one that it leads to and the progress of everyone,
 * or why it was refused. Changes are input: v1 makes 1 a voter, l1 a learner, r1 removes it, u1 updates it, x1 is of unknown type.
 */
import type { Suite } from "../runner.ts";
import { enterJointVerb, leaveJointVerb, simpleVerb } from "./change.ts";
import { restoreVerb } from "./restore.ts";
import { transitionVerb } from "./transition.ts";
import { ConfChangeWorld } from "./world.ts";

export const confchangeSuite: Suite<ConfChangeWorld> = {
  folder: "confchange",
  handlers: {
    restore: restoreVerb,
    simple: simpleVerb,
    "enter-joint": enterJointVerb,
    "leave-joint": leaveJointVerb,
    transition: transitionVerb,
  },
  newWorld: () => new ConfChangeWorld(),
};
