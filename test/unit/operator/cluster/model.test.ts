import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EtcdClusterSpec } from "../../../../operator/api/v1alpha1/types.ts";
import { plan } from "../../../../operator/cluster/plan.ts";
import { defaultSpec } from "../../../operator/model/objects.ts";
import { operatorModel } from "../../../operator/model/operator-model.ts";
import { walk } from "../../../operator/model/walk.ts";

const deleted: EtcdClusterSpec = {
  ...defaultSpec,
  storage: {
    ...defaultSpec.storage,
    reclaim: { onScaleDown: "Delete", onClusterDelete: "Delete" },
  },
};

describe("every world that a cluster of one member can get into", () => {
  for (const { name, spec, faults, statesMin } of [
    { name: "volumes retained, two faults", spec: defaultSpec, faults: 2, statesMin: 2_000 },
    { name: "volumes deleted, one fault", spec: deleted, faults: 1, statesMin: 200 },
  ]) {
    test(`${name}: keeps the rules and comes to rest`, (t) => {
      const model = operatorModel({ plan, spec, faults, restWithin: 40 });
      const result = walk(model, 500_000);
      t.diagnostic(
        `${result.states} states, ${result.transitions} transitions, rest within ${model.longestRest()}: ${[...model.rests].map(([how, count]) => `${how} ${count}`).join(", ")}`,
      );
      assert.ok(result.isComplete);
      assert.ok(result.states >= statesMin, `${result.states} states`);
      assert.ok(model.rests.has("done"));
    });
  }
});
