/**
 * Talks to test/peers/rafthttp: etcd's own peer transport in a process, without raft behind it. It prints what it receives and sends
 * what it is told to. Owns the process, which is ended by `close` and at the latest with the one that started it.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";

import { type ClusterId, idToHex, type MemberId } from "../../node/lib/units.ts";
import type { Message } from "../../node/raft/messages.ts";
import type { Entry, Snapshot } from "../../node/raft/types.ts";
import type { JsonObject } from "../unit/proto/go-marshal.ts";
import { goPeer } from "./peers.ts";

/** A raft message that the peer received. Ids are hexadecimal. */
export interface ReceivedMessage {
  readonly event: "message";
  readonly type: string;
  readonly from: string;
  readonly to: string;
  readonly term: number;
  readonly logTerm: number;
  readonly index: number;
  readonly commit: number;
  readonly reject: boolean;
  readonly rejectHint: number;
  /** Hexadecimal. */
  readonly context: string;
  /** How many, the bytes of their data together, and the CRC32C over all data one behind the other. */
  readonly entries: number;
  readonly dataBytes: number;
  readonly dataCrc: number;
  /** Only in MsgSnap; length and sum of the body that came with it, if one did. */
  readonly snapshot?: {
    readonly index: number;
    readonly term: number;
    readonly voters: readonly string[];
    readonly dataBytes: number;
    readonly bodyBytes?: number;
    readonly bodyCrc?: number;
  };
  /** The message as Go encodes it; with the option `hex`. */
  readonly hex?: string;
}

/** What the peer prints (test/peers/rafthttp/report.go and commands.go). */
export type PeerLine =
  | ReceivedMessage
  | {
      readonly event: "ready";
      readonly id: string;
      readonly url: string;
      readonly address: string;
    }
  /** What its transport reports to raft. */
  | { readonly event: "unreachable"; readonly id: string }
  | {
      readonly event: "snapshotStatus";
      readonly id: string;
      readonly status: "finished" | "failed";
    }
  /** The sender of a snapshot has let its body go. */
  | {
      readonly event: "snapshotSent";
      readonly to: string;
      readonly ok: boolean;
      readonly bodyBytes: number;
      readonly bodyCrc: number;
    }
  /** The transport wants the member to stop: it was removed. */
  | { readonly event: "criticalError"; readonly error: string }
  | PeerAnswer;

export interface PeerAnswer {
  readonly event: "done";
  readonly request: number;
  readonly error?: string;
  /** Answer to `activeSince`: Unix milliseconds, 0 while there is no connection. */
  readonly activeSinceMs?: number;
  readonly activePeers?: number;
}

export type PeerEvent = PeerLine["event"];
type LineOf<Event extends PeerEvent> = Extract<PeerLine, { event: Event }>;

export interface RafthttpPeerOptions {
  readonly id: MemberId;
  readonly clusterId: ClusterId;
  /** Its peers from the start on, by their URLs. */
  readonly peers?: ReadonlyMap<MemberId, string>;
  /** Port to listen on; a free one by default. */
  readonly port?: number;
  /** What it tells the others of itself (X-PeerURLs): a proxy before it, for example. Its own address by default. */
  readonly url?: string;
  /** Received messages carry their bytes. */
  readonly hex?: boolean;
  readonly logLevel?: "debug" | "info" | "warn" | "error";
}

/** Entries that the peer makes up itself: data of `size` bytes each, see `generatedData`. */
export interface GeneratedEntries {
  readonly first: number;
  readonly term: number;
  readonly count: number;
  readonly size: number;
}

export interface SnapshotBody {
  /** Length of the body, which is `generatedData(0, size)`. */
  readonly size?: number;
  /** Or a file's path. */
  readonly file?: string;
  /** The body breaks off with an error behind so many bytes. */
  readonly failAt?: number;
}

export class RafthttpPeer {
  readonly url: string;
  /** Everything printed until now, in order. */
  readonly lines: PeerLine[] = [];
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly ended: Promise<void>;
  private readonly watchers = new Set<() => void>();
  private end: string | undefined;
  private requests = 0;

