/** The metrics of requests: how long they take, and which clients send them (etcd etcdserver/metrics.go, txn/metrics.go, v3rpc/metrics.go). */
import type { Histogram, OutcomeTimes } from "../lib/histogram.ts";
import { internalRequest } from "../proto/internal-raft-codec.ts";
import type { Member } from "../server/member.ts";
import type { ReadTimes } from "../server/request-stats.ts";
import type { LabelledHistogram, MetricRegistry, Sample } from "./metric-registry.ts";

/** As etcd names what an entry asks for: `Put` for the field `put`. */
const requestNames: ReadonlyMap<number, string> = new Map(
  Object.entries(internalRequest).map(([name, field]) => [
    field,
    name.slice(0, 1).toUpperCase() + name.slice(1),
  ]),
);
const nameOf = (field: number): string => requestNames.get(field) ?? "unknown";

export function registerRequests(
  to: MetricRegistry,
  { member }: { readonly member: Member },
): void {
  const { requests, readIndexes } = member.stats;
  to.histograms(
    { name: "etcd_server_apply_duration_seconds", help: "Durations of applying an entry." },
    () => byKind(requests.applySeconds, (op, success) => ({ version: "v3", op, success })),
  );
  to.histograms(
    { name: "etcd_server_range_duration_seconds", help: "Durations of reading a range." },
    () => byOutcome(requests.rangeReadSeconds, (success) => ({ success })),
  );
  to.histograms(
    {
      name: "etcd_server_request_duration_seconds",
      help: "Durations of requests, from their arrival to the answer, by what they ask for.",
    },
    () => [
      ...byKind(requests.proposalSeconds, (type, success) => ({ type, success })),
      ...byOutcome(requests.rangeSeconds, (success) => ({ type: "Range", success })),
      ...byOutcome(requests.readTxnSeconds, (success) => ({ type: "ReadonlyTxn", success })),
    ],
  );
  to.counter(
    "etcd_server_slow_apply_total",
    "Entries and reads that took longer than --warning-apply-duration (likely overloaded from slow disk).",
    () => member.slowApplies + requests.slowReads,
  );
  to.counter(
    "etcd_server_slow_read_indexes_total",
    "Read indexes that came too late or not at all in time.",
    () => readIndexes.slow,
  );
  to.counter(
    "etcd_server_read_indexes_failed_total",
    "Read indexes that a change of the leader has cost.",
    () => readIndexes.failed,
  );
  registerClients(to, member);
}

function registerClients(to: MetricRegistry, { stats: { services } }: Member): void {
  const requests = {
    name: "etcd_server_client_requests_total",
    help: "Requests by the version that the client says it speaks.",
  };
  to.samples("counter", requests, () => seen(byVersion(services.clientRequests)));
  const failures = {
    name: "etcd_network_server_stream_failures_total",
    help: "Streams that ended because the client's messages could not be read.",
  };
  to.samples("counter", failures, () =>
    seen([
      { labels: { Type: "receive", API: "watch" }, value: services.watchReceiveFailures },
      {
        labels: { Type: "receive", API: "lease-keepalive" },
        value: services.keepAliveReceiveFailures,
      },
    ]),
  );
}

function byVersion(counts: Member["stats"]["services"]["clientRequests"]): Sample[] {
  return [...counts].flatMap(([version, { unary, stream }]) => [
    { labels: { type: "unary", client_api_version: version }, value: unary },
    { labels: { type: "stream", client_api_version: version }, value: stream },
  ]);
}

/** etcd has a line for what has happened, and none before. */
const seen = (samples: readonly Sample[]): Sample[] => samples.filter(({ value }) => value > 0);

function byKind(
  times: OutcomeTimes,
  labels: (kind: string, success: string) => Sample["labels"],
): LabelledHistogram[] {
  return [...times.entries()].map(({ kind, isSuccess, histogram }) => ({
    labels: labels(nameOf(kind), String(isSuccess)),
    histogram,
  }));
}

function byOutcome(
  { succeeded, failed }: ReadTimes,
  labels: (success: string) => Sample["labels"],
): LabelledHistogram[] {
  const line = (success: string, histogram: Histogram): LabelledHistogram => ({
    labels: labels(success),
    histogram,
  });
  return [line("true", succeeded), line("false", failed)].filter(
    ({ histogram }) => histogram.count > 0,
  );
}
