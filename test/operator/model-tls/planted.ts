/** Planners with one bug each, for the walk to find: the real one with something wrong in what it sees, or in what it asks for. */
import type { Observed } from "../../../operator/cluster/observed.ts";
import type { Answer } from "../../../operator/cluster/rule.ts";
import type { IssueOrder } from "../../../operator/cluster/tls/issue-order.ts";
import { observe, type Planner, plan } from "./rotation-plan.ts";
import { type World, worldOf } from "./rotation-world.ts";

export interface PlantedBug {
  readonly name: string;
  readonly plan: Planner;
  readonly start: World;
  readonly isFenced?: boolean;
  /** What it leads to, where it is not that two cannot talk: a change that has no end. */
  readonly isEndJudged?: true;
}

type Leaves = Extract<IssueOrder, { kind: "leaves" }>;

const phaseIn = ({ cluster }: Observed): string => cluster.status?.certificates?.phase ?? "";

/** Changes what is written into Secrets with leaves, in one phase. */
function writing(phase: string, change: (order: Leaves, observed: Observed) => Leaves): Planner {
  return (observed, world) => {
    const answer = plan(observed, world);
    if (answer?.kind !== "step" || answer.step.kind !== "issue") return answer;
    const { order } = answer.step;
    if (order.kind !== "leaves" || phaseIn(observed) !== phase) return answer;
    return { kind: "step", step: { ...answer.step, order: change(order, observed) } };
  };
}

/** Believes in a phase that every member has what its Secret holds. */
function trusting(phase: string): Planner {
  return (observed, world) => {
    if (phaseIn(observed) !== phase) return plan(observed, world);
    const members = Object.fromEntries(
      Object.entries(world.members).map(([name, member]) => [
        name,
        { ...member, mounted: member.secret },
      ]),
    );
    return plan({ ...observed, proofs: observe({ ...world, members }).proofs }, world);
  };
}

function nextOf({ cluster }: Observed): string {
  return cluster.status?.certificates?.nextCAFingerprint ?? "";
}

function latching(from: string, to: "DropOld"): Planner {
  return (observed, world): Answer => {
    const answer = plan(observed, world);
    if (answer?.kind !== "step" || answer.step.kind !== "latch-cluster") return answer;
    const { certificates } = answer.step.fields;
    if (certificates?.phase !== from) return answer;
    const fields = { certificates: { ...certificates, phase: to } };
    return { kind: "step", step: { ...answer.step, fields } };
  };
}

const passingOver: Planner = (_observed, world) => {
  const up = Object.entries(world.members).filter(([, { state }]) => state === "up");
  return plan(observe({ ...world, members: Object.fromEntries(up) }), world);
};

const joinerAlone: Planner = (observed, world) => {
  const answer = plan(observed, world);
  if (answer?.kind !== "step" || answer.step.kind !== "issue") return answer;
  const { order, secretName } = answer.step;
  if (order.kind !== "leaves" || observed.tls.secrets.has(secretName)) return answer;
  return {
    kind: "step",
    step: { ...answer.step, order: { ...order, bundle: [order.issuer] } },
  };
};

const forgetting: Planner = (observed, world) => {
  const answer = plan(observed, world);
  if (answer?.kind !== "step" || answer.step.kind !== "issue") return answer;
  const { order } = answer.step;
  if (order.kind !== "ca" || order.change.kind !== "restore") return answer;
  return {
    kind: "step",
    step: { ...answer.step, order: { kind: "ca", change: { kind: "create" } } },
  };
};

const hasty: Planner = (_observed, world) => plan(observe({ ...world, isGraceOver: true }), world);

export const plantedBugs: readonly PlantedBug[] = [
  { name: "AddNew ends before members are proved", plan: trusting("AddNew"), start: worldOf(2) },
  { name: "Reissue ends before members are proved", plan: trusting("Reissue"), start: worldOf(2) },
  {
    name: "the bundle is replaced, and not added to",
    plan: writing("AddNew", (order, observed) => ({ ...order, bundle: [nextOf(observed)] })),
    start: worldOf(2),
  },
  {
    name: "leaves are made by the next CA before it is trusted",
    plan: writing("AddNew", (order, observed) => ({
      ...order,
      leaves: "new",
      issuer: nextOf(observed),
    })),
    start: worldOf(2),
  },
  {
    name: "the operator's own leaf is made by the next CA at once",
    plan: writing("AddNew", (order, observed) =>
      order.holder.kind === "operator"
        ? { ...order, leaves: "new", issuer: nextOf(observed) }
        : order,
    ),
    start: worldOf(1),
  },
  {
    name: "DropOld drops the wrong CA",
    plan: writing("DropOld", (order, observed) => ({ ...order, bundle: [nextOf(observed)] })),
    start: worldOf(2),
  },
  { name: "Reissue is skipped", plan: latching("Reissue", "DropOld"), start: worldOf(2) },
  {
    name: "members that are down are passed over",
    plan: passingOver,
    start: worldOf(2, { downs: 1 }),
  },
  {
    name: "a member that joins trusts the CA alone that issues",
    plan: joinerAlone,
    start: worldOf(1, { joins: 1 }),
  },
  {
    name: "applications get no time",
    plan: hasty,
    start: worldOf(1),
  },
  {
    name: "a CA that is lost is forgotten",
    plan: forgetting,
    start: worldOf(1, { losses: 1 }),
    isEndJudged: true,
  },
  {
    name: "writes have no precondition",
    plan,
    start: worldOf(2, { holds: 1 }),
    isFenced: false,
    isEndJudged: true,
  },
];
