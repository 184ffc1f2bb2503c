/** How the controller asks etcd: a port, so that tests put a cluster of their own behind it. etcd-client.ts is the real one. */
import type { EtcdView } from "../cluster/observed.ts";

/** A member with a running pod. */
export interface Asked {
  /** Of the EtcdMember. */
  readonly name: string;
  /** Client URL, "http://host:port". */
  readonly endpoint: string;
}

export interface EtcdPort {
  /**
   * What the members of one cluster say now. Never rejects: silence is a part of the view. Takes a few seconds at most, whatever the
   * members do. `cluster` is the key of the EtcdCluster: connections are kept under it.
   */
  ask(cluster: string, members: readonly Asked[], signal: AbortSignal): Promise<EtcdView>;
  /** The cluster is gone: closes what was kept for it. */
  forget(cluster: string): void;
}
