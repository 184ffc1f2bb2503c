/** Asks members for their HashKV at one revision while they work, as etcd's own corruption check does, and lets the checker compare. */
import type { SimCluster } from "./cluster.ts";
import type { Machine } from "./machine.ts";

/** Time between two comparisons. */
const periodMs = 15_000;

export function watchHashes(cluster: SimCluster, untilMs: number): void {
  const { world } = cluster;
  world.after(periodMs, () => {
    if (world.nowMs >= untilMs) return;
    compareHashes(cluster, () => undefined);
    watchHashes(cluster, untilMs);
  });
}

/** `done` runs when all members have answered, the last of them in a later event; never if one of them ends meanwhile. */
export function compareHashes(cluster: SimCluster, done: () => void): void {
  const serving = cluster.machines.filter(({ process }) => process?.member?.isInstalling === false);
  const revisions = serving.map(({ process }) => process?.member?.store.currentRevision ?? 0);
  const revision = Math.min(...revisions);
  let open = serving.length;
  if (open === 0) done();
  for (const machine of serving) {
    askOne(cluster, machine, revision, () => {
      open -= 1;
      if (open === 0) done();
    });
  }
}

function askOne(cluster: SimCluster, machine: Machine, revision: number, done: () => void): void {
  const { world, hashes, violations } = cluster;
  const { process, name } = machine;
  process?.loop.dispatch(() => {
    world.promised();
    const member = process.member;
    if (member === undefined || member.isInstalling || member.store.currentRevision < revision) {
      done();
      return;
    }
    member.store.hashKv(revision).then(
      (outcome) => {
        if (outcome.kind === "ok") {
          const { hash, compactRevision, hashRevision } = outcome;
          hashes.saw({ member: name, hash, compactRevision, hashRevision });
        }
        done();
      },
      (error: unknown) => {
        // As Maintenance.HashKV does with corruption; and a store that is closed or replaced has no answer.
        const isCorrupt = error instanceof Error && error.name === "CorruptionError";
        if (isCorrupt) member.failed(error);
        if (isCorrupt && !machine.isRotten) violations.push(`${name}: ${error.message}`);
        done();
      },
    );
  });
}
