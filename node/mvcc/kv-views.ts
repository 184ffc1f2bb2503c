/** What the store gives out about keys and itself. */

/** A marshalled mvccpb.KeyValue in place: `bytes[start, end)`. One object is reused; valid until the next call but one put. */
export interface KeyValuePlace {
  bytes: Uint8Array;
  start: number;
  end: number;
}

/** What the index knows about an existing key without its value. One object is reused. */
export interface KeyState {
  createRevision: number;
  modRevision: number;
  version: number;
}

/** Memory held, in bytes. */
export interface KvMemory {
  readonly indexBytes: number;
  readonly valueCacheBytes: number;
}
