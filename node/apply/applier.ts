/**
 * Applies committed entries: (state, entry) to (state, result). Deterministic: no clock, no luck, no I/O, so that every member that
 * applies the same entries holds the same state. Large deletes are done in slices, in which nobody else may touch the state.
 */

import type { Lessor } from "../lease/lessor.ts";
import { assert } from "../lib/assert.ts";
import { CorruptionError } from "../lib/corruption-error.ts";
import { memberId } from "../lib/units.ts";
import type { Alarms } from "../membership/alarms.ts";
import type { Cluster } from "../membership/cluster.ts";
import type { KvStore } from "../mvcc/kv-store.ts";
import { decodeAlarmRequest } from "../proto/alarm-codec.ts";
import { DeleteRangeRequestView } from "../proto/delete-range-request.ts";
import { type InternalRaftView, internalRequest } from "../proto/internal-raft-codec.ts";
import {
  decodeLeaseCheckpoints,
  decodeLeaseGrant,
  decodeLeaseRevoke,
} from "../proto/lease-codec.ts";
import { decodeClusterMemberAttrSet, decodeClusterVersionSet } from "../proto/membership-codec.ts";
import { PutRequestView } from "../proto/put-request.ts";
import { decodeTxnRequest } from "../proto/txn-request.ts";
import { decodeV2Request } from "../proto/v2-request.ts";
import { applyAlarm, refusedBy } from "./alarm.ts";
import { applyCompaction, CompactionRequestView } from "./compaction.ts";
import { deleteRangeInSlices, deletesRange, executeDeleteRange } from "./delete-range.ts";
import { applyLeaseCheckpoints, applyLeaseGrant, revokeInSlices } from "./lease.ts";
import { checkPut, executePut } from "./put.ts";
import { leaseCost, putCost, type SpaceQuota, txnCost } from "./quota-cost.ts";
import { type ApplyResult, type DeleteRangeResult, done, refuse } from "./result.ts";
import { SliceBudget, type Slices, sliceKeysDefault } from "./slices.ts";
import { decideTxn, executeTxn } from "./txn.ts";
import { deletesRanges, executeTxnInSlices } from "./txn-slices.ts";
import { applyV2Request } from "./v2-request.ts";

/** The applied state: everything that an entry can change. */
export interface AppliedState {
  readonly store: KvStore;
  readonly cluster: Cluster;
  readonly alarms: Alarms;
  readonly lessor: Lessor;
  /** Unlimited when not given. */
  readonly quota?: SpaceQuota;
}

export class Applier {
  private readonly state: AppliedState;
  private readonly putRequest = new PutRequestView();
  private readonly deleteRangeRequest = new DeleteRangeRequestView();
  private readonly compactionRequest = new CompactionRequestView();
  private readonly sliceKeys: number;
  /** The entry that is not applied whole yet. */
  private underWay: Slices<ApplyResult> | undefined;
  /** The entry that is being applied exceeds this member's quota. */
  private isOverQuota = false;

  /** `sliceKeys`: keys that are deleted in one go. */
  constructor(state: AppliedState, sliceKeys = sliceKeysDefault) {
    this.state = state;
    this.sliceKeys = sliceKeys;
  }

  /**
   * Applies the request of a normal entry. Undefined when that was a slice only: then `applyMore` is due, in a later turn, and the entry's
   * bytes must stay; the store's transaction is open until it is applied. Throws WireError for bytes that are no request.
   *
   * What exceeds this member's quota is executed all the same, as others may have room for it, and then refused with NoSpace (etcd's
   * quotaApplierV3).
   */
  apply(entry: InternalRaftView): ApplyResult | undefined {
    assert(this.underWay === undefined, "an entry while another one is being applied");
    this.isOverQuota = false;
    return this.answered(this.execute(entry));
  }

  private answered(result: ApplyResult | undefined): ApplyResult | undefined {
    return this.isOverQuota && result !== undefined && result.kind !== "refused"
      ? refuse("NoSpace")
      : result;
  }

  private charge(costBytes: number): void {
    const { quota } = this.state;
    this.isOverQuota = quota !== undefined && quota.isExceededBy(costBytes);
  }

