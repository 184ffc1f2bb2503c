/** Reads from committed entries what clients of a run, and leaders, ask for; with the decoders that protobuf generates, not the members' own. */
import { toText } from "../../../node/lib/bytes.ts";
import { etcdserverpb } from "../../../node/proto/generated/messages.js";
import { InternalRaftView, internalRequest } from "../../../node/proto/internal-raft-codec.ts";
import { longToBigint, longToNumber } from "../../../node/proto/long.ts";
import { type EntryType, entryType } from "../../../node/raft/types.ts";
import type { ModelKey } from "./true-history.ts";

/** A put, or with `value` undefined a deletion. */
export interface ModelWrite {
  readonly key: string;
  /** Of a deletion: exclusive end; undefined for the one key. */
  readonly end: string | undefined;
  readonly value: string | undefined;
  readonly lease: bigint;
}

export interface ModelCompare {
  readonly key: string;
  readonly holds: (found: ModelKey | undefined) => boolean;
}

export type ModelRequest =
  | {
      readonly kind: "write";
      readonly compares: readonly ModelCompare[];
      readonly writes: readonly ModelWrite[];
    }
  | { readonly kind: "compact"; readonly revision: number }
  | { readonly kind: "grant"; readonly id: bigint; readonly ttlSeconds: number }
  | { readonly kind: "revoke"; readonly id: bigint; readonly isByClient: boolean };

const text = (bytes: Uint8Array | null | undefined): string =>
  bytes === null || bytes === undefined ? "" : toText(bytes);
const signed = (id: bigint): bigint => BigInt.asIntN(64, id);

export class CommittedRequests {
  private readonly view = new InternalRaftView();

  /** Undefined for what changes neither keys nor leases. */
  decode(type: EntryType, data: Uint8Array): ModelRequest | undefined {
    if (type !== entryType.normal || data.length === 0) return undefined;
    const { view } = this;
    view.decode(data, 0, data.length);
    if (view.isV2) return undefined;
    const message = data.subarray(view.start, view.end);
    switch (view.field) {
      case internalRequest.put:
        return {
          kind: "write",
          compares: [],
          writes: [putOf(etcdserverpb.PutRequest.decode(message))],
        };
      case internalRequest.deleteRange: {
        const request = etcdserverpb.DeleteRangeRequest.decode(message);
        return { kind: "write", compares: [], writes: [deletionOf(request)] };
      }
      case internalRequest.txn:
        return transactionOf(etcdserverpb.TxnRequest.decode(message));
      case internalRequest.compaction: {
        const { revision } = etcdserverpb.CompactionRequest.decode(message);
        return { kind: "compact", revision: longToNumber(revision) };
      }
      case internalRequest.leaseGrant: {
        const { ID, TTL } = etcdserverpb.LeaseGrantRequest.decode(message);
        const id = signed(longToBigint(ID));
        return { kind: "grant", id, ttlSeconds: longToNumber(TTL) };
      }
      case internalRequest.leaseRevoke: {
        const { ID } = etcdserverpb.LeaseRevokeRequest.decode(message);
        const isByClient = view.idHigh !== 0 || view.idLow !== 0;
        return { kind: "revoke", id: signed(longToBigint(ID)), isByClient };
      }
      default:
        return undefined;
    }
  }
}

function putOf(put: etcdserverpb.PutRequest.$Properties): ModelWrite {
  const lease = signed(longToBigint(put.lease));
  return { key: text(put.key), end: undefined, value: text(put.value), lease };
}

function deletionOf(request: etcdserverpb.DeleteRangeRequest.$Properties): ModelWrite {
  const end = text(request.rangeEnd);
  return {
    key: text(request.key),
    end: end === "" ? undefined : end,
    value: undefined,
    lease: 0n,
  };
}

/** Clients of a run give no operations for the case that a compare fails. */
function transactionOf(request: etcdserverpb.TxnRequest.$Properties): ModelRequest {
  const writes: ModelWrite[] = [];
  for (const { requestPut, requestDeleteRange } of request.success ?? []) {
    if (requestPut !== null && requestPut !== undefined) writes.push(putOf(requestPut));
    else if (requestDeleteRange !== null && requestDeleteRange !== undefined)
      writes.push(deletionOf(requestDeleteRange));
  }
  return { kind: "write", compares: (request.compare ?? []).map(compareOf), writes };
}

/** Clients of a run compare for equality only. */
function compareOf(compare: etcdserverpb.Compare.$Properties): ModelCompare {
  const { CompareTarget } = etcdserverpb.Compare;
  const key = text(compare.key);
  switch (compare.target) {
    case CompareTarget.CREATE: {
      const wanted = longToNumber(compare.createRevision);
      return { key, holds: (found) => (found?.createRevision ?? 0) === wanted };
    }
    case CompareTarget.MOD: {
      const wanted = longToNumber(compare.modRevision);
      return { key, holds: (found) => (found?.modRevision ?? 0) === wanted };
    }
    case CompareTarget.VALUE: {
      const wanted = text(compare.value);
      return { key, holds: (found) => found?.value === wanted };
    }
    default:
      throw new Error(`no client of a run compares ${String(compare.target)}`);
  }
}
