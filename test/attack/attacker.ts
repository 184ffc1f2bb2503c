/** Runs one attack in a thread of its own, so that its event loop does not stand in the honest client's way. */
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { attacks } from "./attacks.ts";
import { AttackSocket, type Tally } from "./socket.ts";

export interface AttackOrder {
  readonly name: string;
  readonly port: number;
  readonly durationMs: number;
}

export interface AttackReport extends Tally {
  readonly connections: number;
  /** How connections ended before the time was over ▸ how many of them. */
  readonly ends: Readonly<Record<string, number>>;
}

/** What the thread says once all its connections are there. */
const standing = "standing";

export function launch(
  order: AttackOrder,
  onStanding: () => void = () => undefined,
): Promise<AttackReport> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(import.meta.filename, { workerData: order });
    worker.on("message", (message: AttackReport | typeof standing) => {
      if (message === standing) onStanding();
      else resolve(message);
    });
    worker.once("error", reject);
  });
}

async function attack({ name, port, durationMs }: AttackOrder): Promise<AttackReport> {
  const chosen = attacks.find((one) => one.name === name);
  if (chosen === undefined) throw new Error(`no attack is called ${name}`);
  const { isOnTls = false } = chosen;
  // A siege lasts from the moment when it is laid.
  let endMs = isOnTls ? Number.POSITIVE_INFINITY : performance.now() + durationMs;
  const isOver = (): boolean => performance.now() >= endMs;
  const total: Tally = { bytesSent: 0, bytesReceived: 0, resets: 0, answers: 0 };
  const ends: Record<string, number> = {};
  let connections = 0;
  const one = async (): Promise<void> => {
    while (!isOver()) {
      const socket = await AttackSocket.open({ port, from: chosen.from }, isOver);
      connections++;
      if (connections === chosen.connections) {
        if (isOnTls) endMs = performance.now() + durationMs;
        parentPort?.postMessage(standing);
      }
      if (socket === undefined) {
        ends["refused"] = (ends["refused"] ?? 0) + 1;
        return;
      }
      await chosen.session(socket);
      socket.destroy();
      if (socket.end !== undefined) ends[socket.end] = (ends[socket.end] ?? 0) + 1;
      for (const key of Object.keys(total) as (keyof Tally)[]) total[key] += socket.tally[key];
    }
  };
  await Promise.all(Array.from({ length: chosen.connections }, one));
  return { ...total, connections, ends };
}

if (!isMainThread) parentPort?.postMessage(await attack(workerData as AttackOrder));
