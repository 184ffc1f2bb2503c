/** What the tests of apply/ share: requests in a few words, a real store in memory, and answers as plain values. */

import { Applier } from "../../../node/apply/applier.ts";
import type { SpaceQuota } from "../../../node/apply/quota-cost.ts";
import { writeRange } from "../../../node/apply/range.ts";
import type { ApplyResult } from "../../../node/apply/result.ts";
import { MemoryBackend } from "../../../node/backend/memory-backend.ts";
import { MemoryDisk } from "../../../node/backend/memory-disk.ts";
import { Lessor } from "../../../node/lease/lessor.ts";
import { Alarms } from "../../../node/membership/alarms.ts";
import { Cluster } from "../../../node/membership/cluster.ts";
import { KvStore } from "../../../node/mvcc/kv-store.ts";
import { etcdserverpb, type mvccpb } from "../../../node/proto/generated/messages.js";
import {
  encodeInternalRaft,
  InternalRaftView,
  internalRequest,
} from "../../../node/proto/internal-raft-codec.ts";
import { int64Long, type Long, longToNumber } from "../../../node/proto/long.ts";
import { RangeRequestView } from "../../../node/proto/range-request.ts";
import { compareResult, compareTarget } from "../../../node/proto/txn-request.ts";
import { Writer } from "../../../node/proto/wire.ts";
import { seededRandom } from "../mvcc/key-parts.ts";
import { hastyTimers } from "../wal/wal-lab.ts";

export type TxnFields = etcdserverpb.TxnRequest.$Properties;
export type OpFields = etcdserverpb.RequestOp.$Properties;
export type CompareFields = etcdserverpb.Compare.$Properties;

/** A KeyValue as the tests write it: key, value, create revision, mod revision, version, lease. */
export interface Kv {
  readonly key: string;
  readonly value: string;
  readonly create: number;
  readonly mod: number;
  readonly version: number;
  readonly lease: number;
}

export interface RangeAnswer {
  readonly revision: number;
  readonly kvs: readonly Kv[];
  readonly count: number;
  readonly more: boolean;
}

export type OpAnswer =
  | ({ readonly op: "range" } & RangeAnswer)
  | { readonly op: "put"; readonly revision: number; readonly prev: Kv | undefined }
  | {
      readonly op: "delete";
      readonly revision: number;
      readonly deleted: number;
      readonly prev: readonly Kv[];
    }
  | ({ readonly op: "txn" } & TxnAnswer)
  | { readonly op: "none" };

export interface TxnAnswer {
  readonly revision: number;
  readonly succeeded: boolean;
  readonly answers: readonly OpAnswer[];
}

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");
const textOf = (value: Uint8Array | null | undefined): string =>
  Buffer.from(value ?? []).toString("latin1");
const long = (value: number | bigint): Long => int64Long(BigInt(value));

export interface RangeOptions {
  readonly end?: string;
  readonly limit?: number;
  readonly revision?: number;
  readonly order?: number;
  readonly target?: number;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
  readonly serializable?: boolean;
  readonly minMod?: number;
  readonly maxMod?: number;
  readonly minCreate?: number;
  readonly maxCreate?: number;
}

function rangeFields(key: string, options: RangeOptions): etcdserverpb.RangeRequest.$Properties {
  const fields: unknown = {
    key: bytes(key),
    rangeEnd: bytes(options.end ?? ""),
    limit: long(options.limit ?? 0),
    revision: long(options.revision ?? 0),
    sortOrder: options.order ?? 0,
    sortTarget: options.target ?? 0,
    serializable: options.serializable ?? false,
    keysOnly: options.keysOnly ?? false,
    countOnly: options.countOnly ?? false,
    minModRevision: long(options.minMod ?? 0),
    maxModRevision: long(options.maxMod ?? 0),
    minCreateRevision: long(options.minCreate ?? 0),
    maxCreateRevision: long(options.maxCreate ?? 0),
  };
  // The generated enums take numbers that they have no name for, as the wire does.
  return fields as etcdserverpb.RangeRequest.$Properties;
}

export interface PutOptions {
  readonly lease?: bigint;
  readonly prevKv?: boolean;
  readonly ignoreValue?: boolean;
  readonly ignoreLease?: boolean;
}

