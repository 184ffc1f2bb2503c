/**
 * The attacks, each with the bound of node/grpc/limits.ts that stands against it. A session is what one connection does
 * until the server ends it or the time is over; then the attacker connects again.
 */
import { setTimeout as sleep } from "node:timers/promises";
import {
  data,
  flag,
  frame,
  headers,
  ping,
  preface,
  priority,
  rstStream,
  settings,
  type,
  windowUpdate,
} from "../conformance/frames/bytes.ts";
import { type Attack, garbageMib } from "./attack.ts";
import {
  bigRange,
  bomb,
  bombHead,
  fatHead,
  incompletePut,
  rangeHead,
  smallRange,
} from "./requests.ts";
import type { AttackSocket } from "./socket.ts";
import { tlsAttacks } from "./tls-attacks.ts";
import { watchAttacks } from "./watch-attacks.ts";

/** Frames of a flood that go out in one write. */
const burst = 500;

/** Sends `make` of odd stream ids, `from` the first, in bursts until the connection is over or `count` are sent. */
async function eachStream(
  socket: AttackSocket,
  make: (streamId: number) => Buffer,
  { from = 1, count = 1e9, size = burst } = {},
): Promise<void> {
  // Made once: a hostile client must not be slower than the server.
  const frames = Buffer.concat(Array.from({ length: size }, (_, at) => make(from + 2 * at)));
  const idsAt: number[] = [];
  for (let at = 0; at < frames.length; at += 9 + frames.readUIntBE(at, 3)) idsAt.push(at + 5);
  for (let sent = 0; sent < count && !socket.isDone; sent += size) {
    await socket.write(frames);
    for (const at of idsAt) frames.writeUInt32BE(frames.readUInt32BE(at) + 2 * size, at);
  }
}

async function repeat(socket: AttackSocket, one: Buffer, size = burst): Promise<void> {
  const many = Buffer.concat(Array.from({ length: size }, () => one));
  while (!socket.isDone) await socket.write(many);
}

/** Stays for as long as it may. */
async function stay(socket: AttackSocket): Promise<void> {
  await socket.waitForEnd();
}

/** HEADERS, then an endless header block. */
async function endlessBlock(socket: AttackSocket, piece: Uint8Array): Promise<void> {
  await socket.hello(settings());
  await socket.write(headers(1).fill(0, 4, 5));
  await repeat(socket, frame(type.continuation, flag.none, 1, piece), 50);
}

/** `count` streams of one connection ask for the big value. */
function askForMuch(socket: AttackSocket, count: number): Promise<void> {
  return eachStream(socket, bigRange, { count, size: 20 });
}

const floods: readonly Attack[] = [
  {
    name: "rapid reset (CVE-2023-44487)",
    bound: "resetStreamsMax, resetStreamsPerTick",
    connections: 4,
    growthMibMax: garbageMib,
    session: async (socket) => {
      await socket.hello(settings());
      await eachStream(socket, (id) => Buffer.concat([smallRange(id), rstStream(id)]));
    },
  },
  {
    name: "CONTINUATION flood, empty (CVE-2024-27316)",
    bound: "continuationFramesMax",
    connections: 4,
    growthMibMax: garbageMib,
    session: (socket) => endlessBlock(socket, new Uint8Array(0)),
  },
  {
    name: "CONTINUATION flood, full frames",
    bound: "headerBlockBytesMax",
    connections: 4,
    growthMibMax: garbageMib,
    session: (socket) => endlessBlock(socket, new Uint8Array(16_384)),
  },
  {
    name: "SETTINGS flood",
    bound: "idleFramesMax, idleFramesPerTick",
    connections: 4,
    growthMibMax: garbageMib,
    session: async (socket) => {
      await socket.hello(settings());
      await repeat(socket, settings([4, 70_000], [1, 4_096]));
    },
  },
  {
    name: "SETTINGS that move 5,000 windows",
    bound: "streamsMovedPerIdleFrame, idleFramesMax",
    connections: 2,
    growthMibMax: garbageMib,
    session: async (socket) => {
      await socket.hello(settings());
      await eachStream(socket, rangeHead, { count: 5_000 });
      await repeat(socket, Buffer.concat([settings([4, 70_000]), settings([4, 60_000])]));
    },
  },
  {
    name: "PING flood",
    bound: "pingStrikesMax, idleFramesMax",
    connections: 4,
    growthMibMax: garbageMib,
    session: async (socket) => {
      await socket.hello(settings());
      await repeat(socket, ping());
    },
  },
  {
    name: "empty DATA flood",
    bound: "idleFramesMax, idleFramesPerTick",
    connections: 4,
    growthMibMax: garbageMib,
    session: async (socket) => {
      await socket.hello(settings());
      await socket.write(rangeHead(1));
      await repeat(socket, data(1, [], flag.none));
    },
  },
  {
    name: "DATA of padding only",
    bound: "idleFramesMax, idleFramesPerTick",
    connections: 4,
    growthMibMax: garbageMib,
    session: async (socket) => {
      await socket.hello(settings());
      await socket.write(rangeHead(1));
      await repeat(socket, frame(type.data, flag.padded, 1, [20, ...new Uint8Array(20)]));
    },
  },
  {
    name: "empty HEADERS flood",
    bound: "resetStreamsMax, resetStreamsPerTick",
    connections: 4,
    growthMibMax: garbageMib,
    session: async (socket) => {
      await socket.hello(settings());
      await eachStream(socket, (id) => frame(type.headers, flag.endHeaders, id));
    },
  },
  {
    name: "PRIORITY flood",
    bound: "idleFramesMax, idleFramesPerTick",
    connections: 4,
    growthMibMax: garbageMib,
    session: async (socket) => {
      await socket.hello(settings());
      await repeat(socket, priority(1, 3));
    },
  },
  {
    name: "HEADERS flood on a stream that was reset",
    bound: "idleFramesMax, idleFramesPerTick",
    connections: 4,
    growthMibMax: garbageMib,
    session: async (socket) => {
      await socket.hello(settings());
      await socket.write(headers(1, [["Bad", "x"]]));
      await repeat(socket, rangeHead(1));
    },
  },
  {
    name: "WINDOW_UPDATE flood",
    bound: "none: costs us less than it costs the sender",
    connections: 4,
    growthMibMax: garbageMib,
    session: async (socket) => {
      await socket.hello(settings());
      await socket.write(rangeHead(1));
      await repeat(socket, windowUpdate(1, 1));
    },
  },
  {
    name: "resets by our errors (MadeYouReset, CVE-2025-8671)",
    bound: "resetStreamsMax, resetStreamsPerTick",
    connections: 4,
    growthMibMax: garbageMib,
    session: async (socket) => {
      await socket.hello(settings());
      await eachStream(socket, (id) => Buffer.concat([smallRange(id), windowUpdate(id, 0)]));
    },
  },
  {
    name: "HPACK bomb",
    bound: "headerListBytesMax, resetStreamsMax",
    connections: 4,
    growthMibMax: garbageMib,
    session: async (socket) => {
      await socket.hello(settings());
      await socket.write(bombHead(1));
      await eachStream(socket, bomb, { from: 3, size: 20 });
    },
  },
];

