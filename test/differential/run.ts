/**
 * One run: both servers get the same random operations, one after the other, and every answer is compared. Now and then both are killed
 * and started again, and at the end the whole history that is left is read at many revisions.
 */

import type { ServerPair } from "../conformance/pair.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { difference } from "./judge.ts";
import { type Operation, OperationSource, type StoreView } from "./operations.ts";
import { type Answer, decodeAnswer, encodeRequest, Service } from "./service.ts";

export interface RunOptions {
  readonly seed: number;
  readonly operations: number;
  /** How often both servers are killed and started again, evenly spread. */
  readonly restarts: number;
  /** Revisions, evenly spread, at which everything is read and hashed at the end. */
  readonly finalRevisions: number;
  readonly onProgress?: (done: number) => void;
}

export interface RunResult {
  readonly operations: number;
  /** Answers by method and code, such as "Put 0". */
  readonly tally: ReadonlyMap<string, number>;
  /** At the end: equal hashes at so many revisions. */
  readonly hashes: number;
}

export class Difference extends Error {}

const differencesShown = 3;

export async function run(pair: ServerPair, options: RunOptions): Promise<RunResult> {
  const random = new SeededRandom(options.seed);
  const view: StoreView = { currentRevision: 1, compactRevision: 0 };
  const source = new OperationSource(random, view);
  const tally = new Map<string, number>();
  const found: string[] = [];
  let services = connect(pair);
  const ask = async (operation: Operation, what: string): Promise<Answer> => {
    const request = encodeRequest(operation);
    const [etcd, ours] = await Promise.all([
      services.etcd.call(operation.method, request),
      services.ours.call(operation.method, request),
    ]);
    const problem = difference(operation, etcd, ours);
    if (problem !== undefined) {
      found.push(
        `${what} ${operation.method} ${JSON.stringify(operation.request, readable)}\n${problem}`,
      );
      if (found.length >= differencesShown) throw report(options, found);
    }
    return etcd;
  };
  const restartEvery = Math.ceil((options.operations + 1) / (options.restarts + 1));
  for (let done = 0; done < options.operations; done++) {
    if (done > 0 && done % restartEvery === 0) {
      services.close();
      await pair.restart();
      services = connect(pair);
    }
    const operation = source.next();
    const answer = await ask(operation, `operation ${done}:`);
    const outcome = `${operation.method} ${answer.code}`;
    tally.set(outcome, (tally.get(outcome) ?? 0) + 1);
    learn(view, operation, answer);
    options.onProgress?.(done + 1);
  }
  const hashes = await readEverything(view, options.finalRevisions, ask);
  services.close();
  if (found.length > 0) throw report(options, found);
  return { operations: options.operations, tally, hashes };
}

/** Clients of both. */
export function connect(pair: ServerPair): { etcd: Service; ours: Service; close: () => void } {
  const etcd = new Service(pair.etcd.address);
  const ours = new Service(pair.ours.address);
  return {
    etcd,
    ours,
    close: () => {
      etcd.close();
      ours.close();
    },
  };
}

/** Takes from an answer what the next requests are made from. */
export function learn(view: StoreView, operation: Operation, { code, messages }: Answer): void {
  const last = messages.at(-1);
  if (code !== 0 || last === undefined || operation.method === "RangeStream") return;
  const { header } = decodeAnswer(operation.method, last) as { header?: { revision?: string } };
  view.currentRevision = Math.max(view.currentRevision, Number(header?.revision ?? 0));
  if (operation.method === "Compact")
    view.compactRevision = Number((operation.request as { revision: string }).revision);
}

async function readEverything(
  view: StoreView,
  count: number,
  ask: (operation: Operation, what: string) => Promise<Answer>,
): Promise<number> {
  const first = Math.max(view.compactRevision, 1);
  const step = (view.currentRevision - first) / Math.max(1, count - 1);
  const all = { key: Buffer.from("\0"), range_end: Buffer.from("\0") };
  for (let index = 0; index < count; index++) {
    const revision = String(Math.round(first + index * step));
    await ask({ method: "Range", request: { ...all, revision } }, "at the end:");
    await ask({ method: "HashKV", request: { revision } }, "at the end:");
  }
  return count;
}

function report({ seed }: RunOptions, found: readonly string[]): Difference {
  return new Difference(`seed ${seed}: ${found.length} answers differ\n\n${found.join("\n\n")}`);
}

/** Bytes as quoted text in a printed request, for JSON.stringify. */
export function readable(_key: string, value: unknown): unknown {
  const buffer = value as { type?: string; data?: readonly number[] } | null;
  if (buffer?.type !== "Buffer" || buffer.data === undefined) return value;
  const text = Buffer.from(buffer.data).toString("latin1");
  return text.length > 40 ? `${text.slice(0, 40)}... (${text.length} bytes)` : text;
}