  private constructor(child: ChildProcessWithoutNullStreams, url: string) {
    this.child = child;
    this.url = url;
    this.ended = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        this.end = `ended with ${signal ?? `code ${String(code)}`}`;
        this.notify();
        resolve();
      });
    });
  }

  /** Resolves when it listens. */
  static start(options: RafthttpPeerOptions): Promise<RafthttpPeer> {
    const child = spawn(goPeer("rafthttp"), flagsOf(options));
    const killAtExit = (): void => void child.kill("SIGKILL");
    process.once("exit", killAtExit);
    child.once("close", () => process.off("exit", killAtExit));
    child.stderr.pipe(process.stderr);
    return new Promise((resolve, reject) => {
      let peer: RafthttpPeer | undefined;
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`the peer ended with code ${String(code)}`)));
      createInterface({ input: child.stdout }).on("line", (text) => {
        const line = JSON.parse(text) as PeerLine;
        if (line.event === "ready") {
          peer = new RafthttpPeer(child, line.url);
          resolve(peer);
        }
        peer?.lines.push(line);
        peer?.notify();
      });
    });
  }

  /** Hands messages to the peer's Transport.Send, in this order. Resolves when it has taken them, which is not when they arrive. */
  async send(...messages: readonly Message[]): Promise<void> {
    await this.command({ send: messages.map(messageJson) });
  }

  /** Sends one message with entries that the peer makes up. */
  async sendGenerated(message: Message, generate: GeneratedEntries): Promise<void> {
    await this.command({ send: [messageJson(message)], generate });
  }

  /** Sends messages as these bytes have them. */
  async sendBytes(...messages: readonly Uint8Array[]): Promise<void> {
    const sendBytes = messages.map((bytes) => Buffer.from(bytes).toString("base64"));
    await this.command({ sendBytes });
  }

  /** Transport.SendSnapshot; the lines "snapshotSent" and "snapshotStatus" tell the end. */
  async sendSnapshot(message: Message, body: SnapshotBody): Promise<void> {
    await this.command({ sendSnapshot: { message: messageJson(message), ...body } });
  }

  async addPeer(id: MemberId, ...urls: readonly string[]): Promise<void> {
    await this.command({ addPeer: { id: idToHex(id), urls } });
  }

  async addRemote(id: MemberId, ...urls: readonly string[]): Promise<void> {
    await this.command({ addRemote: { id: idToHex(id), urls } });
  }

  async updatePeer(id: MemberId, ...urls: readonly string[]): Promise<void> {
    await this.command({ updatePeer: { id: idToHex(id), urls } });
  }

  async removePeer(id: MemberId): Promise<void> {
    await this.command({ removePeer: idToHex(id) });
  }

  /** From now on the peer knows that this member was removed from the cluster. */
  async setRemoved(id: MemberId): Promise<void> {
    await this.command({ setRemoved: idToHex(id) });
  }

  /** Nothing passes between the two until `mendPeer`. */
  async cutPeer(id: MemberId): Promise<void> {
    await this.command({ cutPeer: idToHex(id) });
  }

  async mendPeer(id: MemberId): Promise<void> {
    await this.command({ mendPeer: idToHex(id) });
  }

  /** Since when the peer takes that member for connected, in Unix milliseconds; undefined when it does not. */
  async activeSince(id: MemberId): Promise<number | undefined> {
    const { activeSinceMs = 0 } = await this.command({ activeSince: idToHex(id) });
    return activeSinceMs === 0 ? undefined : activeSinceMs;
  }

  /** The messages received until now. */
  get messages(): ReceivedMessage[] {
    return this.lines.filter((line) => line.event === "message");
  }

  /** The first line of this event, now or later, for which `matches` holds. Rejects when the time is over or the process ends. */
  async line<Event extends PeerEvent>(
    event: Event,
    matches: (line: LineOf<Event>) => boolean = () => true,
    timeoutMs = 20_000,
  ): Promise<LineOf<Event>> {
    let at = 0;
    let found: LineOf<Event> | undefined;
    await this.until(`a line "${event}"`, timeoutMs, () => {
      for (; found === undefined && at < this.lines.length; at++) {
        const line = this.lines[at] as PeerLine;
        if (line.event === event && matches(line as LineOf<Event>)) found = line as LineOf<Event>;
      }
      return found !== undefined;
    });
    return found as LineOf<Event>;
  }

  /** Resolves with the first `count` messages received (of those that match). */
  async received(
    count: number,
    matches: (message: ReceivedMessage) => boolean = () => true,
    timeoutMs = 20_000,
  ): Promise<ReceivedMessage[]> {
    const matching = (): ReceivedMessage[] => this.messages.filter(matches);
    await this.until(`${count} messages`, timeoutMs, () => matching().length >= count);
    return matching().slice(0, count);
  }

  /** Ends the process. */
  async close(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    if (signal === "SIGKILL") this.child.kill(signal);
    else this.child.stdin.end();
    await this.ended;
  }

  private async command(command: object): Promise<PeerAnswer> {
    const request = ++this.requests;
    this.child.stdin.write(`${JSON.stringify({ request, ...command })}\n`);
    const answer = await this.line("done", (line) => line.request === request);
    if (answer.error !== undefined) throw new Error(`the peer refuses: ${answer.error}`);
    return answer;
  }

  private until(what: string, timeoutMs: number, isSo: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.watchers.delete(watch);
        act();
      };
      const fail = (why: string) => () =>
        reject(new Error(`waited for ${what}: ${why}; ${this.lines.length} lines so far`));
      const timer = setTimeout(() => settle(fail("the time is over")), timeoutMs);
      const watch = (): void => {
        if (isSo()) settle(resolve);
        else if (this.end !== undefined) settle(fail(`the process ${this.end}`));
      };
      this.watchers.add(watch);
      watch();
    });
  }

  private notify(): void {
    for (const watch of [...this.watchers]) watch();
  }
}

