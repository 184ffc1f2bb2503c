import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberId } from "../../../node/lib/units.ts";
import { decodeClusterVersionSet } from "../../../node/proto/membership-codec.ts";
import {
  ClusterVersionMonitor,
  decideClusterVersion,
  type MemberVersions,
} from "../../../node/server/cluster-version.ts";
import type { Proposer } from "../../../node/server/propose.ts";
import { id } from "../membership/membership-lab.ts";
import { quiet } from "../wal/wal-lab.ts";

const versionsOf = (...texts: readonly (string | undefined)[]): MemberVersions =>
  new Map(texts.map((text, at): [MemberId, string | undefined] => [id(at + 1), text]));

test("a new cluster has the version of its oldest member, or the lowest until all are known", () => {
  assert.equal(decideClusterVersion(undefined, versionsOf("3.7.1", "3.6.14", "3.7.0")), "3.6.0");
  assert.equal(decideClusterVersion(undefined, versionsOf("3.10.2", "3.9.0")), "3.9.0");
  assert.equal(decideClusterVersion(undefined, versionsOf("3.7.1", undefined)), "3.0.0");
  assert.equal(decideClusterVersion(undefined, versionsOf("3.7.1", "nonsense")), "3.0.0");
});

test("it rises with the last member, and never goes down", () => {
  assert.equal(decideClusterVersion("3.6.0", versionsOf("3.7.1", "3.7.0")), "3.7.0");
  assert.equal(decideClusterVersion("3.6.0", versionsOf("3.7.1", "3.6.14")), undefined);
  assert.equal(decideClusterVersion("3.7.0", versionsOf("3.7.1", "3.6.14")), undefined);
  assert.equal(decideClusterVersion("3.6.0", versionsOf("3.7.1", undefined)), undefined);
  assert.equal(decideClusterVersion("3.9.0", versionsOf("3.10.0")), "3.10.0");
  assert.equal(decideClusterVersion("3.7.0", versionsOf("4.0.0")), undefined);
});

class Lab {
  isLeader = true;
  readonly cluster: { version: string | undefined } = { version: undefined };
  readonly proposed: string[] = [];
  readonly proposers: Proposer[] = [];
  readonly id = id(1);
  every: (() => void) | undefined;

  propose(_: number, message: Uint8Array, _start: number, _end: number, proposer: Proposer): void {
    this.proposed.push(decodeClusterVersionSet(message));
    this.proposers.push(proposer);
  }

  monitor(versions?: () => Promise<MemberVersions>): ClusterVersionMonitor {
    const timers = {
      after: () => ({ cancel() {} }),
      every: (_periodMs: number, run: () => void) => {
        this.every = run;
        return {
          cancel: () => {
            this.every = undefined;
          },
        };
      },
      endOfTurn: () => undefined,
    };
    return new ClusterVersionMonitor({
      member: this,
      timers,
      logger: quiet,
      ...(versions === undefined ? {} : { versions }),
    });
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("the leader proposes, once at a time, and again when that was refused; a follower does not", async () => {
  const lab = new Lab();
  const monitor = lab.monitor();
  lab.isLeader = false;
  monitor.check();
  await settled();
  assert.deepEqual(lab.proposed, []);
  lab.isLeader = true;
  monitor.check();
  monitor.check();
  await settled();
  assert.deepEqual(lab.proposed, ["3.7.0"]);
  lab.proposers[0]?.refused("Timeout");
  await settled();
  monitor.start();
  lab.every?.();
  await settled();
  assert.deepEqual(lab.proposed, ["3.7.0", "3.7.0"]);
  lab.cluster.version = "3.7.0";
  lab.proposers[1]?.applied({ kind: "done" } as never);
  await settled();
  lab.every?.();
  await settled();
  assert.equal(lab.proposed.length, 2);
  monitor.stop();
  assert.equal(lab.every, undefined);
});

test("a follower asks nobody", async () => {
  const lab = new Lab();
  lab.isLeader = false;
  let asked = 0;
  const monitor = lab.monitor(() => {
    asked += 1;
    return Promise.resolve(versionsOf("3.7.1"));
  });
  monitor.check();
  await settled();
  assert.equal(asked, 0);
});

test("members that cannot be asked are tried again, and leadership that is lost meanwhile ends it", async () => {
  const lab = new Lab();
  const answers: (() => Promise<MemberVersions>)[] = [
    () => Promise.reject(new Error("down")),
    () => {
      lab.isLeader = false;
      return Promise.resolve(versionsOf("3.6.0"));
    },
    () => Promise.resolve(versionsOf("3.6.1", "3.7.0")),
  ];
  const monitor = lab.monitor(() => (answers.shift() as () => Promise<MemberVersions>)());
  monitor.check();
  await settled();
  monitor.check();
  await settled();
  assert.deepEqual(lab.proposed, []);
  lab.isLeader = true;
  monitor.check();
  await settled();
  assert.deepEqual(lab.proposed, ["3.6.0"]);
});
