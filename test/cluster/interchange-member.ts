/**
 * A member of ours inside of the test's own process, with real sockets, timers and files, put together as node/serve.ts does it: for what no client
 * can ask for. It serves its peers and no clients.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Address, type Config, checkConfig } from "../../node/config/config.ts";
import { parseOptions } from "../../node/config/parse.ts";
import { PeerHttp } from "../../node/http/peer-http.ts";
import type { EtcdErrorKind } from "../../node/lib/etcd-error.ts";
import { SystemTimers, systemClock } from "../../node/lib/platform/clock.ts";
import { systemNet } from "../../node/lib/platform/net.ts";
import type { Listener, LogFields, Logger } from "../../node/lib/ports.ts";
import type { MemberChange } from "../../node/membership/membership-change.ts";
import { RaftHttp } from "../../node/peer/raft-http.ts";
import type { Member } from "../../node/server/member.ts";
import type { PeerTransport } from "../../node/server/peer-transport.ts";
import { startMember } from "../../node/start-member.ts";
import { stablePort } from "./stable-port.ts";

/** What went wrong in it; the rest is not worth a file. */
class KeptErrors implements Logger {
  readonly lines: string[] = [];

  debug(): void {
    /* not kept */
  }

  info(): void {
    /* not kept */
  }

  warn(): void {
    /* not kept */
  }

  error(message: string, fields?: LogFields): void {
    this.lines.push(`${message} ${String(fields?.["error"])}`);
  }
}

/** Known before it is started, so that it can be added. */
export interface InnerPlace {
  readonly name: string;
  readonly directory: string;
  readonly peerPort: number;
}

export async function innerPlace(name: string, directory: string): Promise<InnerPlace> {
  return { name, directory, peerPort: await stablePort() };
}

export const peerUrlOf = ({ peerPort }: InnerPlace): string => `http://127.0.0.1:${peerPort}`;

interface InnerParts {
  readonly member: Member;
  readonly transport: PeerTransport;
  readonly place: InnerPlace;
  readonly walDirectory: string;
  readonly listeners: readonly Listener[];
  readonly peerHttp: PeerHttp;
}

export class InnerMember {
  readonly member: Member;
  readonly transport: PeerTransport;
  readonly place: InnerPlace;
  readonly walDirectory: string;
  readonly #listeners: readonly Listener[];
  readonly #peerHttp: PeerHttp;

  private constructor(parts: InnerParts) {
    this.member = parts.member;
    this.transport = parts.transport;
    this.place = parts.place;
    this.walDirectory = parts.walDirectory;
    this.#listeners = parts.listeners;
    this.#peerHttp = parts.peerHttp;
  }

  /** Joins a running cluster that has added it; resolves when it has published itself. */
  static async join(place: InnerPlace, initialCluster: string): Promise<InnerMember> {
    const config = configOf(place, initialCluster);
    const timers = new SystemTimers();
    const logger = new KeptErrors();
    const network = new RaftHttp({
      clock: systemClock,
      timers,
      logger,
      peerUrls: config.advertisePeerUrls,
      electionMs: config.tickMs * config.electionTicks,
    });
    const peerHttp = new PeerHttp(network);
    const listen = (address: Address): Promise<Listener> =>
      systemNet.listen(address, (socket) => peerHttp.serve(socket));
    const listeners = await Promise.all(config.listenPeer.map(listen));
    let transport: PeerTransport | undefined;
    const member = await startMember(config, timers, logger, {
      peers: {
        fetchCluster: (peerUrls) => network.fetchCluster(peerUrls),
        open: (identity, receiver) => {
          transport = network.open(identity, receiver);
          return transport;
        },
      },
      onOpen: (opened) => {
        peerHttp.member = opened;
      },
      onFatal: (error) => {
        throw error;
      },
      onRemoved: () => undefined,
    });
    assert(transport !== undefined);
    const { walDir: walDirectory } = config;
    return new InnerMember({ member, transport, place, walDirectory, listeners, peerHttp });
  }

  /** "applied", or why it is refused. */
  replace(changes: readonly MemberChange[]): Promise<EtcdErrorKind | "applied"> {
    return new Promise((resolve) => {
      this.member.reconfig.replace(
        changes,
        { expectedMemberListHash: undefined },
        { applied: () => resolve("applied"), refused: resolve },
      );
    });
  }

  /** Twice is fine. */
  async close(): Promise<void> {
    await this.member.stop();
    await Promise.all(this.#listeners.map((listener) => listener.close()));
    this.#peerHttp.close();
  }
}

function configOf(place: InnerPlace, initialCluster: string): Config {
  const url = peerUrlOf(place);
  const flags = {
    name: place.name,
    "data-dir": join(place.directory, place.name),
    "listen-peer-urls": url,
    "initial-advertise-peer-urls": url,
    "initial-cluster": initialCluster,
    "initial-cluster-state": "existing",
  };
  const parsed = parseOptions(
    Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
    {},
  );
  assert(parsed.kind === "ok");
  const checked = checkConfig(parsed.values, parsed.given);
  assert(checked.kind === "ok");
  return checked.config;
}
