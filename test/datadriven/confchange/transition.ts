/** `transition auto|implicit|explicit`, changes as input: which of the changer's steps raft takes for such an entry. */
import assert from "node:assert/strict";
import { emptyBytes } from "../../../node/lib/bytes.ts";
import { confChangeTransition } from "../../../node/proto/conf-change-codec.ts";
import { transitionOf } from "../../../node/raft/confchange/changer.ts";
import { parseChange } from "../conf-change-text.ts";
import type { Handler } from "../runner.ts";
import type { ConfChangeWorld } from "./world.ts";

const transitions = new Map([
  ["auto", confChangeTransition.auto],
  ["implicit", confChangeTransition.jointImplicit],
  ["explicit", confChangeTransition.jointExplicit],
]);

export const transitionVerb: Handler<ConfChangeWorld> = (_, command) => {
  const transition = transitions.get(command.positions()[0] ?? "");
  assert.ok(transition !== undefined, "auto, implicit or explicit");
  const words = command.input
    .join(" ")
    .split(/\s+/)
    .filter((word) => word !== "");
  const changes = words.map(parseChange);
  const step = transitionOf({ transition, changes, context: emptyBytes });
  if (typeof step === "string") return [step];
  return [`joint, left ${step.autoLeave ? "by itself" : "on demand"}`];
};
