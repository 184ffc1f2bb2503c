/**
 * The listeners of --listen-metrics-urls: /metrics, /health, /livez and /readyz in plaintext, and no other path, as on etcd
 * (server/embed/etcd.go, serveMetrics). They are up before anything of the data directory is read, so that an address that is taken is told at
 * once, and long before clients are served. Until the log is read, everything is a 503, where etcd does not listen yet: a probe fails either
 * way. So a member whose log may be long needs a startup probe, on /livez; from then on /livez needs no quorum.
 */
import { emptyBytes } from "../lib/bytes.ts";
import { plainError } from "../lib/http-answers.ts";
import type { ByteSocket } from "../lib/ports.ts";
import { Http1 } from "./http1.ts";
import { type Routes, serveRoute } from "./routes.ts";

export class MetricsHttp {
  /** Set when the member has been opened. */
  routes: Routes | undefined;
  private readonly http = new Http1((request, response) => {
    if (this.routes === undefined) plainError(response, 503, "the member has not started yet");
    else {
      const { method = "GET", url: target = "/" } = request;
      serveRoute(this.routes, { method, target }, response);
    }
  });

  serve(socket: ByteSocket): void {
    this.http.serve(socket, emptyBytes);
  }

  close(): void {
    this.http.close();
  }
}
