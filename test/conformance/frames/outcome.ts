/**
 * Plays a sequence to a server and says what came of it, in a form that two servers can be compared by:
 * "goaway PROTOCOL_ERROR", or per stream "1 answered, 3 reset CANCEL, 5 begun", and "closed" without a word.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { flag, preface, settings, type } from "./bytes.ts";
import { opening, type Sequence } from "./sequence.ts";

/** By number (RFC 9113 section 7). */
const errorNames = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
];

/**
 * Empty SETTINGS in turn after each step: when the last is acknowledged, everything before it is handled and its answers
 * are sent. Not PINGs: gRPC servers end connections that ping too often.
 */
const roundsPerStep = 3;
/** Where the server cannot be asked, it has this long to say something. */
const quietMs = 250;
/** A server that is silent and open for so long has lost a frame. */
const answerTimeoutMs = 5_000;
/** From GOAWAY with an error to the close. */
const closeTimeoutMs = 3_000;

class Observer {
  hasClosed = false;
  goAwayCode: number | undefined;
  private readonly streams = new Map<number, string>();
  private settingsAcks = 0;
  private received = Buffer.alloc(0);
  private changed: () => void = () => {};

  constructor(socket: Socket) {
    socket.on("data", (chunk) => this.take(chunk));
    // A reset after the server's last word is its close.
    socket.on("error", () => socket.destroy());
    for (const event of ["end", "close"]) {
      socket.on(event, () => {
        this.hasClosed = true;
        this.changed();
      });
    }
  }

  isOver(): boolean {
    return this.hasClosed || (this.goAwayCode !== undefined && this.goAwayCode !== 0);
  }

  /** Until so many SETTINGS are acknowledged, or the connection is over. */
  async acknowledged(count: number): Promise<void> {
    const isThere = (): boolean => this.settingsAcks >= count;
    await this.wait(() => isThere() || this.isOver(), answerTimeoutMs);
    if (!isThere() && !this.isOver()) throw new Error("SETTINGS were not acknowledged");
  }

  async closed(): Promise<void> {
    await this.wait(() => this.hasClosed, closeTimeoutMs);
  }

  private async wait(condition: () => boolean, timeoutMs: number): Promise<void> {
    const end = performance.now() + timeoutMs;
    while (!condition()) {
      const leftMs = end - performance.now();
      if (leftMs <= 0) return;
      const change = new Promise<void>((resolve) => (this.changed = resolve));
      await Promise.race([change, sleep(leftMs, undefined, { ref: false })]);
    }
  }

  private take(chunk: Buffer): void {
    this.received = Buffer.concat([this.received, chunk]);
    while (this.received.length >= 9) {
      const end = 9 + this.received.readUIntBE(0, 3);
      if (this.received.length < end) break;
      this.frame(this.received.subarray(0, end));
      this.received = this.received.subarray(end);
    }
    this.changed();
  }

  private frame(frame: Buffer): void {
    const frameType = frame[3] as number;
    const flags = frame[4] as number;
    const streamId = frame.readUInt32BE(5);
    if (frameType === type.headers || frameType === type.data) {
      const isLast = (flags & flag.endStream) !== 0;
      this.streams.set(streamId, isLast ? "answered" : "begun");
    } else if (frameType === type.rstStream) {
      this.reset(streamId, frame.readUInt32BE(9));
    } else if (frameType === type.goAway) {
      this.goAwayCode = frame.readUInt32BE(13);
    } else if (frameType === type.settings && (flags & flag.ack) !== 0) {
      this.settingsAcks++;
    }
  }

  private reset(streamId: number, code: number): void {
    const before = this.streams.get(streamId);
    // "I have answered and want no more of the request": an answer.
    if (before === "answered" && code === 0) return;
    const now = `reset ${errorNames[code] ?? code}`;
    this.streams.set(streamId, before === undefined ? now : `${before}, then ${now}`);
  }

  describe(): string {
    if (this.goAwayCode !== undefined && this.goAwayCode !== 0) {
      const name = errorNames[this.goAwayCode] ?? String(this.goAwayCode);
      return `goaway ${name}${this.hasClosed ? "" : ", not closed"}`;
    }
    const streams = [...this.streams]
      .sort(([one], [other]) => one - other)
      .map(([id, what]) => `${id} ${what}`);
    const parts = summarise(streams);
    if (this.goAwayCode === 0) parts.push("goaway NO_ERROR");
    if (this.hasClosed) parts.push("closed");
    return parts.length === 0 ? "silent" : parts.join("; ");
  }
}

/** SETTINGS among these frames that will be acknowledged, the one behind the preface included. */
function settingsIn(bytes: Buffer): number {
  let count = 0;
  let at = bytes.indexOf(preface) === 0 ? preface.length : 0;
  while (at + 9 <= bytes.length) {
    if (bytes[at + 3] === type.settings && ((bytes[at + 4] as number) & flag.ack) === 0) count++;
    at += 9 + bytes.readUIntBE(at, 3);
  }
  return count;
}

/** A hundred streams are not listed. */
function summarise(streams: readonly string[]): string[] {
  if (streams.length <= 4) return [...streams];
  const last = streams.at(-1) as string;
  return [`${streams.length} streams, the last: ${last}`];
}

export async function play(
  port: number,
  { steps, isRaw, isUnfinished }: Sequence,
): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  const observer = new Observer(socket);
  await once(socket, "connect");
  try {
    let asked = 0;
    const parts =
      isRaw === true ? steps : [Buffer.concat([opening, ...steps.slice(0, 1)]), ...steps.slice(1)];
    for (const [at, step] of parts.entries()) {
      if (observer.isOver()) break;
      const isLast = at === parts.length - 1;
      if (isLast && (isUnfinished === true || isRaw === true)) {
        socket.write(step);
        await Promise.race([observer.closed(), sleep(quietMs)]);
        continue;
      }
      // In one segment with the first SETTINGS: bytes that a server leaves unread when it closes would cost us its GOAWAY.
      let unsent = step;
      for (let round = 0; round < roundsPerStep; round++) {
        socket.write(Buffer.concat([unsent, settings()]));
        asked += settingsIn(unsent) + 1;
        unsent = Buffer.alloc(0);
        await observer.acknowledged(asked);
        if (observer.isOver()) break;
      }
    }
    if (observer.isOver()) await observer.closed();
    return observer.describe();
  } finally {
    socket.destroy();
  }
}
