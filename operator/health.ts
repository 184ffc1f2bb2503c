/** The operator's own listener: /livez and /readyz for the kubelet, /metrics for Prometheus. */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What the answers are made from, asked for anew each time. */
export interface Health {
  readonly isLeading: boolean;
  /** Whether all that is watched has been read once. */
  readonly hasSynced: boolean;
  /** How long the slowest watch has neither tried nor heard anything. */
  readonly stalledMs: number;
}

export interface Exposition {
  readonly contentType: string;
  text(): Promise<string>;
}

/** A watch that is bounded to a few minutes whatever the API server does, and still hangs after this, is broken. */
const stalledMsMax = 600_000;

interface Answer {
  readonly code: number;
  readonly text: string;
}

/** That it is answered at all says that the event loop turns. An API server that is down is no reason to start anew. */
export function livez({ stalledMs }: Health): Answer {
  if (stalledMs <= stalledMsMax) return { code: 200, text: "ok\n" };
  return { code: 503, text: `a watch hangs since ${Math.round(stalledMs / 1000)} s\n` };
}

/** A process that stands by is as ready as the one that leads, once it knows what there is. */
export function readyz({ isLeading, hasSynced }: Health): Answer {
  if (isLeading) return { code: 200, text: "ok: leading\n" };
  if (hasSynced) return { code: 200, text: "ok: standing by\n" };
  return { code: 503, text: "the clusters have not been read yet\n" };
}

export interface HealthListener {
  /** Port that it listens on. */
  readonly port: number;
  close(): Promise<void>;
}

/** Resolves when it listens. Rejects with the system's error when the address cannot be had. */
export async function listenForHealth(
  address: { readonly host: string; readonly port: number },
  health: Health,
  exposition: Exposition,
): Promise<HealthListener> {
  const server = createServer((request, response) => {
    const path = (request.url ?? "").replace(/\?.*$/, "");
    if (request.method !== "GET" && request.method !== "HEAD") {
      send(response, { code: 405, text: "only GET\n" });
    } else if (path === "/livez") send(response, livez(health));
    else if (path === "/readyz") send(response, readyz(health));
    else if (path === "/metrics") sendMetrics(response, exposition);
    else send(response, { code: 404, text: "see /livez, /readyz and /metrics\n" });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(address.port, address.host, resolve);
  });
  return { port: (server.address() as AddressInfo).port, close: () => closed(server) };
}

function send(response: ServerResponse, { code, text }: Answer): void {
  response.writeHead(code, { "content-type": "text/plain; charset=utf-8" });
  response.end(text);
}

function sendMetrics(response: ServerResponse, exposition: Exposition): void {
  exposition.text().then(
    (text) => {
      response.writeHead(200, { "content-type": exposition.contentType });
      response.end(text);
    },
    () => send(response, { code: 500, text: "the metrics could not be read\n" }),
  );
}

async function closed(server: Server): Promise<void> {
  const ended = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await ended;
}
