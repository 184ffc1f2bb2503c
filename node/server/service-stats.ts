/** What the services of the client port count for /metrics (etcd etcdserver/api/v3rpc/metrics.go): plain numbers, read when somebody asks. */
import { exponentialBuckets, Histogram } from "../lib/histogram.ts";

/** Requests of clients that name one version. */
export interface VersionCount {
  unary: number;
  stream: number;
}

/** What clients may call their versions is up to them; beyond so many names they share one. */
const versionsMax = 100;
const otherVersion = "other";
const sendBounds = exponentialBuckets(0.001, 2, 14);

export class ServiceStats {
  /** By client-api-version. */
  readonly clientRequests = new Map<string, VersionCount>();
  /** Streams that ended because what the client sent could not be read. */
  watchReceiveFailures = 0;
  keepAliveReceiveFailures = 0;
  /** Watch streams that are open. */
  watchStreams = 0;
  /** Bringing a batch of events into a watch's stream, whole and by the event. */
  readonly watchEventsSeconds = new Histogram(sendBounds);
  readonly watchEventSeconds = new Histogram(sendBounds);
  /** The same for answers to the client's requests, and for reminders of progress. */
  readonly watchControlSeconds = new Histogram(sendBounds);
  readonly watchProgressSeconds = new Histogram(sendBounds);

  requestsOf(version: string): VersionCount {
    const known = this.clientRequests.get(version);
    if (known !== undefined) return known;
    if (this.clientRequests.size >= versionsMax && version !== otherVersion)
      return this.requestsOf(otherVersion);
    const counts = { unary: 0, stream: 0 };
    this.clientRequests.set(version, counts);
    return counts;
  }
}
