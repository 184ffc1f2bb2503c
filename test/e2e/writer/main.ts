/**
 * A client at work on an EtcdCluster, in the network of its pods, until something comes by standard input; when that ends, it judges what it saw.
 * Standard output is JSON, a line each: { progress } once a second, then { resting }, at the end { verdict }. support/writer.ts starts it.
 *
 *     node main.ts --namespace N --cluster C [--application A]
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { judgeCluster } from "../../cluster/judge.ts";
import { Workload } from "../../cluster/workload.ts";
import { FreshConnections } from "./fresh-connections.ts";
import { Targets } from "./targets.ts";
import type { WriterLine } from "./writer-line.ts";

const { values } = parseArgs({
  options: {
    namespace: { type: "string", default: "" },
    cluster: { type: "string", default: "" },
    application: { type: "string" },
  },
});
const startMs = performance.now();
const deadlineMs = 5000;
/** Six clients in all: enough that they meet, and a small load for a machine with other things to do. */
const pauseMs = 100;
const errorsMax = 40;

const tell = (line: WriterLine): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);

const ended = new Promise<void>((resolve) => process.stdin.once("end", resolve));
const told = new Promise<void>((resolve) => process.stdin.once("data", () => resolve()));

const targets = new Targets(values);
while (targets.addresses.length === 0) await sleep(100);
const errors: string[] = [];
const workload = new Workload({
  addresses: () => targets.addresses,
  connect: targets.connect,
  failed: (address, { text }) => {
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    if (errors.length < errorsMax) errors.push(`${seconds} s ${address}: ${text}`);
  },
  seed: Date.now() % 1_000_000,
  deadlineMs,
  pauseMs,
});
const fresh = new FreshConnections(targets);
const progress = setInterval(() => {
  tell({ progress: { acknowledged: workload.acknowledged, fresh: fresh.done } });
}, 1000);
await Promise.race([told, ended]);
clearInterval(progress);
await fresh.stop();
const work = await workload.stop();
tell({ resting: true });
await ended;
const members = targets.addresses.map((address) => ({
  name: address.split("#")[1] ?? "",
  address,
  client: targets.connect(address),
}));
const problems = await judgeCluster({ members, connect: targets.connect }, work);
for (const { client } of members) client.close();
await targets.stop();
tell({
  verdict: {
    problems,
    counts: work.counts,
    ledger: work.ledger.size,
    events: work.events.length,
    writeGapMs: Math.round(work.writeGapMs),
    fresh: { done: fresh.done, failures: fresh.failures },
    certificateChanges: targets.certificateChanges,
    errors,
  },
});
process.exit(0);
