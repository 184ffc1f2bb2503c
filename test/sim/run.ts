/** One simulated run: a member, clients, power cuts; then the faults end, and everything acknowledged must be there. */
import { Machine } from "./machine.ts";
import { SimNet } from "./network.ts";
import { SimClient } from "./workload.ts";
import { World } from "./world.ts";

export interface RunOptions {
  readonly seed: number;
  /** Simulated time with faults. */
  readonly durationMs: number;
  readonly lyingLog?: boolean;
  readonly onTrace?: (line: string) => void;
}

export interface RunReport {
  readonly seed: number;
  readonly crashes: number;
  readonly acknowledged: number;
  readonly reads: number;
  /** Sum over all trace lines: equal seeds, equal sums. */
  readonly trace: string;
  /** What must never happen; empty for a good run. */
  readonly violations: readonly string[];
}

const clientCount = 4;
/** Simulated time in which a healed member must serve again. */
const healMs = 30_000;

export async function simulate(options: RunOptions): Promise<RunReport> {
  const world = new World(options.seed);
  world.onTrace = options.onTrace;
  const net = new SimNet(world);
  const machine = new Machine({ world, net, lyingLog: options.lyingLog ?? false });
  const clients = Array.from(
    { length: clientCount },
    (_, at) => new SimClient(`c${at}`, world, net),
  );
  const violations: string[] = [];
  let crashes = 0;
  const crashLater = (): void => {
    world.after(20 + world.random.below(400), () => {
      if (machine.fatal !== undefined || world.monotonicMs() > options.durationMs) return;
      crashes += 1;
      machine.crash();
      world.after(world.random.below(50), () => machine.start());
      crashLater();
    });
  };
  machine.start();
  crashLater();
  for (const client of clients) client.next();
  await world.run(() => machine.fatal !== undefined, options.durationMs);

  // Faults are over: the member must come back and show all that it acknowledged.
  const healed = (): boolean => machine.isServing || machine.fatal !== undefined;
  const hasHealed = await world.run(healed, options.durationMs + healMs);
  if (machine.fatal !== undefined)
    violations.push(`the member died: ${machine.fatal.stack ?? machine.fatal.message}`);
  else if (!hasHealed) violations.push(`the member did not serve again within ${healMs} ms`);
  else {
    for (const client of clients) client.isActive = false;
    let reading = clients.length;
    for (const client of clients) client.readAll(() => (reading -= 1));
    if (!(await world.run(() => reading === 0, options.durationMs + 2 * healMs))) {
      violations.push("the last reads were not answered");
    }
  }
  for (const client of clients) violations.push(...client.violations);
  const sum = (of: (client: SimClient) => number): number =>
    clients.reduce((total, client) => total + of(client), 0);
  return {
    seed: options.seed,
    crashes,
    acknowledged: sum((client) => client.acknowledged),
    reads: sum((client) => client.reads),
    trace: world.traceSum,
    violations,
  };
}
