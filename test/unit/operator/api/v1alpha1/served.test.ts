/** What is designed and not served is refused, for each such field, and there is an object to prove it. */
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  customResourceDefinitions,
  definitionsIn,
} from "../../../../../operator/api/v1alpha1/crd.ts";
import { group, integer, text } from "../../../../../operator/api/v1alpha1/schema/fields.ts";
import { notServed, servedOnly } from "../../../../../operator/api/v1alpha1/schema/served.ts";
import { structural } from "../../../../../operator/api/v1alpha1/schema/structural.ts";
import type { EtcdClusterSpec } from "../../../../../operator/api/v1alpha1/types.ts";
import { objectCases } from "../../../../operator/objects/cases.ts";
import { nodesOf } from "./schema-nodes.ts";

const nodes = customResourceDefinitions.flatMap(nodesOf);

const messages = nodes.flatMap(({ schema }) =>
  (schema["x-kubernetes-validations"] ?? []).map(({ message }) => message),
);
const refusals = messages.filter((message) => /this version of etcd-ts/.test(message));

test("fields that have no effect yet are refused", () => {
  const refused = nodes.filter(
    ({ schema }) => schema["x-kubernetes-validations"]?.[0]?.rule === "false",
  );
  assert.deepEqual(refused.map(({ path }) => path).sort(), [
    "spec.access",
    "spec.backup",
    "spec.bootstrap",
    "spec.deletionProtection",
    "spec.maintenance.isSupervised",
    "spec.maintenance.window",
    "spec.monitoring",
    "spec.pod.overrides",
    "spec.services.perMember",
    "spec.storage.medium",
    "spec.storage.resizePolicy",
    "spec.tls.issuerRef",
    "spec.updateStrategy",
  ]);
});

test("a field that is refused has no default, which would be refused too", () => {
  for (const { path, schema } of nodes) {
    if (schema["x-kubernetes-validations"]?.[0]?.rule === "false") {
      assert.equal(schema.default, undefined, path);
    }
  }
});

test("for each refusal there is an object among not-served.yaml", () => {
  const expected = objectCases("not-served").map(({ refused = "" }) => refused);
  for (const refusal of refusals) {
    assert.ok(
      expected.some((part) => part !== "" && refusal.includes(part)),
      refusal,
    );
  }
});

test("each object of not-served.yaml is refused by a marker and not by chance", () => {
  for (const { case: name, refused = "" } of objectCases("not-served")) {
    assert.ok(refused !== "" && refusals.some((refusal) => refusal.includes(refused)), name);
  }
});

test("with the markers taken away nothing is refused for not being served", () => {
  const all = JSON.stringify(definitionsIn("all"));
  assert.doesNotMatch(all, /this version/i);
});

test("the corpus refuses at least fifteen objects, and names each case once", () => {
  const files = ["accepted", "refused", "not-served", "design-refused"] as const;
  assert.ok(objectCases("refused").length + objectCases("not-served").length >= 15);
  for (const file of files) {
    const names = objectCases(file).map((each) => each.case);
    assert.equal(new Set(names).size, names.length, file);
    for (const each of objectCases(file)) {
      assert.equal(each.refused === undefined, file === "accepted", each.case);
    }
  }
});

const count = integer("How many.", { minimum: 0, default: 3 });
const sample = group(
  "A sample.",
  {
    count: servedOnly(count, [1, 2], "set count to 1 or 2"),
    later: notServed(text("Something.", { maxLength: 5, default: "x" })),
  },
  {
    rules: [
      { rule: "self.count > 0", message: "set count" },
      { rule: "has(self.later)", message: "set later", needs: "later" },
    ],
  },
);

test("a marker becomes a rule, and rules that need the field wait", () => {
  const schema = structural(sample, "spec", "marked") as Record<string, unknown>;
  assert.deepEqual(schema["x-kubernetes-validations"], [
    { rule: "self.count > 0", message: "set count" },
  ]);
  assert.deepEqual(schema["properties"], {
    count: {
      description: "How many. This version serves 1, 2 only.",
      type: "integer",
      format: "int32",
      minimum: 0,
      default: 3,
      "x-kubernetes-validations": [{ rule: "self in [1, 2]", message: "set count to 1 or 2" }],
    },
    later: {
      description: "Not served by this version of etcd-ts, and refused: Something.",
      type: "string",
      maxLength: 5,
      "x-kubernetes-validations": [
        {
          rule: "false",
          message: "spec.later is not served by this version of etcd-ts: remove it",
          reason: "FieldValueForbidden",
        },
      ],
    },
  });
});

test("without the markers the design stands as it was written", () => {
  const schema = structural(sample, "spec", "all") as Record<string, unknown>;
  assert.deepEqual(schema["x-kubernetes-validations"], [
    { rule: "self.count > 0", message: "set count" },
    { rule: "has(self.later)", message: "set later" },
  ]);
  assert.deepEqual(schema["properties"], {
    count: { description: "How many.", type: "integer", format: "int32", minimum: 0, default: 3 },
    later: { description: "Something.", type: "string", maxLength: 5, default: "x" },
  });
});

test("a rule that needs a field which does not exist is a bug", () => {
  const rule = { rule: "true", message: "set it", needs: "latre" };
  const misspelt = group("A group.", { later: sample }, { rules: [rule] });
  assert.throws(() => structural(misspelt, "spec", "marked"), /latre/);
});

test("what is not served has no type to be read by", () => {
  type Mode = "Managed" | "Provided" | "Disabled";
  const mode = (spec: EtcdClusterSpec): Mode => spec.tls.mode;
  const isNothing = (spec: EtcdClusterSpec): undefined => spec.backup;
  const size = (spec: EtcdClusterSpec): string => spec.storage.size;
  const spec = { tls: { mode: "Managed" }, storage: { size: "8Gi" } } as EtcdClusterSpec;
  assert.deepEqual([mode(spec), isNothing(spec), size(spec)], ["Managed", undefined, "8Gi"]);
});
