import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { plan } from "../../../../operator/cluster/plan.ts";
import {
  type OperatorModelOptions,
  operatorModel,
} from "../../../operator/model/operator-model.ts";
import { planted } from "../../../operator/model/planted.ts";
import { walk } from "../../../operator/model/walk.ts";

const restWithin = 400;
const wishes = { scales: [0, 1, 3], isImageChanged: true };

interface Part extends Partial<OperatorModelOptions> {
  readonly name: string;
  readonly members: number;
  readonly faults: number;
  readonly acts: number;
  /** All there are, where no bound is given; otherwise the nearest ones. */
  readonly statesMax?: number;
  readonly statesMin: number;
}

const parts: readonly Part[] = [
  { name: "a birth with two accidents", members: 0, faults: 2, acts: 0, statesMin: 2_000 },
  {
    name: "a birth, an accident and a person",
    members: 0,
    faults: 1,
    acts: 1,
    statesMin: 3_000,
    statesMax: 3_000,
  },
  {
    name: "one member, an accident and a person",
    members: 1,
    faults: 1,
    acts: 1,
    statesMin: 5_000,
    statesMax: 5_000,
  },
  { name: "three members, an accident", members: 3, faults: 1, acts: 0, statesMin: 2_000 },
  { name: "three members, a person", members: 3, faults: 0, acts: 1, statesMin: 2_000 },
  {
    name: "three members, an accident and a person",
    members: 3,
    faults: 1,
    acts: 1,
    statesMin: 8_000,
    statesMax: 8_000,
  },
  {
    name: "three members, two of allowed even ones",
    members: 3,
    faults: 0,
    acts: 1,
    scales: [2],
    allowEvenReplicas: true,
    statesMin: 1_000,
  },
  {
    name: "three members whose leader does not hand over, and a person",
    members: 3,
    faults: 2,
    acts: 1,
    scales: [1],
    only: ["the lead cannot be moved", "takes the lead", "spec.image is changed", "is set to 1"],
    statesMin: 4_000,
    statesMax: 4_000,
  },
  {
    name: "five members, an accident and a person",
    members: 5,
    faults: 1,
    acts: 1,
    scales: [3],
    statesMin: 4_000,
    statesMax: 4_000,
  },
];

describe("every world that a cluster and its operator can get into", () => {
  for (const { name, statesMax = 1_000_000, statesMin, ...options } of parts) {
    test(`${name}: keeps the rules and comes to rest`, (t) => {
      const model = operatorModel({ plan, restWithin, ...wishes, ...options });
      const result = walk(model, { statesMax });
      t.diagnostic(
        `${result.states} states, ${result.transitions} transitions, rest within ${model.longestRest()}: ${[...model.rests].map(([how, count]) => `${how} ${count}`).join(", ")}`,
      );
      assert.ok(result.states >= statesMin, `${result.states} states`);
      assert.ok(model.rests.has("done"));
    });
  }
});

describe("an operator that", () => {
  for (const { name, finding, isAboutRest = false, ...options } of planted) {
    test(`${name} is found`, (t) => {
      const model = operatorModel({
        restWithin: isAboutRest ? restWithin : undefined,
        ...wishes,
        ...options,
      });
      assert.throws(
        () => walk(model, { statesMax: 20_000 }),
        (error: Error) => {
          t.diagnostic(error.message.slice(0, 400));
          return finding.test(error.message);
        },
      );
    });
  }
});
