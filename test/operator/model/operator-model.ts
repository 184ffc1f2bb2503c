/**
 * An operator in a world where anything may happen between any two of its steps. Its writes get lost, arrive late or twice; being without a memory, an
 * operator that crashes and one that is a second one are the same to the world, and a write that comes late is one that a second one has planned.
 */
import type { Plan } from "../../../operator/cluster/step.ts";
import { arrived } from "./arrive.ts";
import { canonical, keyOf, textOf } from "./canonical.ts";
import { faultTransitions, personTransitions, type Wishes } from "./faults.ts";
import { type PlanFunction, stepProblems, worldProblems } from "./judge.ts";
import { naturalTransitions, timePassed, writeTransitions } from "./nature.ts";
import { context, observe } from "./observe.ts";
import { isStillValid, requestOf } from "./requests.ts";
import { restProblems } from "./rest.ts";
import type { Model, Transition } from "./walk.ts";
import { emptyWorld, type Limits, type Request, type UnderWay, type World } from "./world.ts";

export interface OperatorModelOptions extends Limits, Wishes {
  readonly plan: PlanFunction;
  /** Members at the start, all well; 0: nothing is there yet, and one is wanted. */
  readonly members: number;
  readonly allowEvenReplicas?: boolean;
  /** Steps and happenings within which an undisturbed world comes to rest. Undefined: rest is not judged. */
  readonly restWithin: number | undefined;
}

export interface OperatorModel extends Model<World> {
  /** States that were judged: those on the undisturbed ways to rest, too. */
  readonly judged: () => number;
  /** The longest way to rest that was seen. */
  readonly longestRest: () => number;
  /** How worlds came to rest: "done", or the reason why not. */
  readonly rests: ReadonlyMap<string, number>;
}

export function operatorModel(options: OperatorModelOptions): OperatorModel {
  const { plan, restWithin } = options;
  const planIn = planOnce(plan);
  const lengths = new Map<string, number>();
  const rests = new Map<string, number>();

  /** Without further faults, the operator and what happens by itself come to an end, and to one that is as it should be. */
  const progressProblems = (world: World, within: number): readonly string[] => {
    const way: string[] = [];
    const names: string[] = [];
    for (let at = world; ; ) {
      const key = keyOf(at);
      const known = lengths.get(key);
      if (known !== undefined) {
        remember(lengths, way, known);
        return [];
      }
      way.push(key);
      if (way.length > within) {
        return [`no rest within ${within} steps: ${names.slice(-12).join(" ▸ ")}`];
      }
      const planned = planIn(at);
      const problems = at === world ? [] : safetyProblems(at, planned);
      if (problems.length > 0) return [...problems, `by: ${names.join(" ▸ ")}`, textOf(at)];
      const next = undisturbed(at, planned);
      if (next === undefined) {
        const atRest = restProblems(at, planned);
        if (atRest.length > 0) return [...atRest, `by: ${names.join(" ▸ ")}`, textOf(at)];
        const isReasoned = planned.kind === "wait" || planned.kind === "stuck";
        const how = isReasoned ? planned.reason : planned.kind;
        rests.set(how, (rests.get(how) ?? 0) + 1);
        remember(lengths, way, -1);
        return [];
      }
      names.push(next.name);
      at = next.next;
    }
  };

  return {
    initial: [startOf(options, planIn)],
    keyOf,
    textOf,
    transitions: (world) => transitionsOf(world, planIn(world), options),
    problems: (world) => {
      const problems = safetyProblems(world, planIn(world));
      return problems.length > 0 || restWithin === undefined
        ? problems
        : progressProblems(world, restWithin);
    },
    judged: () => lengths.size,
    longestRest: () => {
      let longest = 0;
      for (const length of lengths.values()) longest = Math.max(longest, length);
      return longest;
    },
    rests,
  };
}

function safetyProblems(world: World, planned: Plan): readonly string[] {
  return [...worldProblems(world), ...stepProblems(world, planned, observe(world))];
}

function planOnce(plan: PlanFunction): (world: World) => Plan {
  const plans = new WeakMap<World, Plan>();
  return (world) => {
    const planned = plans.get(world) ?? plan(observe(world), context);
    plans.set(world, planned);
    return planned;
  };
}

function remember(lengths: Map<string, number>, way: readonly string[], rest: number): void {
  for (const [at, key] of way.entries()) lengths.set(key, rest + way.length - at);
}

