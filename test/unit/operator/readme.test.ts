/** operator/README.md is what people look reasons, events and series up in: it names all of them. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { conditionTypes } from "../../../operator/cluster/conditions.ts";
import { OperatorMetrics } from "../../../operator/metrics.ts";

const operatorDir = join(import.meta.dirname, "../../../operator");
const readme = readFileSync(join(operatorDir, "README.md"), "utf8");

/** Members of a union of texts, which are gone at run time. */
function unionIn(source: string, type: string): readonly string[] {
  // Comments hold semicolons: the union ends with the one behind a value.
  const [, body = ""] = new RegExp(`export type ${type} =([^]*?");`).exec(source) ?? [];
  const values = [...body.matchAll(/^ {2}\| "(\w+)"/gm)].map(([, value = ""]) => value);
  assert.ok(values.length > 0, `no ${type} was found`);
  return values;
}

/** Whether a row of a table begins with it. */
function hasRow(name: string): boolean {
  return new RegExp(`^\\| \`${name}\` +\\|`, "m").test(readme);
}

test("every condition and every reason has a row in a table of its kind", () => {
  const source = readFileSync(join(operatorDir, "cluster/conditions.ts"), "utf8");
  const reasons = ["WaitReason", "StuckReason", "HealthReason"].flatMap((type) =>
    unionIn(source, type),
  );
  for (const last of ["CertificatesSpreading", "NoSpace", "PodStuckTerminating"]) {
    assert.ok(reasons.includes(last), last);
  }
  assert.deepEqual(
    [...conditionTypes, ...reasons].filter((name) => !hasRow(name)),
    [],
  );
});

test("every reason of an event of a step is named", () => {
  const sources = ["cluster/rules", "cluster/tls"].flatMap((folder) =>
    readdirSync(join(operatorDir, folder)).map((file) =>
      readFileSync(join(operatorDir, folder, file), "utf8"),
    ),
  );
  const reasons = sources.flatMap((source) =>
    [...source.matchAll(/reason:\s*"(\w+)"/g)].map(([, reason = ""]) => reason),
  );
  assert.ok(reasons.includes("PromotedMember"));
  assert.deepEqual(
    reasons.filter((reason) => !readme.includes(`\`${reason}\``)),
    [],
  );
});

test("every series of the operator is named", async () => {
  const text = await new OperatorMetrics().text();
  const series = [...text.matchAll(/^# HELP (etcd_ts_\w+)/gm)].map(([, name = ""]) => name);
  assert.ok(series.includes("etcd_ts_operator_plan"));
  assert.deepEqual(
    series.filter((name) => !readme.includes(`\`${name}\``)),
    [],
  );
});

test("every link within the document leads to a heading", () => {
  const anchors = new Set(
    [...readme.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
      title
        .toLowerCase()
        .replace(/[^\w -]/g, "")
        .replaceAll(" ", "-"),
    ),
  );
  const links = [...readme.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor = ""]) => anchor);
  assert.deepEqual(
    links.filter((anchor) => !anchors.has(anchor)),
    [],
  );
});
