/** Leader election among processes in virtual time, each with clocks, stalls and a network of its own. */
import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { NotLeadingError } from "../../../../operator/kernel/api-error.ts";
import { sleep } from "../../../../operator/kernel/backoff.ts";
import { LeaderElection } from "../../../../operator/kernel/leader-election.ts";
import type { Leadership } from "../../../../operator/kernel/leadership.ts";
import { leaseResource } from "../../../../operator/kernel/lease-lock.ts";
import type { Network } from "../../../operator/direct-transport.ts";
import { KernelLab, widget, widgets } from "../../../operator/kernel-lab.ts";
import type { ProcessView } from "../../../operator/virtual-time.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const lease = { namespace: "default", name: "operator" };

/** One process that campaigns, and its terms. */
class Candidate {
  readonly process: ProcessView;
  readonly network: Network = { isDown: false, latencyMs: () => 2 };
  readonly stop = new AbortController();
  readonly running: Promise<"stopped" | "lost">;
  leadership: Leadership | undefined;
  result: "stopped" | "lost" | undefined;
  /** How long the work takes to end when it is told to. */
  drainMs = 0;

  constructor(lab: KernelLab, name: string, seed = 1) {
    this.process = lab.time.process(seed);
    const client = lab.client(this.process, this.network);
    const election = new LeaderElection({ client, ports: this.process, lease, identity: name });
    this.running = election.run(async (leadership, signal) => {
      this.leadership = leadership;
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener("abort", () => resolve(), { once: true });
      });
      await sleep(this.process.timers, this.drainMs, new AbortController().signal);
    }, this.stop.signal);
    this.running.then(
      (result) => {
        this.result = result;
      },
      () => undefined,
    );
  }

  get isLeading(): boolean {
    return this.leadership?.isLeading() === true;
  }
}

function spec(lab: KernelLab): Record<string, unknown> {
  const at = { resource: { ...leaseResource, hasStatus: false }, ...lease };
  return lab.api.store.get(at)["spec"] as Record<string, unknown>;
}

