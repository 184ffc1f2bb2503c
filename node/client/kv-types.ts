/** What the KV calls of the client take and give: plain objects, revisions as numbers, ids as bigints. */

/** A string stands for its UTF-8 bytes. */
export type Bytes = Uint8Array | string;

export interface Header {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly revision: number;
  readonly raftTerm: number;
}

export interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  /** 0n for none. */
  readonly lease: bigint;
}

export interface RangeOptions {
  /** Exclusive; "\0" for no end. */
  readonly rangeEnd?: Bytes;
  /** All keys that begin with the key; takes the place of `rangeEnd`. */
  readonly isPrefix?: boolean;
  readonly limit?: number | bigint;
  readonly revision?: number | bigint;
  readonly sortOrder?: "none" | "ascend" | "descend";
  readonly sortTarget?: "key" | "version" | "create" | "mod" | "value";
  readonly serializable?: boolean;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
  readonly minModRevision?: number | bigint;
  readonly maxModRevision?: number | bigint;
  readonly minCreateRevision?: number | bigint;
  readonly maxCreateRevision?: number | bigint;
}

export interface PutOptions {
  readonly lease?: bigint;
  readonly prevKv?: boolean;
  readonly ignoreValue?: boolean;
  readonly ignoreLease?: boolean;
}

export interface DeleteOptions {
  readonly rangeEnd?: Bytes;
  readonly isPrefix?: boolean;
  readonly prevKv?: boolean;
}

export interface Compare {
  readonly key: Bytes;
  readonly rangeEnd?: Bytes;
  readonly result: "equal" | "greater" | "less" | "notEqual";
  /** The left-hand side, and the right-hand one. */
  readonly target:
    | { readonly version: number | bigint }
    | { readonly createRevision: number | bigint }
    | { readonly modRevision: number | bigint }
    | { readonly lease: bigint }
    | { readonly value: Bytes };
}

export type Op =
  | ({ readonly type: "range"; readonly key: Bytes } & RangeOptions)
  | ({ readonly type: "put"; readonly key: Bytes; readonly value: Bytes } & PutOptions)
  | ({ readonly type: "delete"; readonly key: Bytes } & DeleteOptions)
  | ({ readonly type: "txn" } & TxnRequest);

export interface TxnRequest {
  readonly compare?: readonly Compare[];
  readonly success?: readonly Op[];
  readonly failure?: readonly Op[];
}

export interface RangeResult {
  readonly header: Header;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  /** Keys in the range, before limit and filters. */
  readonly count: number;
}

export interface RangeChunk {
  readonly kvs: readonly KeyValue[];
  /** With the last chunk: what a RangeResult has beside the KeyValues. */
  readonly end: Omit<RangeResult, "kvs"> | undefined;
}

export interface PutResult {
  readonly header: Header;
  /** Only when asked for and there was one. */
  readonly prevKv: KeyValue | undefined;
}

export interface DeleteResult {
  readonly header: Header;
  readonly deleted: number;
  readonly prevKvs: readonly KeyValue[];
}

export type OpResult =
  | ({ readonly type: "range" } & RangeResult)
  | ({ readonly type: "put" } & PutResult)
  | ({ readonly type: "delete" } & DeleteResult)
  | ({ readonly type: "txn" } & TxnResult);

export interface TxnResult {
  readonly header: Header;
  readonly succeeded: boolean;
  readonly responses: readonly OpResult[];
}
