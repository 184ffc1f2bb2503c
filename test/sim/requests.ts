/** What clients of a run send and what they are told, whichever way it goes: into the member directly, or as gRPC over bytes. */
import { fromText, toText } from "../../node/lib/bytes.ts";
import { internalRequest } from "../../node/proto/internal-raft-codec.ts";
import { KeyValueView } from "../../node/proto/key-value.ts";
import { encodeLeaseGrant, encodeLeaseRevoke } from "../../node/proto/lease-codec.ts";
import { Writer } from "../../node/proto/wire.ts";

export interface WriteRequest {
  /** Of InternalRaftRequest. */
  readonly field: number;
  /** Of the gRPC method. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface ReadRequest {
  readonly key: string;
  /** Undefined: the one key. */
  readonly rangeEnd: string | undefined;
  /** 0 for the newest. */
  readonly revision: number;
  readonly isSerializable: boolean;
}

export interface FoundKey {
  readonly key: string;
  readonly value: string;
  readonly modRevision: number;
}

export type Answer =
  | {
      readonly kind: "written";
      readonly revision: number;
      /** Of a delete. */
      readonly deleted: number;
      /** Of a transaction. */
      readonly succeeded: boolean;
    }
  | { readonly kind: "found"; readonly revision: number; readonly keys: readonly FoundKey[] }
  /** `isCertain`: the request had no effect and never will. */
  | { readonly kind: "refused"; readonly error: string; readonly isCertain: boolean }
  /** The connection broke, or nobody answered. */
  | { readonly kind: "lost" };

export type Answered = (answer: Answer) => void;

/** One machine as clients see it. `done` runs once, in a later event. */
export interface KvServer {
  write(request: WriteRequest, done: Answered): void;
  read(request: ReadRequest, done: Answered): void;
}

/** The value that a compare asks for; undefined: the key must not exist. `modRevision`, if known, may stand for the value. */
export interface Expected {
  readonly key: string;
  readonly value: string | undefined;
  readonly modRevision: number | undefined;
}

const writer = new Writer();

export function putRequest(key: string, value: string, lease = 0n): WriteRequest {
  writer.reset();
  writePut(key, value);
  writer.bigintField(3, lease);
  return { field: internalRequest.put, path: "/etcdserverpb.KV/Put", bytes: writer.finish() };
}

export function deleteRequest(key: string): WriteRequest {
  writer.reset();
  writer.bytesField(1, fromText(key));
  const path = "/etcdserverpb.KV/DeleteRange";
  return { field: internalRequest.deleteRange, path, bytes: writer.finish() };
}

/** Deletes the keys from `key` to `rangeEnd`, which stays. */
export function deleteRangeRequest(key: string, rangeEnd: string): WriteRequest {
  writer.reset();
  writer.bytesField(1, fromText(key));
  writer.bytesField(2, fromText(rangeEnd));
  const path = "/etcdserverpb.KV/DeleteRange";
  return { field: internalRequest.deleteRange, path, bytes: writer.finish() };
}

export function grantRequest(id: bigint, ttlSeconds: number): WriteRequest {
  const path = "/etcdserverpb.Lease/LeaseGrant";
  const bytes = encodeLeaseGrant({ id, ttlSeconds });
  return { field: internalRequest.leaseGrant, path, bytes };
}

export function revokeRequest(id: bigint): WriteRequest {
  const path = "/etcdserverpb.Lease/LeaseRevoke";
  return { field: internalRequest.leaseRevoke, path, bytes: encodeLeaseRevoke(id) };
}

export function compactRequest(revision: number): WriteRequest {
  writer.reset();
  writer.numberField(1, revision);
  const path = "/etcdserverpb.KV/Compact";
  return { field: internalRequest.compaction, path, bytes: writer.finish() };
}

const compareTarget = { create: 1, mod: 2, value: 3 } as const;

/** If all compares hold, all puts are done. */
export function txnRequest(
  compares: readonly Expected[],
  puts: readonly { readonly key: string; readonly value: string }[],
): WriteRequest {
  writer.reset();
  for (const { key, value, modRevision } of compares) {
    const mark = writer.beginMessage(1);
    const target =
      value === undefined
        ? compareTarget.create
        : modRevision === undefined
          ? compareTarget.value
          : compareTarget.mod;
    writer.numberField(2, target);
    writer.bytesField(3, fromText(key));
    if (target === compareTarget.value) writer.bytesField(7, fromText(value ?? ""));
    else if (target === compareTarget.mod) writer.numberField(6, modRevision ?? 0);
    writer.endMessage(mark);
  }
  for (const { key, value } of puts) {
    const operation = writer.beginMessage(2);
    const put = writer.beginMessage(2);
    writePut(key, value);
    writer.endMessage(put);
    writer.endMessage(operation);
  }
  return { field: internalRequest.txn, path: "/etcdserverpb.KV/Txn", bytes: writer.finish() };
}

export function rangeRequestBytes(request: ReadRequest): Uint8Array {
  writer.reset();
  writer.bytesField(1, fromText(request.key));
  if (request.rangeEnd !== undefined) writer.bytesField(2, fromText(request.rangeEnd));
  writer.numberField(4, request.revision);
  writer.boolField(7, request.isSerializable);
  return writer.finish();
}

function writePut(key: string, value: string): void {
  writer.bytesField(1, fromText(key));
  writer.bytesField(2, fromText(value));
}

const view = new KeyValueView();

export function foundKey(bytes: Uint8Array, start: number, end: number): FoundKey {
  view.decode(bytes, start, end);
  return {
    key: toText(bytes.subarray(view.keyStart, view.keyEnd)),
    value: toText(bytes.subarray(view.valueStart, view.valueEnd)),
    modRevision: view.modRevision,
  };
}
