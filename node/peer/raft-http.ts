/**
 * The network between members as etcd has it (api/rafthttp): what a process has of it before and after it knows which member it is. Serves
 * the paths of the peer port that belong to it; the port itself is http/peer-http.ts's.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { assert } from "../lib/assert.ts";
import { plainError } from "../lib/http-answers.ts";
import type { Clock, Logger, Timers } from "../lib/ports.ts";
import type {
  PeerIdentity,
  PeerNetwork,
  PeerReceiver,
  PeerTransport,
  RemoteCluster,
} from "../server/peer-transport.ts";
import { ClusterClient } from "./cluster-client.ts";
import { Dialer, type SecureConnect } from "./dial.ts";
import { internalLeasesPath, LeasesHandler, leasesPath } from "./leases-handler.ts";
import { MembersHandler, membersPath, promotePrefix } from "./members-handler.ts";
import { PeerStats } from "./peer-stats.ts";
import { handlePipeline } from "./pipeline-handler.ts";
import { answerProbe, probingPath } from "./probing.ts";
import { SnapshotHandler } from "./snapshot-handler.ts";
import { handleStream } from "./stream-handler.ts";
import { streamPath } from "./stream-kind.ts";
import { Transport } from "./transport.ts";

export interface RaftHttpOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  /** This member's own, as it advertises them. */
  readonly peerUrls: readonly string[];
  readonly electionMs: number;
  /** etcd's --raft-read-timeout, and --raft-write-timeout. */
  readonly readTimeoutMs?: number;
  readonly writeTimeoutMs?: number;
  /** For members whose peer URLs are of https. */
  readonly secure?: SecureConnect | undefined;
}

/** etcd's DefaultConnReadTimeout and DefaultConnWriteTimeout. */
const timeoutMsDefault = 5000;

export class RaftHttp implements PeerNetwork {
  readonly stats = new PeerStats();
  private readonly options: RaftHttpOptions;
  private readonly dialer: Dialer;
  private opened: Opened | undefined;

  constructor(options: RaftHttpOptions) {
    this.options = options;
    this.dialer = new Dialer({
      dialTimeoutMs: 1000 + options.electionMs,
      secure: options.secure,
    });
  }

  fetchCluster(peerUrls: readonly string[]): Promise<RemoteCluster | undefined> {
    const { dialer } = this;
    const { timers, logger } = this.options;
    return new ClusterClient({ dialer, timers, logger }).fetchCluster(peerUrls);
  }

  open(identity: PeerIdentity, receiver: PeerReceiver): PeerTransport {
    assert(this.opened === undefined, "the network is open already");
    const { clock, timers, logger, peerUrls } = this.options;
    const { readTimeoutMs = timeoutMsDefault, writeTimeoutMs = timeoutMsDefault } = this.options;
    const { dialer, stats } = this;
    const self = { ...identity, peerUrls };
    const ports = { clock, timers, logger };
    const given = { ...ports, self, receiver, dialer, stats };
    const transport = new Transport({ ...given, readTimeoutMs, writeTimeoutMs });
    this.opened = {
      transport,
      snapshots: snapshotHandlerOf(transport),
      members: new MembersHandler({ receiver, logger }),
      leases: new LeasesHandler(receiver),
    };
    return transport;
  }

  /**
   * Answers a request on the peer port, if it is for /raft, /leases, /members or what is below them, but for /members/hashkv: false for every
   * other path, and nothing is done then.
   */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const [path = "/"] = (request.url ?? "/").split("?", 1);
    if (!isOurs(path)) return false;
    if (this.opened === undefined) plainError(response, 503, "the member has not started yet");
    else serve(this.opened, { request, response, path });
    return true;
  }
}

/** What there is once the member knows who it is. */
interface Opened {
  readonly transport: Transport;
  readonly snapshots: SnapshotHandler;
  readonly members: MembersHandler;
  readonly leases: LeasesHandler;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
}

function serve(opened: Opened, { request, response, path }: Exchange): void {
  const { transport, snapshots, members, leases } = opened;
  if (path === "/raft") handlePipeline(transport, request, response);
  else if (path === "/raft/snapshot") snapshots.handle(request, response);
  else if (path.startsWith(`${streamPath}/`)) handleStream(transport, request, { response, path });
  else if (path === probingPath) answerProbe(response, transport.context.clock);
  else if (path === membersPath || path.startsWith(promotePrefix)) {
    members.handle(request, response, path);
  } else if (path === leasesPath || path === internalLeasesPath) {
    leases.handle(request, response, path);
  } else plainError(response, 404, "404 page not found");
}

function snapshotHandlerOf(transport: Transport): SnapshotHandler {
  const { context, receiver } = transport;
  return new SnapshotHandler({
    context,
    receiver: {
      receive: (message) => void transport.receive(message),
      receiveSnapshot: () => receiver.receiveSnapshot(),
      isRemoved: (id) => transport.isRemoved(id),
    },
    onSender: ({ id, peerUrls }) => {
      if (id !== undefined) transport.addRemote(id, peerUrls);
    },
  });
}

const isOurs = (path: string): boolean =>
  path === "/raft" ||
  path.startsWith("/raft/") ||
  path === membersPath ||
  path.startsWith(promotePrefix) ||
  path === leasesPath ||
  path === internalLeasesPath;
