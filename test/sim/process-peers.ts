/** What a process is given to reach other members, before its own knows who it is. */
import type {
  PeerIdentity,
  PeerNetwork,
  PeerReceiver,
  RemoteCluster,
} from "../../node/server/peer-transport.ts";
import { PeerLink, type ProcessPeersOptions } from "./peer-link.ts";

export class ProcessPeers implements PeerNetwork {
  private readonly options: ProcessPeersOptions;

  constructor(options: ProcessPeersOptions) {
    this.options = options;
  }

  async fetchCluster(peerUrls: readonly string[]): Promise<RemoteCluster | undefined> {
    const { network, links, machine } = this.options;
    for (const url of peerUrls) {
      const other = network.machineAt([url]);
      if (other === undefined || other === machine) continue;
      await this.trip();
      const link = links.get(other);
      if (link === undefined || !network.isWhole(machine, other)) continue;
      const cluster = link.receiver.members();
      await this.trip();
      return cluster;
    }
    return undefined;
  }

  open(identity: PeerIdentity, receiver: PeerReceiver): PeerLink {
    const link = new PeerLink(this.options, identity, receiver);
    this.options.onOpen(identity, receiver);
    return link;
  }

  /** Time for something small to get to another machine. */
  trip(): Promise<void> {
    const { loop, network } = this.options;
    return new Promise((resolve) => {
      loop.after(network.delayMs(), resolve);
    });
  }
}
