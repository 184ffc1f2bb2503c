/** The Watch service: opens streams, reads their requests, and reminds them of progress (etcd v3rpc/watch.go). */
import type { StreamCall } from "../grpc/stream-call.ts";
import type { Random } from "../lib/ports.ts";
import { openEnd, type WatchedRange } from "../mvcc/watch/watcher.ts";
import { etcdserverpb } from "../proto/generated/messages.js";
import { longToBigint } from "../proto/long.ts";
import { ResponseHeaderTemplate } from "../proto/response-header.ts";
import type { Member } from "../server/member.ts";
import { type Admission, demandsLeader } from "./admission.ts";
import { failWith } from "./errors.ts";
import type { LeaderWatch } from "./leader-watch.ts";
import { decodedMessage } from "./request-bytes.ts";
import { isReceiveFailure } from "./stream-failures.ts";
import { WatchResponseWriter } from "./watch-response.ts";
import { type WatchCreation, WatchStream, type WatchStreamHost } from "./watch-stream.ts";

export interface WatchServiceOptions {
  readonly member: Member;
  readonly admission: Admission;
  readonly leaderWatch: LeaderWatch;
  /** --max-request-bytes. */
  readonly requestBytesMax: number;
  /** --watch-progress-notify-interval; each stream's is up to a tenth longer, by luck, so that not all speak at once. */
  readonly progressIntervalMs: number;
  readonly random: Random;
}

/** What etcd adds to --max-request-bytes for everything around a request (server.go, MaxRequestBytesWithOverhead). */
const overheadBytes = 512 * 1024;
const smallestKey = Uint8Array.of(0);

export class WatchService {
  private readonly options: WatchServiceOptions;
  private readonly host: WatchStreamHost;
  private readonly streams = new Set<WatchStream>();

  constructor(options: WatchServiceOptions) {
    const { member, requestBytesMax } = options;
    this.options = options;
    const header = new ResponseHeaderTemplate({
      clusterId: member.clusterId,
      memberId: member.id,
    });
    this.host = {
      hub: member.watches,
      response: new WatchResponseWriter(header, () => member.raft.term),
      currentRevision: () => member.store.currentRevision,
      fragmentBytesMax: requestBytesMax + overheadBytes,
      clock: member.clock,
      stats: member.stats.services,
    };
  }

  get streamCount(): number {
    return this.streams.size;
  }

  open(call: StreamCall): void {
    const { admission, leaderWatch, member, progressIntervalMs, random } = this.options;
    // Of all streams a learner serves Snapshot only.
    const error = admission.refuse(call, false, "stream");
    if (error !== undefined) {
      failWith(call, error);
      return;
    }
    const stream = new WatchStream(this.host, call);
    this.streams.add(stream);
    const { services } = member.stats;
    services.watchStreams += 1;
    const period = progressIntervalMs * (1 + random.uint32() / 2 ** 32 / 10);
    const ticker = member.timers.every(period, () => stream.progressTick());
    const end = (): void => {
      ticker.cancel();
      forget();
      stream.end();
      if (this.streams.delete(stream)) services.watchStreams -= 1;
    };
    const forget = demandsLeader(call)
      ? leaderWatch.add(() => {
          failWith(call, "NoLeader");
          end();
        })
      : () => undefined;
    call.onCancel((code) => {
      if (isReceiveFailure(code)) services.watchReceiveFailures += 1;
      end();
    });
    call.onHalfClose(() => {
      call.finish();
      end();
    });
    call.onMessage((bytes, start, stop) => {
      const request = decodedMessage(call, etcdserverpb.WatchRequest, bytes.subarray(start, stop));
      if (request === undefined) {
        services.watchReceiveFailures += 1;
        end();
      } else this.take(stream, request);
    });
  }

  private take(stream: WatchStream, request: etcdserverpb.WatchRequest): void {
    const { createRequest, cancelRequest, progressRequest } = request;
    if (createRequest !== null && createRequest !== undefined) {
      if (longToBigint(createRequest.startRevision) < 0n) stream.refuseNegativeStart();
      else stream.create(creationOf(createRequest));
    } else if (cancelRequest !== null && cancelRequest !== undefined) {
      stream.cancel(BigInt.asIntN(64, longToBigint(cancelRequest.watchId)));
    } else if (progressRequest !== null && progressRequest !== undefined) stream.progressAll();
    // Requests of a later etcd are no mistake of the client.
  }
}

function creationOf(request: etcdserverpb.WatchCreateRequest.$Properties): WatchCreation {
  const { FilterType } = etcdserverpb.WatchCreateRequest;
  const filters = request.filters ?? [];
  const start = longToBigint(request.startRevision);
  return {
    watchId: BigInt.asIntN(64, longToBigint(request.watchId)),
    range: rangeOf(request.key ?? smallestKey, request.rangeEnd ?? openEnd),
    view: {
      prevKv: request.prevKv ?? false,
      noPut: filters.includes(FilterType.NOPUT),
      noDelete: filters.includes(FilterType.NODELETE),
    },
    // A revision beyond all numbers is one that does not come.
    startRevision:
      start > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(start),
    wantsProgress: request.progressNotify ?? false,
    isFragmented: request.fragment ?? false,
  };
}

function rangeOf(key: Uint8Array, rangeEnd: Uint8Array): WatchedRange {
  const start = Uint8Array.from(key.length === 0 ? smallestKey : key);
  if (rangeEnd.length === 0) return { key: start, end: undefined };
  const isOpen = rangeEnd.length === 1 && rangeEnd[0] === 0;
  return { key: start, end: isOpen ? openEnd : Uint8Array.from(rangeEnd) };
}
