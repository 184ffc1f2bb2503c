/** What the controller needs of certificates: a port to operator/tls, so that tests put something simpler behind it. */
import type { EtcdCluster } from "../api/v1alpha1/types.ts";
import type { Observed, TlsProof } from "../cluster/observed.ts";
import type { Step } from "../cluster/step.ts";
import type { ApiClient } from "../kernel/api-client.ts";
import type { KubernetesObject } from "../kernel/resource.ts";

/** A member to be dialled. */
export interface TlsTarget {
  readonly cluster: EtcdCluster;
  /** Of the EtcdMember. */
  readonly memberName: string;
  /** Address of its pod, without brackets. */
  readonly host: string;
  readonly clientPort: number;
  readonly peerPort: number;
  /** The DNS name that its certificates are for. */
  readonly serverName: string;
  /** As in Observed: with the CAs, of which clients are made to see who is let in. */
  readonly secrets: ReadonlyMap<string, KubernetesObject>;
}

/** The plan says what is to be issued; keys come from chance, so the step holds none. */
export type IssueStep = Extract<Step, { readonly kind: "issue" }>;

export interface TlsPort {
  /** Dials the client port and the peer port. Never rejects: what could not be asked is missing in the proof. Takes a few seconds at most. */
  prove(target: TlsTarget, signal: AbortSignal): Promise<TlsProof>;
  /** Makes the certificate and writes its Secret, with the one that was seen as precondition. Rejects with ApiError. `client` has the guard. */
  issue(client: ApiClient, observed: Observed, step: IssueStep): Promise<void>;
}
