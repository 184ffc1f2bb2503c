/**
 * What the network counts, in plain numbers that /metrics reads at a scrape (etcd rafthttp/metrics.go, `etcd_network_*`). Numbers never
 * fall while the process lives; those of a member that is gone stay.
 */
import { exponentialBuckets, Histogram } from "../lib/histogram.ts";
import { idToHex, type MemberId } from "../lib/units.ts";

/** Of one other member. */
export class PeerCounters {
  /** etcd_network_peer_sent_bytes_total and _peer_received_bytes_total: messages and snapshots, without framing. */
  sentBytes = 0;
  receivedBytes = 0;
  /** etcd_network_peer_sent_failures_total and _peer_received_failures_total. */
  sentFailures = 0;
  receivedFailures = 0;
  /** etcd_network_active_peers: at least one stream of it is up. */
  isActive = false;
  /** etcd_network_disconnected_peers_total: how often it went from active to not. */
  disconnects = 0;
  /** etcd_network_peer_round_trip_time_seconds. */
  readonly roundTrips = new Histogram(exponentialBuckets(0.0001, 2, 16));
  /** etcd_network_snapshot_send_* and etcd_network_snapshot_receive_*. */
  readonly snapshotsSent = new SnapshotCounters();
  readonly snapshotsReceived = new SnapshotCounters();
}

/** Of snapshots in one direction. */
export class SnapshotCounters {
  inflight = 0;
  successes = 0;
  failures = 0;
  /** Of those that came through. */
  readonly seconds = new Histogram(exponentialBuckets(0.1, 2, 10));
}

/** More other members than any cluster has in its life; who comes after that shares one row. */
const peersMax = 1000;

export class PeerStats {
  /** etcd_snap_db_save_total_duration_seconds: a received state, from its first byte until it is kept; and of that making it durable. */
  readonly stateSaveSeconds = new Histogram(exponentialBuckets(0.1, 2, 10));
  readonly stateSyncSeconds = new Histogram(exponentialBuckets(0.001, 2, 14));
  private readonly counters = new Map<string, PeerCounters>();

  /** The row of `id`, which may be undefined: a sender that did not say who it is. */
  of(id: MemberId | undefined): PeerCounters {
    const name = id === undefined ? unknownPeer : idToHex(id);
    const known = this.counters.get(name);
    if (known !== undefined) return known;
    // Anybody may send a request with any id, and every row stays.
    if (this.counters.size >= peersMax && id !== undefined) return this.of(undefined);
    const counters = new PeerCounters();
    this.counters.set(name, counters);
    return counters;
  }

  /** By the member's id in hex; `unknownPeer` for who did not say. */
  entries(): Iterable<readonly [string, PeerCounters]> {
    return this.counters.entries();
  }
}

/** etcd's name, in its counter of snapshots that came to nothing. */
const unknownPeer = "UNKNOWN_SNAPSHOT_SENDER";
