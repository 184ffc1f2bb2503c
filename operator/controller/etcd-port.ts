/** How the controller asks etcd: a port, so that tests put a cluster of their own behind it. etcd-client.ts is the real one. */
import type { EtcdView, ListedMember } from "../cluster/observed.ts";
import type { EtcdRequest } from "../cluster/step.ts";
import type { MutationGuard } from "../kernel/exchange.ts";
import type { StepResult } from "./step-result.ts";

/** A member with a running pod. */
export interface Asked {
  /** Of the EtcdMember. */
  readonly name: string;
  /** Client URL, "https://host:port", by the pod's address. */
  readonly endpoint: string;
  /** The DNS name that its certificate is for. */
  readonly serverName: string;
}

/** PEM texts. */
export interface Credentials {
  /** All CAs that members' certificates may be of. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** One cluster as it can be asked now. */
export interface EtcdTarget {
  /** Of the EtcdCluster: connections are kept under it. */
  readonly key: string;
  readonly members: readonly Asked[];
  /** "none": plain text. "missing": the Secret with the operator's certificate is not there, or not whole, so nobody can be asked. */
  readonly tls: Credentials | "none" | "missing";
}

/** A request, and to which member it goes. */
export interface EtcdChange {
  /** Of the EtcdMember. */
  readonly memberName: string;
  readonly request: EtcdRequest;
  /** The list that it was decided from: the server refuses a change of members when its list is another one. */
  readonly listedMembers: readonly ListedMember[];
}

export interface EtcdPort {
  /** What the members of one cluster say now. Never rejects: silence is a part of the view. Takes a few seconds at most, whatever the members do. */
  ask(target: EtcdTarget, signal: AbortSignal): Promise<EtcdView>;
  /** Sends one request, once. `guard` is asked when the connection stands. Rejects only with what the guard throws, and for bugs. */
  change(target: EtcdTarget, change: EtcdChange, guard: MutationGuard): Promise<StepResult>;
  /** The cluster is gone: closes what was kept for it. */
  forget(cluster: string): void;
}
