/**
 * A member that starts has heard of no leader for nobody knows how long: most of the first election timeout counts as over
 * (etcdserver/server.go, adjustTicks). A member of several waits with that until it is connected, and leaves the leader a tick more.
 */
import type { Clock, Timers } from "../lib/ports.ts";
import type { MemberId } from "../lib/units.ts";
import type { PeerTransport } from "./peer-transport.ts";

/** How long connections are waited for, and how often they are looked at (etcd's rafthttp.ConnReadTimeout and its interval). */
const waitMs = 5000;
const periodMs = 50;

export interface InitialTicksOptions {
  readonly electionTicks: number;
  /** The other members that are known at the start. */
  readonly peers: readonly MemberId[];
  readonly transport: Pick<PeerTransport, "activeSinceMs">;
  /** --initial-election-tick-advance. */
  readonly isEnabled: boolean;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Lets raft's time pass by one tick. */
  readonly tick: () => void;
  readonly isRunning: () => boolean;
}

/** Call it once, at the start. */
export function advanceInitialTicks(options: InitialTicksOptions): void {
  const { electionTicks, peers, transport, isEnabled, clock, timers, tick, isRunning } = options;
  const advance = (ticks: number): void => {
    for (let count = 0; count < ticks; count++) tick();
  };
  if (peers.length === 0) {
    advance(electionTicks - 1);
    return;
  }
  if (!isEnabled) return;
  const untilMs = clock.monotonicMs() + waitMs;
  const poll = timers.every(periodMs, () => {
    // Two others, as on etcd: with one alone there is no majority of three to have a leader.
    const isConnected = peers.filter((id) => transport.activeSinceMs(id) !== undefined).length > 1;
    if (isConnected && isRunning()) advance(electionTicks - 2);
    if (isConnected || !isRunning() || clock.monotonicMs() >= untilMs) poll.cancel();
  });
}
