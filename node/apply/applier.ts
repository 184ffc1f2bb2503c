/**
 * Applies committed entries: (state, entry) to (state, result). Deterministic and synchronous: no clock, no luck, no I/O, so that
 * every member that applies the same entries holds the same state.
 */

import { CorruptionError } from "../lib/corruption-error.ts";
import { memberId } from "../lib/units.ts";
import type { Cluster } from "../membership/cluster.ts";
import type { KvStore } from "../mvcc/kv-store.ts";
import { DeleteRangeRequestView } from "../proto/delete-range-request.ts";
import { type InternalRaftView, internalRequest } from "../proto/internal-raft-codec.ts";
import { decodeClusterMemberAttrSet, decodeClusterVersionSet } from "../proto/membership-codec.ts";
import { PutRequestView } from "../proto/put-request.ts";
import { decodeTxnRequest } from "../proto/txn-request.ts";
import { applyCompaction, CompactionRequestView } from "./compaction.ts";
import { executeDeleteRange } from "./delete-range.ts";
import { checkPut, executePut } from "./put.ts";
import { type ApplyResult, done, refuse } from "./result.ts";
import { applyTxn } from "./txn.ts";

/** The applied state: everything that an entry can change. */
export interface AppliedState {
  readonly store: KvStore;
  readonly cluster: Cluster;
}

export class Applier {
  private readonly state: AppliedState;
  private readonly putRequest = new PutRequestView();
  private readonly deleteRangeRequest = new DeleteRangeRequestView();
  private readonly compactionRequest = new CompactionRequestView();

  constructor(state: AppliedState) {
    this.state = state;
  }

  /** Applies the request of a normal entry. Throws WireError for bytes that are no request. */
  apply(entry: InternalRaftView): ApplyResult {
    const { buffer, start, end } = entry;
    switch (entry.field) {
      case internalRequest.put:
        return this.applyPut(buffer, start, end);
      case internalRequest.deleteRange:
        return this.applyDeleteRange(buffer, start, end);
      case internalRequest.txn:
        return applyTxn(this.state.store, decodeTxnRequest(buffer, start, end));
      case internalRequest.compaction:
        this.compactionRequest.decode(buffer, start, end);
        return applyCompaction(this.state.store, this.compactionRequest);
      case internalRequest.range:
        // Old members asked for reads through the log. Only who proposed it is told what it found.
        return done;
      case internalRequest.clusterVersionSet:
        this.state.cluster.setVersion(decodeClusterVersionSet(buffer.subarray(start, end)));
        return done;
      case internalRequest.clusterMemberAttrSet: {
        const {
          memberId: id,
          name,
          clientUrls,
        } = decodeClusterMemberAttrSet(buffer.subarray(start, end));
        this.state.cluster.updateAttributes(memberId(id), { name, clientUrls });
        return done;
      }
      default:
        // To skip it would make this member's state differ from the others' without a word.
        throw new CorruptionError(
          `the log holds a request that this version does not know (field ${entry.field}); run a version that does`,
        );
    }
  }

  private applyPut(buffer: Uint8Array, start: number, end: number): ApplyResult {
    const { store } = this.state;
    const request = this.putRequest;
    request.decode(buffer, start, end);
    const error = checkPut(store, request);
    if (error !== undefined) return refuse(error);
    store.begin();
    const prevKv = executePut(store, request);
    return { kind: "put", revision: store.end(), prevKv };
  }

  private applyDeleteRange(buffer: Uint8Array, start: number, end: number): ApplyResult {
    const { store } = this.state;
    this.deleteRangeRequest.decode(buffer, start, end);
    store.begin();
    const { deleted, prevKvs } = executeDeleteRange(store, this.deleteRangeRequest);
    return { kind: "deleteRange", revision: store.end(), deleted, prevKvs };
  }
}
