/** What a watch takes and gives, and how that is read from the generated messages. */
import { status } from "@grpc/grpc-js";
import { etcdserverpb, mvccpb } from "../proto/generated/messages.js";
import { int64Long, longToNumber } from "../proto/long.ts";
import { ClientError } from "./client-error.ts";
import type { CallOptions } from "./connection.ts";
import { keyRange } from "./kv-requests.ts";
import { header, keyValue } from "./kv-results.ts";
import type { Bytes, Header, KeyValue } from "./kv-types.ts";

export interface WatchOptions extends Pick<CallOptions, "endpoint" | "metadata"> {
  /** Exclusive; "\0" for no end. */
  readonly rangeEnd?: Bytes;
  /** All keys that begin with the key; takes the place of `rangeEnd`. */
  readonly isPrefix?: boolean;
  /** The first revision whose events are wanted; what comes next where it is left out. */
  readonly startRevision?: number | bigint;
  readonly prevKv?: boolean;
  readonly noPut?: boolean;
  readonly noDelete?: boolean;
  /** Now and then a response without events while nothing happens. */
  readonly progressNotify?: boolean;
  /** Large responses come in parts, and are put together here. */
  readonly fragment?: boolean;
  /** Ends the watch. */
  readonly signal?: AbortSignal;
}

export interface WatchEvent {
  readonly type: "put" | "delete";
  /** Of a deletion: key and, as `modRevision`, its revision. */
  readonly kv: KeyValue;
  /** Only when asked for, there was one, and it is not compacted. */
  readonly prevKv: KeyValue | undefined;
}

export interface WatchResponse {
  readonly header: Header;
  /** Of whole revisions, in order. None: everything up to the header's revision has been told. */
  readonly events: readonly WatchEvent[];
}

/** What the watch needs next is gone: whoever watches reads the keys, and watches from there on. */
export class CompactedError extends ClientError {
  /** The oldest revision that can be watched. */
  readonly compactRevision: number;
  /** Of the response that said so. */
  readonly header: Header;

  constructor(compactRevision: number, header: Header) {
    super(status.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted");
    this.compactRevision = compactRevision;
    this.header = header;
  }
}

const { FilterType } = etcdserverpb.WatchCreateRequest;

export function createRequest(
  key: Bytes,
  startRevision: number | bigint,
  options: WatchOptions,
): etcdserverpb.WatchRequest.$Properties {
  const filters: etcdserverpb.WatchCreateRequest.FilterType[] = [];
  if (options.noPut === true) filters.push(FilterType.NOPUT);
  if (options.noDelete === true) filters.push(FilterType.NODELETE);
  return {
    createRequest: {
      ...keyRange(key, options),
      startRevision: int64Long(BigInt(startRevision)),
      progressNotify: options.progressNotify ?? false,
      filters,
      prevKv: options.prevKv ?? false,
      fragment: options.fragment ?? false,
    },
  };
}

export function watchEvent({ type, kv, prevKv }: mvccpb.Event.$Properties): WatchEvent {
  return {
    type: type === mvccpb.Event.EventType.DELETE ? "delete" : "put",
    kv: keyValue(kv ?? {}),
    prevKv: prevKv ? keyValue(prevKv) : undefined,
  };
}

/** Why the server ended the watch (client/v3/watch.go, WatchResponse.Err). */
export function endOf(message: etcdserverpb.WatchResponse.$Properties): ClientError | undefined {
  const compactRevision = longToNumber(message.compactRevision);
  if (compactRevision !== 0) return new CompactedError(compactRevision, header(message.header));
  if (message.canceled !== true) return undefined;
  const reason = message.cancelReason ?? "";
  return reason === ""
    ? new ClientError(
        status.OUT_OF_RANGE,
        "etcdserver: mvcc: required revision is a future revision",
      )
    : new ClientError(status.FAILED_PRECONDITION, reason);
}

export const responseOf = (
  message: etcdserverpb.WatchResponse.$Properties,
  events: readonly WatchEvent[],
): WatchResponse => ({ header: header(message.header), events });
