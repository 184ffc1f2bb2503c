/**
 * What every call is asked before its service sees it, in etcd's order (server/etcdserver/api/v3rpc/interceptor.go): is the cluster's
 * version known, may a learner answer this, is the client's version readable, is there a leader if the client demands one.
 */
import { isUtf8 } from "node:buffer";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";

/** The part of the member that decides. */
export interface AdmittingMember {
  readonly cluster: { readonly version: string | undefined };
  readonly isLearner: boolean;
  readonly hasLeader: boolean;
}

/** Unary and streaming calls have this in common. */
export interface MetadataSource {
  metadata(name: string): string | undefined;
}

export class Admission {
  private readonly member: AdmittingMember;
  /** The last one that was seen to be text: nearly all clients say the same. */
  private knownVersion = "";

  constructor(member: AdmittingMember) {
    this.member = member;
  }

  /** `isForLearners`: learners answer this request too. */
  refuse(call: MetadataSource, isForLearners: boolean): EtcdErrorKind | undefined {
    const { member } = this;
    if (member.cluster.version === undefined) return "NotCapable";
    if (member.isLearner && !isForLearners) return "NotSupportedForLearner";
    const version = call.metadata("client-api-version");
    if (version !== undefined && version !== this.knownVersion) {
      // Metadata comes as one character a byte.
      if (!isUtf8(Buffer.from(version, "latin1"))) return "InvalidClientAPIVersion";
      this.knownVersion = version;
    }
    return !member.hasLeader && demandsLeader(call) ? "NoLeader" : undefined;
  }
}

/** The client would rather be refused than wait for a leader (clientv3.WithRequireLeader). */
export const demandsLeader = (call: MetadataSource): boolean =>
  call.metadata("hasleader") === "true";
