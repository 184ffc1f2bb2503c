/** What a run of maintenance has in its hands. Tests put members of their own behind it; member-client.ts has the real ones. */
import type { EtcdCluster, EtcdMember } from "../api/v1alpha1/types.ts";
import type { EtcdTarget } from "../controller/etcd-port.ts";
import type { MutationGuard } from "../kernel/exchange.ts";
import type { Clock, Timers } from "../kernel/ports.ts";
import type { Exposition } from "./disk-times.ts";
import type { EtcdSight, MemberAnswer, Sight } from "./sight.ts";

/** Members are named by their EtcdMember. Requests reject with ClientError. */
export interface MembersPort {
  /** Who is asked from now on, and with which certificates: of the newest look. */
  aim(cluster: EtcdCluster, members: readonly EtcdMember[], tls: EtcdTarget["tls"]): void;
  /** Never rejects: silence is a part of what is seen. */
  look(): Promise<EtcdSight>;
  status(memberName: string): Promise<MemberAnswer>;
  /** The text of its metrics port. Rejects with Error. */
  exposition(memberName: string): Promise<Exposition>;
  compact(memberName: string, revision: number): Promise<void>;
  /** Takes as long as it takes. */
  defragment(memberName: string): Promise<void>;
  /** Takes back the alarm NOSPACE of a member, given by its id. */
  disarmNoSpace(memberName: string, memberId: string): Promise<void>;
  /** Requests under way end with Cancelled. */
  close(): void;
}

export interface Run {
  /** Reads everything anew. Throws ApiError. */
  readonly look: () => Promise<Sight>;
  readonly etcd: MembersPort;
  /** The Lease: asked right before each request that changes something. */
  readonly hold: MutationGuard;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Aborts when the program is told to end, and when the Lease is lost. */
  readonly signal: AbortSignal;
}
