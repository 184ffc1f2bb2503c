/**
 * The end of a run: no faults any more. The cluster must take writes through every member within a bound, all members must come to the same
 * applied index, and hold the same data.
 */

import type { SimCluster } from "./cluster.ts";
import { compareHashes } from "./hash-watch.ts";
import { LastCalls } from "./last-calls.ts";
import type { Machine } from "./machine.ts";
import type { MembershipAdmin } from "./membership-admin.ts";
import type { StreamClients } from "./stream-clients.ts";
import type { Workload } from "./workload.ts";

/** Simulated time in which a healed cluster must be whole again: elections, a snapshot, and the removal of what died. */
const healMs = 90_000;
/** Simulated time for the last writes and reads. */
const lastMs = 30_000;

/** Simulated time in which all leases end: what was given up may renew one for a while. */
const leasesMs = 60_000;
/** Simulated time in which all watchers get all events, and the time between two looks. */
const watchersMs = 30_000;
const watchersStepMs = 250;

export interface HealParts {
  readonly admin: MembershipAdmin;
  readonly workload: Workload;
  readonly streams: StreamClients;
}

export async function healCluster(cluster: SimCluster, parts: HealParts): Promise<void> {
  const { world, network } = cluster;
  world.note("heal");
  network.heal();
  for (const machine of cluster.machines) {
    machine.disk.setFull(false);
    machine.disk.slowDown(1);
    machine.process?.loop.resume();
    // Rot that nobody has read yet would be met at any time from now on.
    if (machine.isRotten) machine.giveUp();
    machine.start();
  }
  parts.admin.cleanUp();
  const isHealed = await expect(cluster, "the cluster is not whole", healMs, () =>
    isWhole(cluster),
  );
  // One that installs a snapshot does not see its own entries applied one by one, and could not answer.
  if (!isHealed || !(await catchUp(cluster))) return;
  if (!(await writeEverywhere(cluster, parts.workload)) || !(await catchUp(cluster))) return;
  if (!(await leasesEnd(cluster)) || !(await watchersCatchUp(cluster, parts.streams))) return;
  if (!(await catchUp(cluster))) return;
  let isCompared = false;
  compareHashes(cluster, () => {
    isCompared = true;
  });
  await expect(cluster, "the hashes are not answered", lastMs, () => isCompared);
}

const catchUp = (cluster: SimCluster): Promise<boolean> =>
  expect(cluster, "the members are not caught up", healMs, () => isCaughtUp(cluster));

/** Nobody renews any more: every lease must end. */
function leasesEnd(cluster: SimCluster): Promise<boolean> {
  const { history } = cluster;
  return expect(cluster, "leases are left", leasesMs, () => history.leases.size === 0);
}

/** Every watcher must get what there is, or be told that it is compacted. */
async function watchersCatchUp(cluster: SimCluster, streams: StreamClients): Promise<boolean> {
  const { world, violations } = cluster;
  streams.settle();
  let missing: string | undefined;
  for (let waitedMs = 0; waitedMs < watchersMs; waitedMs += watchersStepMs) {
    missing = streams.missing;
    if (missing === undefined) return true;
    await world.run(() => cluster.hasFailed, world.nowMs + watchersStepMs);
    if (cluster.hasFailed) return false;
  }
  violations.push(`a watcher has not got its events within ${watchersMs} ms: ${missing}`);
  return false;
}

/** True if it came about in time; if not, that is a violation, unless there is another one already. */
async function expect(
  cluster: SimCluster,
  otherwise: string,
  ms: number,
  isDone: () => boolean,
): Promise<boolean> {
  const { world, violations } = cluster;
  await world.run(() => cluster.hasFailed || isDone(), world.nowMs + ms);
  if (cluster.hasFailed) return false;
  if (isDone()) return true;
  violations.push(`${otherwise} within ${ms} ms: ${describe(cluster)}`);
  return false;
}

/** Machines of the members that the leader knows. */
function memberMachines(cluster: SimCluster): readonly Machine[] | undefined {
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

/** One write through each member that votes, and behind it every key read through each. */
function writeEverywhere(cluster: SimCluster, workload: Workload): Promise<boolean> {
  const last = new LastCalls(cluster, workload);
  for (const machine of cluster.machines) {
    const server = machine.process?.server;
    if (server !== undefined && machine.process?.member?.isLearner === false) {
      last.write(machine, server);
    }
  }
  return expect(cluster, "the last calls are not answered", lastMs, () => last.open === 0);
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
