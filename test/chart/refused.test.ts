/** Wrong values are refused before anything is sent, with a message that names them: test/chart/refused.yaml. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse as parseYaml } from "yaml";

import { needs, peer } from "../support/peers.ts";
import type { Json } from "./chart-files.ts";
import { template } from "./render.ts";

interface Refused {
  readonly values: Json;
  readonly release?: string;
  readonly names: readonly string[];
}

const all = parseYaml(readFileSync(join(import.meta.dirname, "refused.yaml"), "utf8")) as Refused[];

for (const version of ["helm3", "helm4"]) {
  test(`${version} refuses wrong values and names them`, needs("helm3", "helm4"), () => {
    for (const { values, release = "etcd-ts", names } of all) {
      const result = template(peer(version), { values, release, namespace: "etcd-ts-system" });
      const what = JSON.stringify({ release, values });
      assert.ok(!result.ok, `${what} was taken`);
      const missing = names.filter((name) => !result.error.includes(name));
      assert.deepEqual(missing, [], `${what}: not named in: ${result.error}`);
    }
  });
}