test("one of two leads, and the lease says so in MicroTime", async () => {
  const lab = new KernelLab();
  const candidates = [new Candidate(lab, "a"), new Candidate(lab, "b", 2)];
  await lab.time.advance(30_000);
  assert.deepEqual(
    candidates.map((candidate) => candidate.isLeading),
    [true, false],
  );
  const { holderIdentity, leaseDurationSeconds, renewTime, leaseTransitions } = spec(lab);
  assert.deepEqual([holderIdentity, leaseDurationSeconds, leaseTransitions], ["a", 15, 1]);
  assert.match(String(renewTime), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  assert.equal(candidates[0]?.leadership?.term, 1);
});

test("a leader that stops gives the lease back after its work has ended, and the next one leads soon", async () => {
  const lab = new KernelLab();
  const first = new Candidate(lab, "a");
  await lab.time.advance(3_000);
  const second = new Candidate(lab, "b", 2);
  await lab.time.advance(10_000);
  first.drainMs = 20_000;
  first.stop.abort();
  await lab.time.advance(19_000);
  assert.equal(first.isLeading, true, "it renews while its work ends");
  assert.equal(second.isLeading, false);
  await lab.time.advance(1_500);
  assert.equal(first.result, "stopped");
  assert.equal(first.isLeading, false);
  await lab.time.advance(3_000);
  assert.equal(second.isLeading, true);
  assert.equal(second.leadership?.term, 2);
});

test("a leader that dies is followed when its lease has run out, not before", async () => {
  const lab = new KernelLab();
  const first = new Candidate(lab, "a");
  await lab.time.advance(3_000);
  const second = new Candidate(lab, "b", 2);
  await lab.time.advance(10_000);
  first.process.kill();
  await lab.time.advance(12_000);
  assert.equal(second.isLeading, false);
  await lab.time.advance(8_000);
  assert.equal(second.isLeading, true);
});

test("a leader without its API server stops by its own clock, and the term is not taken up again", async () => {
  const lab = new KernelLab();
  const first = new Candidate(lab, "a");
  await lab.time.advance(3_000);
  first.network.isDown = true;
  await lab.time.advance(9_000);
  assert.equal(first.result, undefined);
  await lab.time.advance(4_000);
  assert.equal(first.isLeading, false);
  assert.equal(first.result, "lost");
  first.network.isDown = false;
  await lab.time.advance(60_000);
  assert.equal(first.isLeading, false);
});

test("a lost answer to a renewal costs no term", async () => {
  const lab = new KernelLab();
  const first = new Candidate(lab, "a");
  await lab.time.advance(3_000);
  for (let times = 0; times < 20; times += 1) {
    lab.api.fail(
      { kind: times % 2 === 0 ? "hang" : "break", effect: "after" },
      ({ method }) => method === "PUT",
    );
    await lab.time.advance(10_000);
    assert.equal(first.isLeading, true, `after ${times}`);
  }
});

test("a stalled event loop ends the term before anything else runs", async () => {
  const lab = new KernelLab();
  const first = new Candidate(lab, "a");
  await lab.time.advance(3_000);
  const second = new Candidate(lab, "b", 2);
  await lab.time.advance(5_000);
  const guarded = lab.client(first.process, first.network).withGuard(first.leadership!);
  await lab.finish(guarded.create(widgets, widget("while-leading")));
  first.process.stall(40_000);
  // Sent in the last moment before the stall: the connection stands only after it.
  const late = guarded.create(widgets, widget("late"));
  const refused = assert.rejects(late, NotLeadingError);
  await lab.time.advance(41_000);
  await refused;
  assert.equal(second.isLeading, true);
  assert.equal(first.result, "lost");
  assert.deepEqual(
    lab.api.store.list(widgets).map(({ metadata }) => metadata.name),
    ["while-leading"],
  );
});

test("a machine that slept does not lead, although its monotonic clock stood still", async () => {
  const lab = new KernelLab();
  const first = new Candidate(lab, "a");
  await lab.time.advance(3_000);
  first.process.suspend(60_000);
  assert.equal(first.isLeading, true);
  await lab.time.advance(60_001);
  assert.equal(first.isLeading, false);
});

test("clocks that are set do not end a foreign lease early, nor keep an own one", async () => {
  const lab = new KernelLab();
  const first = new Candidate(lab, "a");
  await lab.time.advance(3_000);
  const second = new Candidate(lab, "b", 2);
  await lab.time.advance(3_000);
  second.process.jumpWallClock(3_600_000);
  await lab.time.advance(60_000);
  assert.deepEqual([first.isLeading, second.isLeading], [true, false]);
  first.process.jumpWallClock(-3_600_000);
  await lab.time.advance(60_000);
  assert.equal(first.isLeading, true, "set back: the monotonic clock counts");
  first.process.jumpWallClock(20_000);
  assert.equal(first.isLeading, false);
  first.process.jumpWallClock(-20_000);
  assert.equal(first.isLeading, false, "over is over");
});

test("a wall clock that is set back does not stretch a term", async () => {
  const lab = new KernelLab();
  const first = new Candidate(lab, "a");
  await lab.time.advance(3_000);
  first.network.isDown = true;
  first.process.jumpWallClock(-3_600_000);
  await lab.time.advance(12_000);
  assert.equal(first.isLeading, false);
});

test("a term counts from when its renewal was sent, not from the answer", async () => {
  const lab = new KernelLab();
  const first = new Candidate(lab, "a");
  await lab.time.advance(3_000);
  let sentAtMs = 0;
  lab.api.onRequest = ({ method }) => {
    if (method === "PUT") sentAtMs = lab.time.monotonicMs();
    first.network.isDown = true;
  };
  lab.api.fail({ kind: "slow", beforeMs: 0, afterMs: 3_500 });
  await lab.time.advance(6_500);
  assert.ok(sentAtMs > 0 && first.isLeading);
  await lab.time.advance(sentAtMs + 10_000 - lab.time.monotonicMs());
  assert.equal(first.isLeading, false);
});

test("a lease that was won while the event loop stalled is not led upon, but won again", async () => {
  const lab = new KernelLab();
  const first = new Candidate(lab, "a");
  lab.api.afterMutation = (_, count) => {
    if (count === 1) first.process.stall(12_000);
    return "answer";
  };
  await lab.time.advance(13_000);
  assert.equal(first.leadership, undefined);
  await lab.time.advance(3_000);
  assert.equal(first.isLeading, true);
  assert.equal(first.result, undefined);
});

test("a lease that was deleted or taken by hand ends the term", async () => {
  for (const interfere of ["delete", "take"]) {
    const lab = new KernelLab();
    const first = new Candidate(lab, "a");
    await lab.time.advance(5_000);
    const process = lab.time.process();
    const client = lab.client(process);
    const patch = { spec: { holderIdentity: "somebody" } };
    await lab.finish<unknown>(
      interfere === "delete"
        ? client.delete(leaseResource, lease)
        : client.patch(leaseResource, lease, patch, { type: "merge" }),
    );
    await lab.time.advance(4_000);
    assert.equal(first.result, "lost");
  }
});

test("a holder's longer duration counts, and fields of others in the lease stay", async () => {
  const lab = new KernelLab();
  const process = lab.time.process();
  await lab.finish(
    lab.client(process).create(leaseResource, {
      metadata: { ...lease, labels: { by: "hand" } },
      spec: { holderIdentity: "old", leaseDurationSeconds: 60, leaseTransitions: 4, strategy: "x" },
    }),
  );
  const candidate = new Candidate(lab, "a");
  await lab.time.advance(58_000);
  assert.equal(candidate.isLeading, false);
  await lab.time.advance(8_000);
  assert.equal(candidate.isLeading, true);
  assert.equal(candidate.leadership?.term, 5);
  assert.equal(spec(lab)["strategy"], "x");
});

test("work that fails gives the lease back and hands its error on", async () => {
  const lab = new KernelLab();
  const process = lab.time.process();
  const election = new LeaderElection({
    client: lab.client(process),
    ports: process,
    lease,
    identity: "a",
  });
  const running = election.run(async () => {
    throw new TypeError("a bug");
  }, new AbortController().signal);
  await assert.rejects(lab.finish(running), TypeError);
  assert.equal(spec(lab)["holderIdentity"], "");
});

/** One random thing to one of the candidates or to the server between them. */
function disturb(
  luck: SeededRandom,
  lab: KernelLab,
  candidate: Candidate,
  canSleep: boolean,
): void {
  const { process, network } = candidate;
  const actions = [
    () => process.stall(luck.below(30_000)),
    // Asleep and set back at once would go unnoticed by any clock: a schedule has one or the other.
    () =>
      canSleep ? process.suspend(luck.below(30_000)) : process.jumpWallClock(-luck.below(40_000)),
    () => process.jumpWallClock(canSleep ? luck.below(40_000) : luck.below(2_000)),
    () => process.setRate(1 + (luck.below(200) - 100) / 10_000),
    () => {
      network.isDown = !network.isDown;
    },
    () => {
      const slowMs = luck.pick([1, 50, 1_500, 6_000]);
      network.latencyMs = () => luck.below(slowMs);
    },
    () =>
      lab.api.fail({ kind: luck.pick(["hang", "break"]), effect: luck.pick(["before", "after"]) }),
    () =>
      lab.api.fail(
        { kind: "status", code: luck.pick([409, 429, 500, 404, 403]) },
        undefined,
        1 + luck.below(2),
      ),
    () => lab.api.fail({ kind: "slow", beforeMs: luck.below(20_000), afterMs: luck.below(20_000) }),
    () => candidate.stop.abort(),
    () => process.kill(),
  ];
  luck.pick(actions)();
}

test("random stalls, clocks and networks: never two leaders at one moment, and terms only grow", async () => {
  let termCount = 0;
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const luck = new SeededRandom(seed);
      const lab = new KernelLab();
      let born = 0;
      const bear = (): Candidate => {
        born += 1;
        return new Candidate(lab, `c${born}`, seed + born);
      };
      const candidates = [bear(), bear(), bear()];
      const canSleep = luck.chance(0.5);
      let highestTerm = 0;
      const check = (): void => {
        const leading = candidates.filter((candidate) => candidate.isLeading);
        assert.ok(leading.length <= 1, "two leaders");
        const term = leading[0]?.leadership?.term ?? highestTerm;
        assert.ok(term >= highestTerm, "the term went back");
        if (term > highestTerm) termCount += 1;
        highestTerm = term;
      };
      for (let step = 0; step < 40; step += 1) {
        disturb(luck, lab, luck.pick(candidates), canSleep);
        // A short grid of moments, since a term may end and begin between two events.
        for (let left = luck.pick([100, 2_000, 9_000]); left > 0; left -= 100) {
          await lab.time.advance(100, check);
        }
        candidates.forEach((candidate, at) => {
          if (candidate.result !== undefined || candidate.process.hasEnded) candidates[at] = bear();
        });
      }
      lab.api.faults.length = 0;
      for (const candidate of candidates) {
        candidate.network.isDown = false;
        candidate.network.latencyMs = () => 2;
      }
      for (let second = 0; second < 150; second += 1) {
        await lab.time.advance(1_000, check);
        candidates.forEach((candidate, at) => {
          if (candidate.result !== undefined) candidates[at] = bear();
        });
      }
      assert.equal(
        candidates.filter((candidate) => candidate.isLeading).length,
        1,
        "one leads in the end",
      );
    }),
    { numRuns: 40 },
  );
  assert.ok(termCount > 100, `the schedules changed leaders: ${termCount} times`);
});
