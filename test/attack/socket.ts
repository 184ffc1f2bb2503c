/** A hostile client's connection: raw bytes out, and just enough reading to know what the server did about them. */
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { preface, type } from "../conformance/frames/bytes.ts";

export interface Tally {
  bytesSent: number;
  bytesReceived: number;
  resets: number;
  answers: number;
}

export class AttackSocket {
  isClosed = false;
  /** Text of the server's GOAWAY with an error, or why else the connection ended. */
  end: string | undefined;
  readonly tally: Tally = { bytesSent: 0, bytesReceived: 0, resets: 0, answers: 0 };
  private readonly socket: Socket;
  private readonly isOver: () => boolean;
  private carry: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket, isOver: () => boolean) {
    this.socket = socket;
    this.isOver = isOver;
    socket.on("data", (chunk) => this.take(chunk));
    socket.on("error", () => socket.destroy());
    // The server has said its last word: what is still written would be answered by a reset.
    socket.on("end", () => socket.destroy());
    socket.on("close", () => {
      this.isClosed = true;
      this.end ??= "closed";
    });
  }

  /** Undefined when the server does not take the connection. */
  static open(
    { port, from }: { readonly port: number; readonly from?: string | undefined },
    isOver: () => boolean,
  ): Promise<AttackSocket | undefined> {
    return new Promise((resolve) => {
      const localAddress = from === undefined ? {} : { localAddress: from };
      const socket = connect({ port, host: "127.0.0.1", noDelay: true, ...localAddress });
      socket.once("error", () => resolve(undefined));
      socket.once("connect", () => resolve(new AttackSocket(socket, isOver)));
    });
  }

  /** The attack's time is over, or the connection is. */
  get isDone(): boolean {
    return this.isClosed || this.isOver();
  }

  /** Sends, and waits while the server does not take it. */
  async write(...parts: readonly Uint8Array[]): Promise<void> {
    // A copy: the caller may write the next burst over it.
    const bytes = Buffer.concat(parts);
    this.tally.bytesSent += bytes.length;
    if (this.isClosed) return;
    this.socket.write(bytes);
    // Always a turn of the event loop: what the server says must be heard.
    do await sleep(this.socket.writableNeedDrain ? 2 : 0);
    while (this.socket.writableNeedDrain && !this.isDone);
  }

  hello(...settings: readonly Uint8Array[]): Promise<void> {
    return this.write(preface, ...settings);
  }

  /** Leaves the server's bytes in its own buffers from now on. */
  stopReading(): void {
    this.socket.pause();
  }

  async waitForEnd(): Promise<void> {
    while (!this.isDone) await sleep(20);
  }

  destroy(): void {
    this.socket.destroy();
  }

  private take(chunk: Buffer): void {
    this.tally.bytesReceived += chunk.length;
    const bytes = this.carry.length === 0 ? chunk : Buffer.concat([this.carry, chunk]);
    let at = 0;
    while (bytes.length - at >= 9) {
      const next = at + 9 + bytes.readUIntBE(at, 3);
      if (next > bytes.length) break;
      this.frame(bytes, at, next);
      at = next;
    }
    this.carry = Buffer.from(bytes.subarray(at));
  }

  private frame(bytes: Buffer, at: number, next: number): void {
    const frameType = bytes[at + 3];
    if (frameType === type.rstStream) this.tally.resets++;
    if (frameType === type.headers) this.tally.answers++;
    if (frameType !== type.goAway) return;
    const code = bytes.readUInt32BE(at + 13);
    if (code !== 0) this.end = `GOAWAY ${code}: ${bytes.toString("latin1", at + 17, next)}`;
  }
}
