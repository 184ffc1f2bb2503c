/**
 * npm run e2e: everything that the users of a Kubernetes see of etcd-ts, on a real one. As root, on Debian 12; brings what it needs.
 *
 *     node test/e2e/main.ts [story...]   only these: image, smoke, install-3, install-4, a story of stories/all.ts, or the name of a *.e2e.ts file
 *     --keep                             the cluster stays up afterwards
 */
import { globSync } from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { down, up } from "./cluster/cluster.ts";
import { loadImage } from "./cluster/images.ts";
import { buildImages, productSizes } from "./image/images.ts";
import { sizeTable } from "./image/sizes.ts";
import { lanes, lastLane, type Story } from "./stories/all.ts";
import { installStory } from "./stories/install.ts";
import { playStory } from "./stories/story.ts";
import { program, say, step } from "./support/log.ts";
import { installOperator, removeOperator } from "./support/operator-release.ts";
import { built } from "./support/programs.ts";
import { run } from "./support/run.ts";

const projectDir = join(import.meta.dirname, "../..");
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { keep: { type: "boolean", default: false } },
});

/** These start an API server of their own, or use none: they need the programs, not the cluster. */
const files = globSync("test/**/*.e2e.ts", { cwd: projectDir }).sort();
const isWanted = (name: string): boolean => positionals.length === 0 || positionals.includes(name);

/** Of kubectl and helm, those that were built, whatever else the machine has. */
const builtFirst = `${dirname(built("kubectl"))}${delimiter}${process.env["PATH"] ?? ""}`;

async function bringPrograms(): Promise<void> {
  const install = (...args: string[]): Promise<string> =>
    run(["sh", join(projectDir, "test/peers/install.sh"), ...args], { timeoutMs: 60 * 60_000 });
  await install("--system", "--e2e");
  await install("etcd", "etcdctl");
  await install("--e2e");
}

function runProgram(file: string): Promise<string> {
  return run([process.execPath, join(import.meta.dirname, file)], { timeoutMs: 15 * 60_000 });
}

async function loadImages(): Promise<void> {
  for (const { name, archive, isNew } of await buildImages()) {
    await loadImage(archive);
    say(`  ${name} ${isNew ? "built" : "was up to date"}`);
  }
  for (const line of sizeTable(await productSizes()).split("\n")) say(`  ${line}`);
}

/** One operator for all of them. */
async function playStories(wanted: typeof lanes, last: typeof lastLane): Promise<void> {
  if (wanted.length + last.length === 0) return;
  await step("the operator is installed", installOperator);
  await Promise.all(wanted.map(playLane));
  await playLane(last);
  await step("the operator goes", removeOperator);
}

async function playLane(lane: readonly Story[]): Promise<void> {
  for (const { name, play, tls } of lane)
    await step(`the story ${name}`, () => playStory(name, play, tls));
}

await program(async () => {
  await step("programs are there", bringPrograms);
  for (const file of files.filter((path) => isWanted(basename(path, ".e2e.ts")))) {
    await step(file, () =>
      run([process.execPath, "--test", join(projectDir, file)], {
        timeoutMs: 15 * 60_000,
        env: { PATH: builtFirst },
      }),
    );
  }
  if (isWanted("image")) await step("the image by itself", () => runProgram("image/try.ts"));
  const versions = (["3", "4"] as const).filter((version) => isWanted(`install-${version}`));
  const wantedOf = (lane: readonly Story[]): readonly Story[] =>
    lane.filter(({ name }) => isWanted(name));
  const wanted = lanes.map(wantedOf).filter((lane) => lane.length > 0);
  const last = wantedOf(lastLane);
  const isPlaying = versions.length + wanted.length + last.length > 0;
  if (!isPlaying && !isWanted("smoke")) return;
  await step("the cluster is up", up);
  try {
    if (isWanted("smoke")) await step("it is a cluster", () => runProgram("smoke.ts"));
    if (isPlaying) await step("images are built and loaded", loadImages);
    for (const version of versions) {
      await step(`the story with helm ${version}`, () => installStory(version));
    }
    await playStories(wanted, last);
  } finally {
    if (!values.keep) await step("the cluster is down", () => down({ isStateKept: false }));
  }
  say("everything held");
});