/** A cluster as it is when nothing went wrong. */
function startOf(options: OperatorModelOptions, planIn: (world: World) => Plan): World {
  const { members, allowEvenReplicas = false } = options;
  const spec = {
    replicas: Math.max(1, members),
    allowEvenReplicas,
    isPaused: false,
    image: 0,
  } as const;
  const empty = emptyWorld(spec, { faults: 0, acts: 0 });
  const settled = members === 0 ? empty : restOf(empty, planIn);
  return { ...settled, faultsLeft: options.faults, actsLeft: options.acts };
}

function restOf(from: World, planIn: (world: World) => Plan): World {
  let world = from;
  for (let at = 0; at < 1_000; at += 1) {
    const next = undisturbed(world, planIn(world));
    if (next === undefined) return world;
    world = next.next;
  }
  throw new Error(`no rest: ${textOf(world)}`);
}

function transitionsOf(
  world: World,
  planned: Plan,
  options: OperatorModelOptions,
): readonly Transition<World>[] {
  const natural = naturalTransitions(world);
  const others = [
    ...natural,
    ...(natural.length === 0 && planned.kind !== "step" ? timeTransitions(world) : []),
    ...writeTransitions(world),
    ...faultTransitions(world, options),
    ...personTransitions(world, options),
  ].map(({ name, next }) => ({ name, next: goneOn(world, next) }));
  return [...operatorTransitions(world, planned), ...others];
}

function timeTransitions(world: World): readonly Transition<World>[] {
  const next = timePassed(world);
  return next === undefined ? [] : [{ name: "time passes", next }];
}

/** Whatever has changed: a write that is under way may be refused when it arrives. */
function goneOn(before: World, after: World): World {
  const { underWay, ...rest } = after;
  if (underWay === undefined) return canonical(after);
  const { request } = underWay;
  if (!isStillValid(request, before, after)) return canonical(rest);
  // A Pod has its owner's uid: without that one it is nobody's.
  if (request.kind === "create-pod" && after.slots[request.slot]?.member === undefined) {
    const orphan = { ...request, pod: { ...request.pod, isOrphan: true } };
    return canonical({ ...after, underWay: { ...underWay, request: orphan } });
  }
  return canonical(after);
}

function lateArrival(world: World): Transition<World> | undefined {
  const { underWay, ...rest } = world;
  if (underWay === undefined) return undefined;
  return {
    name: `${underWay.reason} arrives late`,
    next: canonical(arrived(rest, underWay.request)),
  };
}

function operatorTransitions(world: World, planned: Plan): readonly Transition<World>[] {
  const late = lateArrival(world);
  if (planned.kind !== "step") return late === undefined ? [] : [late];
  const { reason } = planned.step;
  const request = requestOf(planned.step);
  // With or without a reply, and whether or not the operator ends now: it looks again.
  const done = { name: labelOf(reason, request), next: goneOn(world, arrived(world, request)) };
  if (late !== undefined) return [late, done];
  if (world.faultsLeft === 0) return [done];
  return [done, ...disturbed(world, { request, reason })];
}

function disturbed(world: World, underWay: UnderWay): readonly Transition<World>[] {
  const { request, reason } = underWay;
  const cost = { faultsLeft: world.faultsLeft - 1, hadLateWrite: true };
  const done = arrived(world, request);
  const twice = { ...done, ...cost, underWay };
  return [
    {
      name: `${labelOf(reason, request)}, late`,
      next: canonical({ ...world, ...cost, underWay }),
    },
    // A second time it is refused where it was the first one that made it so.
    ...(isStillValid(request, world, done) && request.kind !== "create-member"
      ? [{ name: `${labelOf(reason, request)}, twice`, next: canonical(twice) }]
      : []),
  ];
}

function labelOf(reason: string, request: Request): string {
  const about = "slot" in request ? ` etcd-m${request.slot}` : "";
  return `${reason}${about}`;
}

/** One of the things that go on by themselves, the operator first; undefined when there is none. */
function undisturbed(world: World, planned: Plan): Transition<World> | undefined {
  const late = lateArrival(world);
  if (late !== undefined) return late;
  if (planned.kind === "step") {
    const request = requestOf(planned.step);
    const name = labelOf(planned.step.reason, request);
    return { name, next: canonical(arrived(world, request)) };
  }
  const [first] = [...naturalTransitions(world), ...timeTransitions(world)];
  return first === undefined ? undefined : { name: first.name, next: canonical(first.next) };
}
