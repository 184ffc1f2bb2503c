/**
 * The end of a run: no faults any more. The cluster must take writes through every member within a bound, all members must come to the same
 * applied index, and hold the same data.
 */
import { keyName, type Workload } from "./workload.ts";
import type { SimCluster } from "./cluster.ts";
import type { MembershipAdmin } from "./membership-admin.ts";
import type { Machine } from "./machine.ts";
import { compareHashes } from "./hash-watch.ts";
import { putRequest } from "./requests.ts";

/** Simulated time in which a healed cluster must be whole again: elections, a snapshot, and the removal of what died. */
const healMs = 90_000;
/** Simulated time for the last writes and reads. */
const lastMs = 30_000;

export interface HealParts {
  readonly admin: MembershipAdmin;
  readonly workload: Workload;
}

export async function healCluster(cluster: SimCluster, parts: HealParts): Promise<void> {
  const { world, network } = cluster;
  world.note("heal");
  network.heal();
  for (const machine of cluster.machines) {
    machine.disk.setFull(false);
    machine.disk.slowDown(1);
    machine.start();
  }
  parts.admin.cleanUp();
  if (!(await within(cluster, healMs, () => isWhole(cluster)))) {
    if (!cluster.hasFailed)
      cluster.violations.push(`not whole within ${healMs} ms of healing: ${describe(cluster)}`);
    return;
  }
  // One that installs a snapshot does not see its own entries applied one by one, and could not answer.
  if (!(await catchUp(cluster))) return;
  await writeEverywhere(cluster, parts.workload);
  if (cluster.hasFailed || !(await catchUp(cluster))) return;
  let isCompared = false;
  compareHashes(cluster, () => {
    isCompared = true;
  });
  if (!(await within(cluster, lastMs, () => isCompared)) && !cluster.hasFailed) {
    cluster.violations.push("the hashes were not answered at the end");
  }
}

async function catchUp(cluster: SimCluster): Promise<boolean> {
  if (await within(cluster, healMs, () => isCaughtUp(cluster))) return true;
  if (!cluster.hasFailed) {
    cluster.violations.push(`not caught up within ${healMs} ms: ${describe(cluster)}`);
  }
  return false;
}

function within(cluster: SimCluster, ms: number, isDone: () => boolean): Promise<boolean> {
  return cluster.world
    .run(() => cluster.hasFailed || isDone(), cluster.world.nowMs + ms)
    .then(() => !cluster.hasFailed && isDone());
}

/** Machines of the members that the leader knows. */
export function memberMachines(cluster: SimCluster): readonly Machine[] | undefined {
  const view = cluster.leader?.view;
  if (view === undefined) return undefined;
  const { voters, votersOutgoing, learners, learnersNext } = view.confState;
  const ids = new Set([...voters, ...votersOutgoing, ...learners, ...learnersNext]);
  const machines = cluster.machines.filter(({ process }) => {
    const id = process?.view?.id;
    return id !== undefined && ids.has(id);
  });
  return machines.length === ids.size ? machines : undefined;
}

/** Every member of the configuration runs and serves, nobody else does, and no change is under way. */
function isWhole(cluster: SimCluster): boolean {
  const machines = memberMachines(cluster);
  if (machines === undefined) return false;
  if (cluster.leader?.view?.confState.votersOutgoing.length !== 0) return false;
  return (
    machines.every(({ process }) => process?.server !== undefined) &&
    cluster.inUse.every((machine) => machines.includes(machine))
  );
}

function isCaughtUp(cluster: SimCluster): boolean {
  const machines = memberMachines(cluster);
  if (machines === undefined || !isWhole(cluster)) return false;
  const marks = machines.map(({ process }) => process?.view?.applied);
  const revisions = machines.map(({ process }) => process?.member?.store.currentRevision);
  const committed = cluster.leader?.view?.committed;
  return new Set(revisions).size === 1 && marks.every((mark) => mark === committed);
}

/** One write through each member that votes, and every key read through each. */
async function writeEverywhere(cluster: SimCluster, workload: Workload): Promise<void> {
  const { world } = cluster;
  let open = 0;
  let at = 0;
  for (const { name, process } of cluster.machines) {
    const server = process?.server;
    if (server === undefined || process?.member?.isLearner === true) continue;
    const client = 1000 + at++;
    const key = keyName(world.randomFor(`last ${name}`).below(workload.options.keys));
    const value = workload.newValue();
    const event = workload.begin(client, { kind: "put", key, value });
    const readAll = (): void => {
      for (let each = 0; each < workload.options.keys; each++) {
        open += 1;
        const name2 = keyName(each);
        const read = { key: name2, rangeEnd: undefined, revision: 0, isSerializable: false };
        const callMs = world.nowMs;
        server.read(read, (answer) => {
          open -= 1;
          if (answer.kind !== "found") {
            cluster.violations.push(`a last read through ${name} got ${JSON.stringify(answer)}`);
            return;
          }
          const get = workload.begin(client * 100 + each, { kind: "get", key: name2 });
          const [found] = answer.keys;
          get.callMs = callMs;
          get.returnMs = world.nowMs;
          get.outcome = found?.value;
          get.revision = answer.revision;
          get.modRevision = found?.modRevision;
        });
      }
    };
    open += 1;
    server.write(putRequest(key, value), (answer) => {
      open -= 1;
      if (answer.kind !== "written") {
        cluster.violations.push(`a last write through ${name} got ${JSON.stringify(answer)}`);
        return;
      }
      event.returnMs = world.nowMs;
      event.revision = answer.revision;
      readAll();
    });
  }
  if (!(await within(cluster, lastMs, () => open === 0)) && !cluster.hasFailed) {
    cluster.violations.push(
      `the last reads and writes were not answered within ${lastMs} ms: ${describe(cluster)}`,
    );
  }
}

function describe(cluster: SimCluster): string {
  return cluster.machines
    .filter(({ state, process }) => state !== "unused" || process !== undefined)
    .map(({ name, state, process }) => {
      const view = process?.view;
      const marks =
        view === undefined
          ? "down"
          : `${view.role} term=${view.term} applied=${view.applied}/${view.committed}/${view.log.lastIndex}`;
      return `${name}(${state} ${marks}${process?.server === undefined ? "" : " serves"})`;
    })
    .join(" ");
}
