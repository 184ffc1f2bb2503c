/** The metrics of gRPC, by the names of grpc-go's Prometheus interceptors, which etcd has; every method and code has its line from the start. */
import type { RouteStats } from "../grpc/route.ts";
import type { GrpcTransport } from "../grpc/transport.ts";
import { grpcCodeNames } from "../lib/grpc-code-names.ts";
import type { Labels, MetricRegistry } from "./metric-registry.ts";

/** Calls have been measured since the start if `extensive`. */
export function registerGrpc(
  to: MetricRegistry,
  { grpc, extensive = false }: { readonly grpc: GrpcTransport; readonly extensive?: boolean },
): void {
  type Count = "started" | "messagesReceived" | "messagesSent";
  const perMethod = (name: string, help: string, count: Count): void =>
    to.samples("counter", { name, help }, () =>
      grpc.routeStats().map((route) => ({ labels: labelsOf(route), value: route[count] })),
    );
  perMethod("grpc_server_started_total", "Calls begun.", "started");
  perMethod("grpc_server_msg_received_total", "Messages received.", "messagesReceived");
  perMethod("grpc_server_msg_sent_total", "Messages sent.", "messagesSent");
  to.samples("counter", { name: "grpc_server_handled_total", help: "Calls ended, by code." }, () =>
    grpc.routeStats().flatMap((route) =>
      route.handled.map((value, code) => ({
        labels: { ...labelsOf(route), grpc_code: grpcCodeNames[code] ?? String(code) },
        value,
      })),
    ),
  );
  if (extensive) registerHandling(to, grpc);
  const sum = (count: "bytesReceived" | "bytesSent") => (): number =>
    grpc.routeStats().reduce((total, route) => total + route[count], 0);
  to.counter(
    "etcd_network_client_grpc_received_bytes_total",
    "Bytes of requests.",
    sum("bytesReceived"),
  );
  to.counter("etcd_network_client_grpc_sent_bytes_total", "Bytes of answers.", sum("bytesSent"));
}

/** Only where calls are measured (--metrics extensive): the family is not there otherwise, as on etcd. */
function registerHandling(to: MetricRegistry, grpc: GrpcTransport): void {
  const about = { name: "grpc_server_handling_seconds", help: "Durations of calls." };
  to.histograms(about, () =>
    grpc.routeStats().flatMap((route) => {
      const { handlingSeconds: histogram } = route;
      return histogram === undefined ? [] : [{ labels: labelsOf(route), histogram }];
    }),
  );
}

const labelsOf = ({ type, service, method }: RouteStats): Labels => ({
  grpc_type: type,
  grpc_service: service,
  grpc_method: method,
});