/** The data that the peer generates: for an entry, from its index; for a snapshot's body, from 0. */
export function generatedData(seed: number, size: number): Uint8Array {
  const data = new Uint8Array(size);
  for (let at = 0; at < size; at++) data[at] = seed * 31 + at * 7;
  return data;
}

function flagsOf(options: RafthttpPeerOptions): string[] {
  const peers = [...(options.peers ?? [])].map(([id, url]) => `${idToHex(id)}=${url}`);
  const flags = [
    `--id=${idToHex(options.id)}`,
    `--cluster-id=${idToHex(options.clusterId)}`,
    `--listen=127.0.0.1:${options.port ?? 0}`,
    `--peers=${peers.join(",")}`,
    `--log=${options.logLevel ?? "error"}`,
  ];
  if (options.url !== undefined) flags.push(`--url=${options.url}`);
  if (options.hex === true) flags.push("--hex");
  return flags;
}

/** A message in protobuf's JSON mapping; what is zero is left out. */
export function messageJson(message: Message): JsonObject {
  const { type, to, from, term, logTerm, index, entries, commit, snapshot } = message;
  const { reject, rejectHint, context } = message;
  return {
    type,
    ...decimals({ to, from, term, logTerm, index, commit, rejectHint }),
    ...(entries.length === 0 ? {} : { entries: entries.map(entryJson) }),
    ...(snapshot === undefined ? {} : { snapshot: snapshotJson(snapshot) }),
    ...(reject ? { reject } : {}),
    ...(context.length === 0 ? {} : { context: base64(context) }),
  };
}

function entryJson({ term, index, type, data }: Entry): JsonObject {
  return {
    ...(type === 0 ? {} : { Type: type }),
    ...decimals({ Term: term, Index: index }),
    ...(data.length === 0 ? {} : { Data: base64(data) }),
  };
}

function snapshotJson({ data, metadata }: Snapshot): JsonObject {
  const { index, term, confState } = metadata;
  const { voters, learners, votersOutgoing, learnersNext, autoLeave } = confState;
  return {
    ...(data.length === 0 ? {} : { data: base64(data) }),
    metadata: {
      index: String(index),
      term: String(term),
      confState: {
        voters: voters.map(String),
        learners: learners.map(String),
        votersOutgoing: votersOutgoing.map(String),
        learnersNext: learnersNext.map(String),
        autoLeave,
      },
    },
  };
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

const decimals = (fields: Record<string, number | bigint>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(fields)
      .filter(([, value]) => value !== 0 && value !== 0n)
      .map(([name, value]) => [name, String(value)]),
  );
