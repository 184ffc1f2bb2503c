/** Members without a server behind them: an HTTP server on loopback, RaftHttp, and a receiver that writes down what it is told. */
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { SnapshotReceiver } from "../../../node/backend/backend-snapshot.ts";
import { cloneBytes } from "../../../node/lib/bytes.ts";
import type { EtcdErrorKind } from "../../../node/lib/etcd-error.ts";
import { SystemTimers, systemClock } from "../../../node/lib/platform/clock.ts";
import type { Logger } from "../../../node/lib/ports.ts";
import {
  type ClusterId,
  clusterId,
  type LogIndex,
  logIndex,
  type MemberId,
  memberId,
  revision,
  type Term,
} from "../../../node/lib/units.ts";
import type { Member } from "../../../node/membership/member.ts";
import { RaftHttp } from "../../../node/peer/raft-http.ts";
import { type Message, message } from "../../../node/raft/messages.ts";
import type { Entry } from "../../../node/raft/types.ts";
import type {
  LeaseReply,
  LeaseTimes,
  PeerReceiver,
  PeerTransport,
} from "../../../node/server/peer-transport.ts";

export const labCluster: ClusterId = clusterId(0xc1a5n);

export interface LabMemberOptions {
  readonly id: bigint;
  readonly port?: number;
  readonly clusterId?: ClusterId;
  /** So short that a test sees time-outs pass; link heartbeats come accordingly. */
  readonly timeoutMs?: number;
  /** Members that count as removed here. */
  readonly removed?: Set<MemberId>;
}

const running = new Set<LabMember>();

