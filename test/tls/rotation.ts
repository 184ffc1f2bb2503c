/** Rotations of all certificates of a cluster, one after the other, while clients write and come again. */
import { RotatingCluster } from "./rotating-cluster.ts";
import { Round, type RoundPlan } from "./round.ts";
import type { Way } from "./secret-files.ts";
import { Tally } from "./tally.ts";
import { storeProblems } from "./verdict.ts";
import { WriteClients } from "./write-clients.ts";

export interface RotationOptions {
  readonly rounds: number;
  /** The plan of a round, counted from 1, where it is not the one of the rotation's own. */
  readonly plan?: (round: number) => RoundPlan;
  readonly clients: number;
  /** Between two writes of a client, and of a connection's life, on average. */
  readonly pauseMs: number;
  readonly lifeMs: number;
  readonly seed: number;
  readonly say: (line: string) => void;
  readonly keepsDirectory?: boolean;
}

export interface RotationResult {
  readonly rounds: number;
  readonly tally: Tally;
  readonly peerCuts: number;
  readonly restarts: number;
  readonly sessions: number;
  readonly slowestReloadMs: number;
  /** Between the first state and the last one. */
  readonly terms: number;
  /** Empty when all is well. */
  readonly problems: readonly string[];
  readonly directory: string;
}

const ways: readonly Way[] = ["secret", "renamed", "secret", "in place", "secret", "torn"];

/** Every second round with cuts, every fifth with a restart: both meet each other and every way of writing. */
const usualPlan = (round: number): RoundPlan => ({
  way: ways[(round - 1) % ways.length] ?? "secret",
  cutsPeers: round % 2 === 0,
  restarts: round % 5 === 3,
});

export async function runRotation(options: RotationOptions): Promise<RotationResult> {
  const tally = new Tally();
  const cluster = await RotatingCluster.start();
  try {
    const ports = cluster.members.map(({ place }) => place.clientPort);
    const clients = new WriteClients({ ...options, count: options.clients }, ports, tally);
    await clients.use(cluster.trusts.client.bundlePem, cluster.clientLeaf);
    const firstTerm = await termOf(cluster);
    clients.start();
    const found = await runRounds(options, { cluster, clients, tally });
    tally.during = "end";
    await clients.stop();
    const problems = [...found.problems];
    for (const [failure, count] of tally.failures) problems.push(`${count} × ${failure}`);
    problems.push(...(await storeProblems(cluster, clients.all).catch(asProblem)));
    const terms = (await termOf(cluster)) - firstTerm;
    return { ...found, tally, terms, problems, directory: cluster.directory };
  } finally {
    await cluster.close(options.keepsDirectory);
  }
}

/** A cluster that has come apart answers nothing. */
const asProblem = (error: unknown): string[] => [`the store could not be read: ${String(error)}`];

type Rounds = Omit<RotationResult, "tally" | "terms" | "directory">;
type Actors = ConstructorParameters<typeof Round>[0];

async function runRounds(options: RotationOptions, actors: Actors): Promise<Rounds> {
  const { plan = usualPlan, say } = options;
  const problems: string[] = [];
  const sums = { peerCuts: 0, restarts: 0, sessions: 0, slowestReloadMs: 0 };
  for (let number = 1; number <= options.rounds; number++) {
    const planned = plan(number);
    const beganMs = performance.now();
    try {
      const result = await new Round(actors, planned).run();
      sums.peerCuts += result.peerCuts;
      sums.restarts += Number(planned.restarts);
      sums.sessions += result.sessions;
      sums.slowestReloadMs = Math.max(sums.slowestReloadMs, result.slowestReloadMs);
      for (const problem of result.problems) problems.push(`round ${number}: ${problem}`);
    } catch (error) {
      const dead = actors.cluster.members.flatMap(({ name, end }) =>
        end === undefined ? [] : [`${name} ${end}`],
      );
      problems.push(`round ${number}: ${String(error)} ${dead.join(", ")}`);
      return { ...sums, rounds: number, problems };
    }
    const { tally } = actors;
    say(
      `round ${number} (${describe(planned)}) in ${((performance.now() - beganMs) / 1000).toFixed(1)} s; ` +
        `in all ${tally.acknowledged} writes, ${tally.connects} connections, ${tally.failureCount} failures, ${problems.length} problems`,
    );
  }
  return { ...sums, rounds: options.rounds, problems };
}

function describe({ way, cutsPeers, restarts }: RoundPlan): string {
  const more = [cutsPeers ? ", peers cut" : "", restarts ? ", a restart" : ""].join("");
  return `${way}${more}`;
}

async function termOf(cluster: RotatingCluster): Promise<number> {
  const answers = await Promise.all(cluster.members.map((member) => cluster.status(member)));
  return Math.max(...answers.map(({ raftTerm }) => raftTerm));
}
