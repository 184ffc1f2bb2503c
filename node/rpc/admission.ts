/**
 * What every call is asked before its service sees it, in etcd's order (server/etcdserver/api/v3rpc/interceptor.go): is the cluster's
 * version known, may a learner answer this, is the client's version readable, is there a leader if the client demands one.
 */
import { isUtf8 } from "node:buffer";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { ServiceStats, VersionCount } from "../server/service-stats.ts";

/** The part of the member that decides. */
export interface AdmittingMember {
  readonly cluster: { readonly version: string | undefined };
  readonly isLearner: boolean;
  readonly hasLeader: boolean;
  readonly stats: { readonly services: Pick<ServiceStats, "requestsOf"> };
}

/** Unary and streaming calls have this in common. */
export interface MetadataSource {
  metadata(name: string): string | undefined;
}

/** etcd's name for a client that does not say. */
const unknownVersion = "unknown";

export class Admission {
  private readonly member: AdmittingMember;
  /** The last one that was seen to be text, and its row: nearly all clients say the same. */
  private knownVersion = "";
  private known: VersionCount | undefined;

  constructor(member: AdmittingMember) {
    this.member = member;
  }

  /** `isForLearners`: learners answer this request too. It is counted by its client's version if it comes that far. */
  refuse(
    call: MetadataSource,
    isForLearners: boolean,
    kind: keyof VersionCount = "unary",
  ): EtcdErrorKind | undefined {
    const { member } = this;
    if (member.cluster.version === undefined) return "NotCapable";
    if (member.isLearner && !isForLearners) return "NotSupportedForLearner";
    const version = call.metadata("client-api-version") ?? unknownVersion;
    if (version !== this.knownVersion || this.known === undefined) {
      // Metadata comes as one character a byte.
      const bytes = Buffer.from(version, "latin1");
      if (!isUtf8(bytes)) return "InvalidClientAPIVersion";
      this.knownVersion = version;
      this.known = member.stats.services.requestsOf(bytes.toString());
    }
    this.known[kind] += 1;
    return !member.hasLeader && demandsLeader(call) ? "NoLeader" : undefined;
  }
}

/** The client would rather be refused than wait for a leader (clientv3.WithRequireLeader). */
export const demandsLeader = (call: MetadataSource): boolean =>
  call.metadata("hasleader") === "true";