/** For afterEach: whatever a test started, and did not stop. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((member) => member.stop()));
}

export class LabMember {
  readonly id: MemberId;
  readonly network: RaftHttp;
  readonly transport: PeerTransport;
  readonly received: Message[] = [];
  readonly unreachable: MemberId[] = [];
  readonly removedBy: MemberId[] = [];
  readonly log: string[] = [];
  /** Bodies of snapshots that came whole. */
  readonly bodies: Uint8Array[] = [];
  /** What it tells of the cluster. */
  members: readonly Member[] = [];
  /** What it answers to those who pass on wishes about leases. */
  renewal: (id: bigint) => LeaseReply<number> = () => ({ kind: "notFound" });
  leaseTimes: (id: bigint, withKeys: boolean) => LeaseReply<LeaseTimes> = () => ({
    kind: "notFound",
  });
  /** What it answers to the wish to promote a learner. */
  promotes: (learner: MemberId) => Promise<EtcdErrorKind | undefined> = () =>
    Promise.resolve(undefined);
  readonly removed: Set<MemberId>;
  /** Runs for every message that arrives, behind `received`. */
  onMessage: (message: Message) => void = () => undefined;
  /** Connections that others made. */
  readonly sockets = new Set<Socket>();
  private readonly server: Server;
  private isServing = true;

  static async start(options: LabMemberOptions): Promise<LabMember> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(options.port ?? 0, "127.0.0.1", resolve);
    });
    const member = new LabMember(server, options);
    running.add(member);
    return member;
  }

  private constructor(server: Server, options: LabMemberOptions) {
    this.server = server;
    this.id = memberId(options.id);
    this.removed = options.removed ?? new Set();
    this.network = new RaftHttp({
      clock: systemClock,
      timers: new SystemTimers(),
      logger: this.logger(),
      peerUrls: [this.url],
      electionMs: 1000,
      ...(options.timeoutMs === undefined
        ? {}
        : { readTimeoutMs: options.timeoutMs, writeTimeoutMs: options.timeoutMs }),
    });
    server.on("connection", (socket) => {
      this.sockets.add(socket);
      socket.once("close", () => this.sockets.delete(socket));
    });
    server.on("request", (request, response) => {
      if (this.network.handle(request, response)) return;
      // The port's other paths are http/peer-http.ts's.
      response.statusCode = request.url === "/version" ? 200 : 404;
      response.end('{"etcdserver":"3.7.1"}');
    });
    const cluster = options.clusterId ?? labCluster;
    this.transport = this.network.open(
      { memberId: this.id, clusterId: cluster },
      this.receiver(cluster),
    );
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Lets both know each other. */
  knows(...others: readonly LabMember[]): void {
    for (const other of others) {
      this.transport.setPeer(other.id, [other.url]);
      other.transport.setPeer(this.id, [this.url]);
    }
  }

  /** As a process that ends: connections break, nobody listens. */
  async stop(): Promise<void> {
    if (!this.isServing) return;
    this.isServing = false;
    running.delete(this);
    this.transport.close();
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** The types of what arrived. */
  types(): string[] {
    return this.received.map(({ type }) => type);
  }

  logged(text: string): number {
    return this.log.filter((line) => line.includes(text)).length;
  }

  private receiver(cluster: ClusterId): PeerReceiver {
    return {
      receive: (arrived) => {
        this.received.push(arrived);
        this.onMessage(arrived);
      },
      receiveSnapshot: () => Promise.resolve(this.snapshotReceiver()),
      promote: (learner) => this.promotes(learner),
      renewLease: (id) => Promise.resolve(this.renewal(id)),
      leaseTimes: (id, withKeys) => Promise.resolve(this.leaseTimes(id, withKeys)),
      members: () => ({ clusterId: cluster, members: this.members }),
      isRemoved: (id) => this.removed.has(id),
      unreachable: (id) => this.unreachable.push(id),
      removed: (by) => this.removedBy.push(by),
    };
  }

  private snapshotReceiver(): SnapshotReceiver {
    const chunks: Uint8Array[] = [];
    return {
      write: async (chunk) => void chunks.push(cloneBytes(chunk)),
      finish: async () => {
        this.bodies.push(Buffer.concat(chunks));
        return { consistentIndex: logIndex(1), term: 1 as Term, revision: revision(1) };
      },
      abort: async () => undefined,
    };
  }

  private logger(): Logger {
    const write =
      (level: string) =>
      (text: string, fields?: Readonly<Record<string, unknown>>): void => {
        this.log.push(`${level}: ${text} ${JSON.stringify(fields ?? {})}`);
      };
    return {
      debug: write("debug"),
      info: write("info"),
      warn: write("warn"),
      error: write("error"),
    };
  }
}

/** Waits until it is so. Fails after 20 s, which no machine needs. */
export async function until(isSo: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 4000; tries++) {
    if (isSo()) return;
    await sleep(5);
  }
  throw new Error(`waited in vain: ${what}`);
}

/** Both streams are open in both directions, as the log tells. */
const areConnected = (...members: readonly LabMember[]): boolean =>
  members.every((member) =>
    members.every(
      (other) => other === member || member.logged(`established`) >= 4 * (members.length - 1),
    ),
  );

export const connected = (...members: readonly LabMember[]): Promise<void> =>
  until(() => areConnected(...members), "connections");

export const entry = (index: number, data: Uint8Array = Uint8Array.of(index)): Entry => ({
  term: 5 as Term,
  index: logIndex(index),
  type: 0,
  data,
});

/** One MsgApp of the entries that follow `index`. */
export const append = (
  from: LabMember,
  to: MemberId,
  { index, entries }: { readonly index: number; readonly entries: readonly Entry[] },
): Message =>
  message({
    type: "MsgApp",
    from: from.id,
    to,
    term: 5 as Term,
    logTerm: 5 as Term,
    index: index as LogIndex,
    commit: index as LogIndex,
    entries,
  });

export const heartbeat = (from: LabMember, to: MemberId, commit = 1): Message =>
  message({
    type: "MsgHeartbeat",
    from: from.id,
    to,
    term: 5 as Term,
    commit: commit as LogIndex,
  });