const hoards: readonly Attack[] = [
  {
    name: "zero window: replies held back",
    bound: "queuedReplyBytesMax",
    connections: 4,
    growthMibMax: 700,
    session: async (socket) => {
      await socket.hello(settings([4, 0]));
      await askForMuch(socket, 1_000);
      await stay(socket);
    },
  },
  {
    name: "slow reader",
    bound: "blockedOutputBytesMax, queuedReplyBytesMax",
    connections: 4,
    growthMibMax: 700,
    session: async (socket) => {
      await socket.hello(settings([4, 0x7fff_ffff]), windowUpdate(0, 0x7000_0000));
      socket.stopReading();
      await askForMuch(socket, 1_000);
      await stay(socket);
    },
  },
  {
    name: "data dribble: windows of one byte",
    bound: "queuedReplyBytesMax",
    connections: 4,
    growthMibMax: garbageMib,
    session: async (socket) => {
      await socket.hello(settings([4, 1]));
      await askForMuch(socket, 20);
      const updates = Array.from({ length: 20 }, (_, at) => windowUpdate(1 + 2 * at, 1));
      await repeat(socket, Buffer.concat([windowUpdate(0, 20), ...updates]), 50);
    },
  },
  {
    name: "messages that never become whole",
    bound: "assemblyBytesMax",
    connections: 4,
    growthMibMax: 450,
    session: async (socket) => {
      await socket.hello(settings());
      await eachStream(socket, (id) => incompletePut(id, 1_000_000, 900_000), {
        count: 200,
        size: 1,
      });
      await stay(socket);
    },
  },
  {
    name: "header lists of 60 KiB on 2,000 streams",
    bound: "openHeaderBytesMax",
    connections: 4,
    growthMibMax: 500,
    session: async (socket) => {
      await socket.hello(settings());
      await eachStream(socket, (id) => fatHead(id, 60_000), { count: 2_000, size: 10 });
      await stay(socket);
    },
  },
  {
    name: "slow writer: a byte at a time",
    bound: "prefaceTimeoutMs; a begun frame holds frameBytesMax at most",
    connections: 200,
    growthMibMax: garbageMib,
    session: async (socket) => {
      const all = Buffer.concat([preface, settings(), smallRange(1)]);
      for (let at = 0; at < all.length && !socket.isDone; at++) {
        await socket.write(all.subarray(at, at + 1));
        await sleep(20);
      }
    },
  },
  {
    name: "half-open connections",
    bound: "prefaceTimeoutMs",
    connections: 1_000,
    growthMibMax: garbageMib,
    session: stay,
  },
];

/** Nobody attacks: what the honest client sees and the member needs for it alone. */
const baseline: Attack = {
  name: "none",
  bound: "-",
  connections: 0,
  growthMibMax: garbageMib,
  session: stay,
};

export const attacks: readonly Attack[] = [
  baseline,
  ...floods,
  ...hoards,
  ...watchAttacks,
  ...tlsAttacks,
];
