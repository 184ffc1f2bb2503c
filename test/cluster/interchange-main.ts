/**
 * npm run interchange: real etcds and members of ours in one cluster, in every mix.
 *
 *     --versions LIST  which etcds: etcd (3.7), etcd36 (default both)
 *     --mix LIST       instead: the three kinds of one run, founder first, such as etcd-ts,etcd,etcd-ts
 *     --keep           the members' data and logs stay
 *
 * Fails at the first run that does not go well, and names the directory with its logs and data.
 */
import { parseArgs } from "node:util";
import type { MemberKind } from "./cluster-member.ts";
import { runInterchange } from "./interchange-run.ts";

const { values } = parseArgs({
  options: {
    versions: { type: "string", default: "etcd,etcd36" },
    mix: { type: "string" },
    keep: { type: "boolean", default: false },
  },
});

type Mix = readonly [MemberKind, MemberKind, MemberKind];

const mixes: readonly Mix[] =
  values.mix === undefined
    ? (values.versions.split(",") as MemberKind[]).flatMap(mixesWith)
    : [values.mix.split(",") as unknown as Mix];

function mixesWith(theirs: MemberKind): Mix[] {
  const foundedByThem: Mix[] = [
    [theirs, "etcd-ts", "etcd-ts"],
    [theirs, "etcd-ts", theirs],
  ];
  // A cluster that we have founded is one of 3.7, to which 3.6 cannot come.
  if (theirs === "etcd36") return foundedByThem;
  return [["etcd-ts", theirs, "etcd-ts"], ["etcd-ts", theirs, theirs], ...foundedByThem];
}

const startMs = performance.now();

function say(line: string): void {
  const seconds = (performance.now() - startMs) / 1000;
  process.stdout.write(`${seconds.toFixed(1).padStart(6)} s  ${line}\n`);
}

for (const kinds of mixes) {
  say(`${kinds.join(", ")}:`);
  const result = await runInterchange({ kinds, say, keepsDirectory: values.keep });
  if (values.keep) say(`data and logs: ${result.directory}`);
  say(`operations acknowledged: ${result.acknowledged}`);
  say(`moves of the leadership: ${result.moves}`);
  say(`hashes compared at revisions: ${result.hashesAt.length}`);
  for (const snapshot of result.snapshots) say(`snapshot: ${snapshot}`);
  for (const [message, count] of result.warnings) say(`etcd warned ${count} times: ${message}`);
}