function putFields(
  key: string,
  value: string,
  options: PutOptions,
): etcdserverpb.PutRequest.$Properties {
  const { prevKv = false, ignoreValue = false, ignoreLease = false } = options;
  const lease = long(options.lease ?? 0);
  return { key: bytes(key), value: bytes(value), lease, prevKv, ignoreValue, ignoreLease };
}

const deleteFields = (
  key: string,
  end: string,
  prevKv: boolean,
): etcdserverpb.DeleteRangeRequest.$Properties => ({
  key: bytes(key),
  rangeEnd: bytes(end),
  prevKv,
});

export const range = (key: string, options: RangeOptions = {}): OpFields => ({
  requestRange: rangeFields(key, options),
});
export const put = (key: string, value: string, options: PutOptions = {}): OpFields => ({
  requestPut: putFields(key, value, options),
});
export const del = (key: string, end = "", prevKv = false): OpFields => ({
  requestDeleteRange: deleteFields(key, end, prevKv),
});
export const nested = (requestTxn: TxnFields): OpFields => ({ requestTxn });

/** "k" or "from..end"; the result by etcd's sign. */
export function compare(
  target: keyof typeof compareTarget,
  keys: string,
  sign: "=" | "!=" | ">" | "<",
  operand: number | bigint | string,
): CompareFields {
  const [key = "", end = ""] = keys.split("..");
  const results = {
    "=": compareResult.equal,
    "!=": compareResult.notEqual,
    ">": compareResult.greater,
    "<": compareResult.less,
  };
  const common = {
    key: bytes(key),
    rangeEnd: bytes(end),
    result: results[sign],
    target: compareTarget[target],
  };
  const field = {
    version: "version",
    create: "createRevision",
    mod: "modRevision",
    lease: "lease",
    value: "value",
  }[target];
  const fields: unknown = {
    ...common,
    ...(typeof operand === "string" ? { value: bytes(operand) } : { [field]: long(operand) }),
  };
  return fields as CompareFields;
}

export const encodeTxn = (txn: TxnFields): Uint8Array =>
  etcdserverpb.TxnRequest.encode(txn).finish();
export const encodePut = (key: string, value: string, options: PutOptions = {}): Uint8Array =>
  etcdserverpb.PutRequest.encode(putFields(key, value, options)).finish();
export const encodeDelete = (key: string, end = "", prevKv = false): Uint8Array =>
  etcdserverpb.DeleteRangeRequest.encode(deleteFields(key, end, prevKv)).finish();
export const encodeRange = (key: string, options: RangeOptions = {}): Uint8Array =>
  etcdserverpb.RangeRequest.encode(rangeFields(key, options)).finish();

export function kvOf(kv: mvccpb.KeyValue.$Properties | null | undefined): Kv {
  return {
    key: textOf(kv?.key),
    value: textOf(kv?.value),
    create: longToNumber(kv?.createRevision),
    mod: longToNumber(kv?.modRevision),
    version: longToNumber(kv?.version),
    lease: longToNumber(kv?.lease),
  };
}

const revisionOf = (header: etcdserverpb.ResponseHeader.$Properties | null | undefined): number =>
  longToNumber(header?.revision);

export function rangeAnswer(response: etcdserverpb.RangeResponse.$Properties): RangeAnswer {
  return {
    revision: revisionOf(response.header),
    kvs: (response.kvs ?? []).map(kvOf),
    count: longToNumber(response.count),
    more: response.more ?? false,
  };
}

export function txnAnswer(response: etcdserverpb.TxnResponse.$Properties): TxnAnswer {
  return {
    revision: revisionOf(response.header),
    succeeded: response.succeeded ?? false,
    answers: (response.responses ?? []).map(opAnswer),
  };
}

function opAnswer(response: etcdserverpb.ResponseOp.$Properties): OpAnswer {
  const { responseRange, responsePut, responseDeleteRange, responseTxn } = response;
  if (responseRange) return { op: "range", ...rangeAnswer(responseRange) };
  if (responsePut) {
    const prev = responsePut.prevKv ? kvOf(responsePut.prevKv) : undefined;
    return { op: "put", revision: revisionOf(responsePut.header), prev };
  }
  if (responseDeleteRange) {
    return {
      op: "delete",
      revision: revisionOf(responseDeleteRange.header),
      deleted: longToNumber(responseDeleteRange.deleted),
      prev: (responseDeleteRange.prevKvs ?? []).map(kvOf),
    };
  }
  return responseTxn ? { op: "txn", ...txnAnswer(responseTxn) } : { op: "none" };
}

