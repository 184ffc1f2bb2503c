/**
 * etcdctl-ts and the real etcdctl, the same command lines, each against a member of ours that is known by the same peer URL: outputs,
 * errors and exit codes must be equal.
 */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { after, before, describe, test } from "node:test";
import { sections } from "../conformance/commands.ts";
import { diff } from "../conformance/compare.ts";
import { needs } from "../support/peers.ts";
import { ctlSections, deviations } from "./ctl-commands.ts";
import { leaseSections } from "./ctl-lease-commands.ts";
import { CtlPair } from "./ctl-pair.ts";
import { comparable, runShell } from "./ctl-shell.ts";

/** The other sections of that file are about the server; these show all that etcdctl prints. */
const shared = [
  "an empty store",
  "put",
  "errors of put",
  "get of one key",
  "errors of get",
  "txn",
  "the member",
];

describe("etcdctl-ts prints what etcdctl prints", needs("etcdctl"), () => {
  let pair: CtlPair;

  before(async () => {
    pair = await CtlPair.start();
  });
  after(() => pair.stop());

  for (const { title, lines } of [
    ...sections.filter((section) => shared.includes(section.title)),
    ...ctlSections,
    ...leaseSections,
  ]) {
    test(title, async () => {
      const differences: string[] = [];
      const compared = lines.filter((line) => !deviations.some((each) => line.includes(each)));
      for (const line of compared) {
        const outcomes = pair.sides.map(async ({ program, address }) => {
          const named = line.replaceAll("ADDRESS", address);
          const env: Record<string, string> = line.includes("--endpoints")
            ? {}
            : { ETCDCTL_ENDPOINTS: address };
          return comparable(await runShell(named, dirname(program), env), address);
        });
        const [expected = "", actual = ""] = await Promise.all(outcomes);
        const difference = diff(expected, actual);
        if (difference !== "") differences.push(`$ ${line}\n${difference}`);
      }
      const heading = `${differences.length} of ${compared.length} commands differ (- etcdctl, + etcdctl-ts)`;
      assert.equal(differences.length, 0, `${heading}\n\n${differences.join("\n\n")}`);
    });
  }
});
