/** What a request may add to the store, as etcd estimates it (server/storage/quota.go). */
import type { PutRequestView } from "../proto/put-request.ts";
import type { RequestOp, TxnRequest } from "../proto/txn-request.ts";

/** How much room this member has. It may differ between members, and so may decide what a request is answered and never what it does. */
export interface SpaceQuota {
  /** Whether `costBytes` more would exceed the quota. */
  isExceededBy(costBytes: number): boolean;
}

/** What a lease costs (leaseOverhead). */
export const leaseCost = 64;

/** What a key costs beside its key and value. */
const keyOverheadBytes = 256;

export function putCost(request: PutRequestView): number {
  return (
    keyOverheadBytes + (request.keyEnd - request.keyStart) + (request.valueEnd - request.valueStart)
  );
}

/** The dearer branch counts, nested transactions included. */
export function txnCost(request: TxnRequest): number {
  return Math.max(branchCost(request.success), branchCost(request.failure));
}

function branchCost(ops: readonly RequestOp[]): number {
  let cost = 0;
  for (const op of ops) {
    if (op.kind === "put") cost += putCost(op.request);
    else if (op.kind === "txn") cost += txnCost(op.request);
  }
  return cost;
}
