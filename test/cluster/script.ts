/** A cluster under a script of harms, with clients at work all the time; judged when all is healed. */
import { setTimeout as sleep } from "node:timers/promises";
import { SeededRandom } from "../support/seeded-random.ts";
import type { MemberKind } from "./cluster-member.ts";
import { judgeCluster } from "./judge.ts";
import { Nemesis } from "./nemesis.ts";
import { Observer } from "./observer.ts";
import { ProcessCluster } from "./process-cluster.ts";
import { type WorkDone, Workload } from "./workload.ts";

export interface ScriptOptions {
  readonly members: number;
  readonly kind: MemberKind;
  readonly lengthMs: number;
  /** From one harm to the next. */
  readonly pauseMs: number;
  readonly seed: number;
  /** One line for each thing done. */
  readonly say: (line: string) => void;
  readonly keepsDirectory?: boolean;
}

export interface ScriptResult {
  readonly work: WorkDone;
  readonly harms: ReadonlyMap<string, number>;
  readonly elections: number;
  readonly terms: number;
  /** Empty when all is well. */
  readonly problems: readonly string[];
  readonly directory: string;
}

const clients = 10;
const clientPauseMs = 20;
/**
 * Etcd refuses a change of the membership unless all members have been connected for 5 s, which is never so here. The
 * nemesis itself keeps a quorum possible.
 */
const flags = ["--strict-reconfig-check=false"];

export async function runScript(options: ScriptOptions): Promise<ScriptResult> {
  const { kind, members, say, seed, keepsDirectory = false } = options;
  const cluster = await ProcessCluster.start({
    members,
    kind,
    flags,
    proxied: true,
    keepsDirectory,
  });
  try {
    say(`${members} members are up`);
    const observer = new Observer(cluster);
    const random = new SeededRandom(seed);
    const nemesis = new Nemesis({ cluster, observer, random, spec: { kind }, say });
    const addresses = (): string[] => nemesis.voters.map(({ address }) => address);
    const work = new Workload({ addresses, seed, clients, pauseMs: clientPauseMs });
    const endMs = performance.now() + options.lengthMs;
    const { term } = await cluster.untilLeader();
    while (performance.now() + options.pauseMs < endMs) {
      await sleep(options.pauseMs);
      nemesis.step();
    }
    say("healing");
    await nemesis.settled();
    const problems = [...nemesis.problems, ...(await heal(cluster))];
    const done = await work.stop();
    await observer.stop();
    say("judging");
    problems.push(...(await judgeCluster(cluster, done)));
    return {
      work: done,
      harms: nemesis.counts,
      elections: observer.elections,
      terms: observer.term - term,
      problems,
      directory: cluster.directory,
    };
  } finally {
    await cluster.close();
  }
}

/** Who is not healthy in the end is a problem, and is left out of the judgement. */
async function heal(cluster: ProcessCluster): Promise<string[]> {
  const problems: string[] = [];
  cluster.network.heal();
  for (const member of [...cluster.members]) {
    try {
      await member.ready();
    } catch (error) {
      problems.push(`${member.name} is not healthy in the end: ${String(error)}`);
      await cluster.forget(member);
    }
  }
  await cluster.untilLeader({ among: cluster.members });
  return problems;
}