  private execute(entry: InternalRaftView): ApplyResult | undefined {
    const { buffer, start, end } = entry;
    if (entry.isV2) {
      applyV2Request(this.state.cluster, decodeV2Request(buffer, entry.entryStart, entry.entryEnd));
      return done;
    }
    const { alarms } = this.state;
    if (alarms.isNoSpace || alarms.isCorrupt) {
      const refusal = refusedBy(alarms, entry.field);
      if (refusal !== undefined) return refuse(refusal);
    }
    switch (entry.field) {
      case internalRequest.put:
        return this.applyPut(buffer, start, end);
      case internalRequest.deleteRange:
        return this.applyDeleteRange(buffer, start, end);
      case internalRequest.txn:
        return this.applyTxn(buffer, start, end);
      case internalRequest.compaction:
        this.compactionRequest.decode(buffer, start, end);
        return applyCompaction(this.state.store, this.compactionRequest);
      case internalRequest.range:
        // Old members asked for reads through the log. Only who proposed it is told what it found.
        return done;
      case internalRequest.leaseGrant:
      case internalRequest.leaseRevoke:
      case internalRequest.leaseCheckpoint:
        return this.applyLease(entry.field, buffer.subarray(start, end));
      case internalRequest.alarm:
        return applyAlarm(alarms, decodeAlarmRequest(buffer.subarray(start, end)));
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

  /** Does the next slice of the entry; undefined when there is more to do. Precondition: one is under way. */
  applyMore(): ApplyResult | undefined {
    return this.answered(this.nextSlice());
  }

  private nextSlice(): ApplyResult | undefined {
    assert(this.underWay !== undefined, "no entry is being applied");
    const { done: isDone, value } = this.underWay.next();
    if (isDone !== true) return undefined;
    this.underWay = undefined;
    return value;
  }

  private applyPut(buffer: Uint8Array, start: number, end: number): ApplyResult {
    const { store, lessor } = this.state;
    const request = this.putRequest;
    request.decode(buffer, start, end);
    this.charge(putCost(request));
    const error = checkPut(store, lessor, request);
    if (error !== undefined) return refuse(error);
    store.begin();
    const prevKv = executePut(store, request);
    return { kind: "put", revision: store.end(), prevKv };
  }

  private applyDeleteRange(
    buffer: Uint8Array,
    start: number,
    end: number,
  ): ApplyResult | undefined {
    const { store } = this.state;
    const request = this.deleteRangeRequest;
    request.decode(buffer, start, end);
    if (deletesRange(request)) return this.begin(deleteRange(store, request, this.newBudget()));
    store.begin();
    const { deleted, prevKvs } = executeDeleteRange(store, request);
    return { kind: "deleteRange", revision: store.end(), deleted, prevKvs };
  }

  private applyTxn(buffer: Uint8Array, start: number, end: number): ApplyResult | undefined {
    const { store, alarms, lessor } = this.state;
    const request = decodeTxnRequest(buffer, start, end);
    const cost = txnCost(request);
    if (alarms.isNoSpace && cost > 0) return refuse("NoSpace");
    this.charge(cost);
    const decided = decideTxn(store, lessor, request);
    if (typeof decided === "string") return refuse(decided);
    if (!deletesRanges(decided)) return executeTxn(store, decided);
    return this.begin(executeTxnInSlices(store, decided, this.newBudget()));
  }

  private applyLease(field: number, message: Uint8Array): ApplyResult | undefined {
    const { lessor, cluster } = this.state;
    if (field === internalRequest.leaseGrant) {
      this.charge(leaseCost);
      return applyLeaseGrant(lessor, decodeLeaseGrant(message));
    }
    if (field === internalRequest.leaseRevoke)
      return this.begin(revokeInSlices(this.state, decodeLeaseRevoke(message), this.newBudget()));
    // The schema of 3.6 is the first with a place for it; the same for all members, as the version of the cluster is an entry.
    const isKept = cluster.storageVersion !== undefined;
    return applyLeaseCheckpoints(lessor, decodeLeaseCheckpoints(message), isKept);
  }

  private newBudget(): SliceBudget {
    return new SliceBudget(this.sliceKeys);
  }

  private begin(slices: Slices<ApplyResult>): ApplyResult | undefined {
    this.underWay = slices;
    return this.nextSlice();
  }
}

function* deleteRange(
  store: KvStore,
  request: DeleteRangeRequestView,
  budget: SliceBudget,
): Slices<DeleteRangeResult> {
  store.begin();
  const { deleted, prevKvs } = yield* deleteRangeInSlices(store, request, budget);
  return { kind: "deleteRange", revision: store.end(), deleted, prevKvs };
}
