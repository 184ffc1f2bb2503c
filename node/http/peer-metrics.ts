/** The metrics of the network between members (etcd rafthttp/metrics.go, membership/metrics.go). */
import { idToHex } from "../lib/units.ts";
import type { PeerCounters, PeerStats, SnapshotCounters } from "../peer/peer-stats.ts";
import type { Member } from "../server/member.ts";
import type { MetricRegistry, Sample } from "./metric-registry.ts";

export interface PeerMetricSources {
  readonly member: Member;
  readonly peers: PeerStats;
}

export function registerPeers(to: MetricRegistry, { member, peers }: PeerMetricSources): void {
  const local = idToHex(member.id);
  const both = (remote: string): Sample["labels"] => ({ Local: local, Remote: remote });
  to.samples(
    "gauge",
    {
      name: "etcd_network_known_peers",
      help: "Members, this one too: 1 for each.",
    },
    () => member.cluster.members.map(({ id }) => ({ labels: both(idToHex(id)), value: 1 })),
  );
  const each = (read: (of: PeerCounters) => number) => (): Sample[] =>
    [...peers.entries()].map(([id, of]) => ({ labels: both(id), value: read(of) }));
  to.samples(
    "gauge",
    { name: "etcd_network_active_peers", help: "A stream is up: 1 or 0." },
    each(({ isActive }) => Number(isActive)),
  );
  to.samples(
    "counter",
    {
      name: "etcd_network_disconnected_peers_total",
      help: "Times it was lost.",
    },
    each(({ disconnects }) => disconnects),
  );
  registerTraffic(to, peers);
  registerSnapshots(to, peers, { label: "To", verb: "send", of: (peer) => peer.snapshotsSent });
  const receiving = (peer: PeerCounters): SnapshotCounters => peer.snapshotsReceived;
  registerSnapshots(to, peers, { label: "From", verb: "receive", of: receiving });
}

function registerTraffic(to: MetricRegistry, peers: PeerStats): void {
  const count = (
    label: "To" | "From",
    about: { readonly name: string; readonly help: string },
    read: (of: PeerCounters) => number,
  ): void => {
    const name = `etcd_network_peer_${about.name}`;
    to.samples("counter", { ...about, name }, () =>
      [...peers.entries()].map(([id, of]) => ({ labels: { [label]: id }, value: read(of) })),
    );
  };
  const sent = { name: "sent_bytes_total", help: "Bytes sent to it." };
  count("To", sent, ({ sentBytes }) => sentBytes);
  const lost = { name: "sent_failures_total", help: "Messages to it that were given up." };
  count("To", lost, ({ sentFailures }) => sentFailures);
  const received = { name: "received_bytes_total", help: "Bytes received from it." };
  count("From", received, ({ receivedBytes }) => receivedBytes);
  const failed = { name: "received_failures_total", help: "Receptions that failed." };
  count("From", failed, ({ receivedFailures }) => receivedFailures);
  const roundTrips = {
    name: "etcd_network_peer_round_trip_time_seconds",
    help: "Round trips to it.",
  };
  to.histograms(roundTrips, () =>
    [...peers.entries()].map(([id, of]) => ({ labels: { To: id }, histogram: of.roundTrips })),
  );
}

function registerSnapshots(
  to: MetricRegistry,
  peers: PeerStats,
  {
    label,
    verb,
    of,
  }: {
    readonly label: "To" | "From";
    readonly verb: "send" | "receive";
    readonly of: (peer: PeerCounters) => SnapshotCounters;
  },
): void {
  /** A member that never sent one has no line, as on etcd. */
  const used = (): (readonly [string, SnapshotCounters])[] =>
    [...peers.entries()]
      .map(([id, peer]) => [id, of(peer)] as const)
      .filter(([, { inflight, successes, failures }]) => inflight + successes + failures > 0);
  const name = (end: string): string => `etcd_network_snapshot_${verb}_${end}`;
  const each = (
    kind: "gauge" | "counter",
    about: { readonly end: string; readonly help: string },
    read: (counters: SnapshotCounters) => number,
  ): void =>
    to.samples(kind, { name: name(about.end), help: about.help }, () =>
      used().map(([id, counters]) => ({ labels: { [label]: id }, value: read(counters) })),
    );
  each(
    "gauge",
    { end: "inflights_total", help: "Snapshots on their way." },
    ({ inflight }) => inflight,
  );
  each(
    "counter",
    { end: "success", help: "Snapshots that came through." },
    ({ successes }) => successes,
  );
  each("counter", { end: "failures", help: "Snapshots that did not." }, ({ failures }) => failures);
  to.histograms({ name: name("total_duration_seconds"), help: "How long a snapshot took." }, () =>
    used().map(([id, { seconds }]) => ({ labels: { [label]: id }, histogram: seconds })),
  );
}