/** A store in memory behind the applier, as a member has it. */
export class Lab {
  readonly store: KvStore;
  readonly backend: MemoryBackend;
  readonly cluster: Cluster;
  readonly alarms: Alarms;
  readonly lessor: Lessor;
  readonly applier: Applier;
  /** Unlimited as long as it is not set. */
  quota?: SpaceQuota;

  private constructor(store: KvStore, backend: MemoryBackend, sliceKeys?: number) {
    this.store = store;
    this.backend = backend;
    this.cluster = new Cluster(backend);
    this.alarms = new Alarms(backend);
    this.lessor = new Lessor({
      backend,
      clock: { monotonicMs: () => 0, unixMs: () => 0 },
      minTtlSeconds: 2,
    });
    this.applier = new Applier(this, sliceKeys);
  }

  static async open(valueCacheBytesMax = 1e6, sliceKeys?: number): Promise<Lab> {
    const backend = new MemoryBackend(new MemoryDisk(), { timers: hastyTimers });
    const random = seededRandom(11);
    const store = await KvStore.open({ backend, random, valueCacheBytesMax });
    return new Lab(store, backend, sliceKeys);
  }

  /** Runs between two slices of an entry. */
  betweenSlices: () => void = () => undefined;

  /** Applies one entry that holds `message` as `field` of InternalRaftRequest, to its end. */
  apply(field: number, message: Uint8Array): ApplyResult {
    const writer = new Writer();
    encodeInternalRaft(writer, 1, 2, field, message, 0, message.length);
    const view = new InternalRaftView();
    const data = writer.finish();
    view.decode(data, 0, data.length);
    let result = this.applier.apply(view);
    while (result === undefined) {
      this.betweenSlices();
      result = this.applier.applyMore();
    }
    return result;
  }

  /** The revision of the put; throws where it was refused. */
  put(key: string, value: string, options: PutOptions = {}): number {
    const result = this.apply(internalRequest.put, encodePut(key, value, options));
    if (result.kind !== "put") throw new Error(JSON.stringify(result));
    return result.revision;
  }

  delete(key: string, end = ""): number {
    const result = this.apply(internalRequest.deleteRange, encodeDelete(key, end));
    if (result.kind !== "deleteRange") throw new Error(JSON.stringify(result));
    return result.deleted;
  }

  /** The answer, or the kind of the error. */
  txn(request: TxnFields): TxnAnswer | string {
    const result = this.apply(internalRequest.txn, encodeTxn(request));
    if (result.kind === "refused") return result.error;
    if (result.kind !== "txn") throw new Error(`a txn was applied as ${result.kind}`);
    const { responses } = etcdserverpb.TxnResponse.decode(result.responses);
    const { revision, succeeded } = result;
    return { ...txnAnswer({ responses }), revision, succeeded };
  }

  holds(...compares: readonly CompareFields[]): boolean {
    const answer = this.txn({ compare: [...compares] });
    if (typeof answer === "string") throw new Error(answer);
    return answer.succeeded;
  }

  /** The answer of a Range request outside of a transaction, or the kind of the error. */
  range(key: string, options: RangeOptions = {}): RangeAnswer | string {
    const request = new RangeRequestView();
    const message = encodeRange(key, options);
    request.decode(message, 0, message.length);
    const writer = new Writer();
    const outcome = writeRange(this.store, request, writer);
    if (outcome.kind === "refused") return outcome.error;
    const { kvs } = etcdserverpb.RangeResponse.decode(writer.finish());
    const { count, more } = outcome;
    return { ...rangeAnswer({ kvs }), revision: this.store.currentRevision, count, more };
  }

  /** Keys of a range, in the order of the answer. */
  keys(key: string, options: RangeOptions = {}): string {
    const answer = this.range(key, options);
    return typeof answer === "string" ? answer : answer.kvs.map((kv) => kv.key).join(" ");
  }
}

export const kv = (
  key: string,
  value: string,
  create: number,
  mod: number,
  version: number,
): Kv => ({ key, value, create, mod, version, lease: 0 });
