/** Walks through every world that can be reached, and looks for one in which two that have to talk cannot, or from which the change never ends. */

import type { Answer } from "../../../operator/cluster/rule.ts";
import type { Step } from "../../../operator/cluster/step.ts";
import { carryOut, observe, type Planner, targetOf } from "./rotation-plan.ts";
import { happenings, keyOf, silence, type World } from "./rotation-world.ts";

export interface Walked {
  readonly states: number;
  readonly transitions: number;
  /** The first thing that is wrong, with the way to it. */
  readonly problem: string | undefined;
}

export interface WalkOptions {
  readonly plan: Planner;
  /** False: writes have no precondition (a planted bug). */
  readonly isFenced?: boolean;
  /** False: only who cannot talk to whom is judged. */
  readonly isEndJudged?: boolean;
  readonly statesMax?: number;
}

interface Reached {
  readonly world: World;
  readonly from: string | undefined;
  readonly how: string;
}

export function walk(start: World, options: WalkOptions): Walked {
  const { isFenced = true, isEndJudged = true, statesMax = 2_000_000 } = options;
  const plan = remembered(options.plan);
  const reached = new Map<string, Reached>([
    [keyOf(start), { world: start, from: undefined, how: "start" }],
  ]);
  const queue = [keyOf(start)];
  const ending = new Set<string>();
  let transitions = 0;
  for (let at = 0; at < queue.length; at += 1) {
    const key = queue[at] as string;
    const { world } = reached.get(key) as Reached;
    const problem = silence(world) ?? (isEndJudged ? endless(world, plan, ending) : undefined);
    if (problem !== undefined) {
      return { states: reached.size, transitions, problem: `${problem}: ${wayTo(reached, key)}` };
    }
    for (const [how, next] of successors(world, plan, isFenced)) {
      transitions += 1;
      const nextKey = keyOf(next);
      if (reached.has(nextKey)) continue;
      if (reached.size >= statesMax) throw new Error(`more than ${statesMax} states`);
      reached.set(nextKey, { world: next, from: key, how });
      queue.push(nextKey);
    }
  }
  return { states: reached.size, transitions, problem: undefined };
}

type Plan = (world: World) => Answer;

/** What may still happen, and what another operator does, the plan does not see. */
function remembered(plan: Planner): Plan {
  const known = new Map<string, Answer>();
  return (world) => {
    const key = JSON.stringify({ ...world, held: undefined, left: undefined, made: undefined });
    if (!known.has(key)) known.set(key, plan(observe(world), world));
    return known.get(key);
  };
}

/** A write that was lost, and a crash before it, change nothing: they are the worlds that are here already. */
function successors(
  world: World,
  plan: Plan,
  isFenced: boolean,
): readonly (readonly [string, World])[] {
  const found = [...happenings(world)];
  const answer = plan(world);
  if (answer?.kind === "step") {
    const { step } = answer;
    found.push([nameOf(step), carryOut(world, step)]);
    if (world.held === undefined && world.left.holds > 0) {
      const held = { step: JSON.stringify(step), seen: targetOf(world, step) };
      const left = { ...world.left, holds: world.left.holds - 1 };
      found.push([`another operator falls asleep over: ${nameOf(step)}`, { ...world, held, left }]);
    }
  }
  if (world.held !== undefined) {
    const step = JSON.parse(world.held.step) as Step;
    const awake = { ...world, held: undefined };
    const isRefused = isFenced && targetOf(world, step) !== world.held.seen;
    found.push(["the other operator wakes up", isRefused ? awake : carryOut(awake, step)]);
  }
  return found;
}

/** When everybody is up, nothing is delayed and nothing more happens, the change comes to its end. */
function endless(world: World, plan: Plan, ending: Set<string>): string | undefined {
  const calm = { requests: 0, downs: 0, joins: 0, losses: 0, holds: 0 };
  let now: World = { ...world, left: calm, held: undefined };
  const passed: string[] = [];
  for (let at = 0; at < 120; at += 1) {
    const key = keyOf(now);
    if (ending.has(key)) break;
    passed.push(key);
    const [happening] = happenings(now);
    const answer = happening === undefined ? plan(now) : undefined;
    if (happening !== undefined) now = happening[1];
    else if (answer?.kind === "step") now = carryOut(now, answer.step);
    else {
      const rests = answer === undefined && now.latched.phase === "Stable";
      const isDone = rests && now.latched.request === now.request && now.ca?.next === "";
      if (!isDone)
        return `no end, but ${answer?.kind ?? "done"} ${answer !== undefined && "reason" in answer ? `${answer.reason} ${answer.message}` : ""}`;
      break;
    }
    if (at === 119) return "no end after 120 steps";
  }
  for (const key of passed) ending.add(key);
  return undefined;
}

function nameOf(step: Step): string {
  if (step.kind === "latch-cluster") return `latch ${step.fields.certificates?.phase ?? ""}`;
  if (step.kind !== "issue") return step.kind;
  const { order, secretName } = step;
  return order.kind === "ca" ? `CA ${order.change.kind}` : `${order.leaves} ${secretName}`;
}

function wayTo(reached: ReadonlyMap<string, Reached>, key: string): string {
  const way: string[] = [];
  for (let at: string | undefined = key; at !== undefined; at = reached.get(at)?.from) {
    way.unshift(reached.get(at)?.how ?? "");
  }
  return way.join(" > ");
}
