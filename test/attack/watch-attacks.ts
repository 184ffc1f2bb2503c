/** Clients that watch and do not read, or hardly. A watcher that is behind is a revision in the history: it must cost no more than that. */
import { setTimeout as sleep } from "node:timers/promises";
import { settings, windowUpdate } from "../conformance/frames/bytes.ts";
import { type Attack, garbageMib } from "./attack.ts";
import { watchCreate, watchHead } from "./requests.ts";
import type { AttackSocket } from "./socket.ts";

const windowMax = 0x7fff_ffff;
/** About what an event of the honest client's small values takes, with its response and frame. */
const eventBytes = 100;

async function stay(socket: AttackSocket): Promise<void> {
  await socket.waitForEnd();
}

/** Opens `count` Watch streams with one watch of everything on each. */
async function watchAll(socket: AttackSocket, count: number): Promise<void> {
  for (let at = 0; at < count && !socket.isDone; at++)
    await socket.write(watchHead(2 * at + 1), watchCreate(2 * at + 1, true));
}

export const watchAttacks: readonly Attack[] = [
  {
    name: "slow watchers: 10 events a second",
    bound: "streamQueuedBytesSoft; the watcher stays behind in the history",
    connections: 10,
    growthMibMax: garbageMib,
    session: async (socket: AttackSocket): Promise<void> => {
      await socket.hello(settings([4, eventBytes]));
      await watchAll(socket, 20);
      for (let turn = 0; !socket.isDone; turn++) {
        await socket.write(
          ...Array.from({ length: 20 }, (_, at) => windowUpdate(2 * at + 1, eventBytes)),
        );
        await sleep(100);
      }
    },
  },
  {
    name: "watches of 64 KiB values that nobody reads, windows closed",
    bound: "streamQueuedBytesSoft; the watcher stays behind in the history",
    connections: 10,
    growthMibMax: 400,
    honestValueBytes: 65_536,
    session: async (socket: AttackSocket): Promise<void> => {
      await socket.hello(settings([4, 0]));
      await watchAll(socket, 20);
      await stay(socket);
    },
  },
  {
    name: "watches of 64 KiB values that nobody reads, windows open",
    bound: "streamQueuedBytesSoft, flushBytes; the watcher stays behind in the history",
    connections: 10,
    growthMibMax: 400,
    honestValueBytes: 65_536,
    session: async (socket: AttackSocket): Promise<void> => {
      await socket.hello(settings([4, windowMax]), windowUpdate(0, 0x7000_0000));
      socket.stopReading();
      await watchAll(socket, 20);
      await stay(socket);
    },
  },
  {
    name: "watches created without end, answers not read",
    bound:
      "streamQueuedBytesSoft: its requests are not read on, and beyond the window of its stream that is reset",
    connections: 2,
    growthMibMax: 400,
    session: async (socket: AttackSocket): Promise<void> => {
      await socket.hello(settings([4, windowMax]), windowUpdate(0, 0x7000_0000));
      socket.stopReading();
      await socket.write(watchHead(1));
      const many = Buffer.concat(Array.from({ length: 500 }, () => watchCreate(1, false)));
      while (!socket.isDone) await socket.write(many);
    },
  },
  {
    name: "5,000 idle connections with a watch each",
    bound: "none: what a connection, a stream and a watcher take",
    connections: 5_000,
    growthMibMax: 400,
    leastMs: 3_000,
    session: async (socket: AttackSocket): Promise<void> => {
      await socket.hello(settings());
      await socket.write(watchHead(1), watchCreate(1, false));
      await stay(socket);
    },
  },
];
