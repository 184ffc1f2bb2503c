/**
 * An operator in a world where anything may happen between any two of its steps. Its writes get lost, arrive late or twice; being without a memory,
 * an operator that crashes and one that is a second one are the same to the world.
 */
import type { EtcdClusterSpec } from "../../../operator/api/v1alpha1/types.ts";
import type { Plan } from "../../../operator/cluster/step.ts";
import { faultName, faultTransitions, naturalTransitions, withFault } from "./happenings.ts";
import { type PlanFunction, problemsOf } from "./judge.ts";
import { arrive, requestOf } from "./requests.ts";
import { keyOf, type Model, type Transition } from "./walk.ts";
import { contextOf, emptyWorld, observe, type World } from "./world.ts";

export interface OperatorModelOptions {
  readonly plan: PlanFunction;
  readonly spec: EtcdClusterSpec;
  /** Faults in one way through the world. */
  readonly faults: number;
  /** Steps and happenings within which an undisturbed world comes to rest. */
  readonly restWithin: number;
}

export interface OperatorModel extends Model<World> {
  /** The longest way to rest that was seen. */
  readonly longestRest: () => number;
  /** How worlds came to rest: "done", or the reason why not. */
  readonly rests: ReadonlyMap<string, number>;
}

export function operatorModel({
  plan,
  spec,
  faults,
  restWithin,
}: OperatorModelOptions): OperatorModel {
  const plans = new WeakMap<World, Plan>();
  const planIn = (world: World): Plan => {
    const planned = plans.get(world) ?? plan(observe(world), contextOf(world));
    plans.set(world, planned);
    return planned;
  };
  const lengths = new Map<string, number>();
  const rests = new Map<string, number>();

  /** Without further faults, the operator and what happens by itself come to an end, and to one that is as it should be. */
  const restProblems = (world: World): readonly string[] => {
    const way: string[] = [];
    for (let at = world; ; ) {
      const key = keyOf(at);
      const known = lengths.get(key);
      if (known !== undefined) {
        remember(way, known);
        return [];
      }
      way.push(key);
      if (way.length > restWithin) return [`no rest within ${restWithin} steps`];
      const next = undisturbed(at, planIn(at));
      if (next === undefined) {
        const end = planIn(at);
        const problems = endProblems(at, end);
        if (problems.length > 0) return problems;
        const how = end.kind === "wait" || end.kind === "stuck" ? end.reason : end.kind;
        rests.set(how, (rests.get(how) ?? 0) + 1);
        remember(way, -1);
        return [];
      }
      at = next;
    }
  };
  const remember = (way: readonly string[], rest: number): void => {
    for (const [at, key] of way.entries()) lengths.set(key, rest + way.length - at);
  };

  return {
    initial: [emptyWorld(spec, faults)],
    transitions: (world) => [
      ...operatorTransitions(world, planIn(world)),
      ...naturalTransitions(world),
      ...faultTransitions(world),
    ],
    problems: (world) => {
      const problems = problemsOf(world, planIn(world), plan);
      return problems.length > 0 ? problems : restProblems(world);
    },
    longestRest: () => [...lengths.values()].reduce((most, length) => Math.max(most, length), 0),
    rests,
  };
}

function operatorTransitions(world: World, planned: Plan): readonly Transition<World>[] {
  const late =
    world.underWay === undefined
      ? []
      : [
          {
            name: "the late write arrives",
            next: arrive({ ...world, underWay: undefined }, world.underWay),
          },
        ];
  if (planned.kind !== "step") return late;
  const { reason } = planned.step;
  const request = requestOf(world, planned.step);
  const done = arrive(world, request);
  const disturbed =
    world.faultsLeft === 0 || world.underWay !== undefined
      ? []
      : [
          {
            name: `${reason}, late`,
            next: withFault({ ...world, underWay: request }, "a write is late"),
          },
          {
            name: `${reason}, twice`,
            next: withFault({ ...done, underWay: request }, "a write arrives twice"),
          },
        ];
  return [
    ...late,
    { name: `crash before ${reason}`, next: world },
    // With or without a reply: the operator looks again.
    { name: reason, next: done },
    ...disturbed,
  ];
}

/** One of the things that go on by themselves, the operator first; undefined when there is none. */
function undisturbed(world: World, planned: Plan): World | undefined {
  if (world.underWay !== undefined)
    return arrive({ ...world, underWay: undefined }, world.underWay);
  if (planned.kind === "step") return arrive(world, requestOf(world, planned.step));
  return naturalTransitions(world)[0]?.next;
}

/** Fault ▸ the ends that it excuses. */
const excuses: Readonly<Record<string, readonly string[]>> = {
  VolumeLost: ["claim vanishes", "claim is deleted", "claim is replaced"],
  VolumeDeletionPending: ["claim is deleted"],
  MembersLost: ["member is deleted"],
  ClusterIDMismatch: ["volume gets the data of another cluster"],
  MemberIDMismatch: ["volume gets the data of another cluster"],
  UnknownMember: ["a stranger joins"],
  // Another seed was chosen, and a late write brought the forgotten one.
  SeedMismatch: ["status is emptied"],
  ScalingNotServed: ["status is emptied"],
  // The member's object came back, its data did not.
  PodNotReady: ["member is deleted"],
};

function endProblems(world: World, end: Plan): readonly string[] {
  if (end.kind === "done") return [];
  if (end.kind === "step") return ["rest with a step left"];
  const happened = world.facts.faults.map(faultName);
  const isExcused = (excuses[end.reason] ?? []).some((name) => happened.includes(name));
  return isExcused ? [] : [`comes to rest as ${end.reason}: ${end.message}`];
}
