/** The client port's HTTP over HTTP/2, through the transport: the same routes and the same rules as over HTTP/1. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:http2";
import { after, before, describe, test } from "node:test";
import { GrpcServer } from "../../../node/grpc/server.ts";
import { ClientHttp } from "../../../node/http/client-http.ts";
import { SystemTimers, systemClock } from "../../../node/lib/platform/clock.ts";
import { systemNet } from "../../../node/lib/platform/net.ts";
import type { ByteSocket, Listener } from "../../../node/lib/ports.ts";
import { HealthLab, metricsWith } from "./health-lab.ts";

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const unixMs = Date.UTC(2026, 0, 2, 3, 4, 5);

let texts = 0;
const metrics = metricsWith(async () => {
  texts += 1;
  await new Promise((resolve) => setTimeout(resolve, 20));
  return { contentType: "text/plain", body: "up 1\n" };
});

class Port {
  readonly server = new GrpcServer({
    clock: systemClock,
    timers: new SystemTimers(),
    logger: quiet,
    receiveMessageBytesMax: 2_000_000,
    maxConcurrentStreams: 100,
  });
  private readonly http: ClientHttp;
  private listener: Listener | undefined;

  constructor() {
    const routes = new Map([...new HealthLab().health.routes, ...metrics]);
    this.http = new ClientHttp(routes, {
      cors: ["http://page"],
      hostWhitelist: ["localhost"],
      logger: quiet,
      clock: { unixMs: () => unixMs },
    });
    this.http.attachTo(this.server);
  }

  /** `isSecure`: connections count as TLS. */
  async listen(isSecure: boolean): Promise<number> {
    this.listener = await systemNet.listen({ host: "127.0.0.1", port: 0 }, (socket) =>
      this.server.serve(isSecure ? secured(socket) : socket),
    );
    return this.listener.address.port;
  }

  async stop(): Promise<void> {
    await this.listener?.close();
    this.http.close();
    await this.server.shutdown();
  }
}

/** As a listener with TLS gives its sockets out. */
const secured = (socket: ByteSocket): ByteSocket => Object.assign(socket, { isSecure: true });

async function ask(port: number, headers: Record<string, string>) {
  const session = connect(`http://localhost:${port}`);
  const stream = session.request(headers);
  const [answered] = (await once(stream, "response")) as [Record<string, unknown>];
  let body = "";
  for await (const chunk of stream.setEncoding("utf8")) body += String(chunk);
  session.close();
  return { status: answered[":status"], headers: answered, body };
}

describe("HTTP over HTTP/2 on the client port", () => {
  const plain = new Port();
  const tls = new Port();
  const ports = { plain: 0, tls: 0 };
  before(async () => {
    ports.plain = await plain.listen(false);
    ports.tls = await tls.listen(true);
  });
  after(async () => {
    await plain.stop();
    await tls.stop();
  });

  test("has the routes of HTTP/1, with a date", async () => {
    const { status, headers, body } = await ask(ports.plain, { ":path": "/livez?verbose" });
    assert.equal(status, 200);
    assert.equal(body, "[+]serializable_read ok\nok\n");
    assert.equal(headers["date"], "Fri, 02 Jan 2026 03:04:05 GMT");
    assert.equal((await ask(ports.plain, { ":path": "/none" })).status, 404);
    const posted = await ask(ports.plain, { ":method": "HEAD", ":path": "/livez" });
    assert.deepEqual([posted.status, posted.headers["allow"], posted.body], [405, "GET", ""]);
  });

  test("tells the origins of --cors that they may read", async () => {
    const allowed = await ask(ports.plain, { ":path": "/livez", origin: "http://page" });
    assert.equal(allowed.headers["access-control-allow-origin"], "http://page");
    const other = await ask(ports.plain, { ":path": "/livez", origin: "http://other" });
    assert.equal(other.headers["access-control-allow-origin"], undefined);
  });

  test("knows only the hosts of --host-whitelist in plaintext, and any over TLS", async () => {
    const fields = { ":path": "/livez", ":authority": "evil.example:80" };
    assert.equal((await ask(ports.plain, fields)).status, 421);
    assert.equal((await ask(ports.tls, fields)).status, 200);
  });

  test("makes one text of metrics for all who ask meanwhile, and a new one afterwards", async () => {
    texts = 0;
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => ask(ports.plain, { ":path": "/metrics" })),
    );
    assert.ok(answers.every(({ body }) => body === "up 1\n"));
    assert.ok(texts < 20, `${texts} texts`);
    const before = texts;
    await ask(ports.plain, { ":path": "/metrics" });
    assert.equal(texts, before + 1);
  });
});

test("a transport that no HTTP is attached to serves gRPC alone: --listen-client-urls beside --listen-client-http-urls", async () => {
  const server = new GrpcServer({
    clock: systemClock,
    timers: new SystemTimers(),
    logger: quiet,
    receiveMessageBytesMax: 2_000_000,
    maxConcurrentStreams: 100,
  });
  const listener = await systemNet.listen({ host: "127.0.0.1", port: 0 }, (socket) =>
    server.serve(socket),
  );
  const { port } = listener.address;
  assert.equal((await ask(port, { ":path": "/health" })).status, 415);
  await assert.rejects(fetch(`http://127.0.0.1:${port}/health`));
  await listener.close();
  await server.shutdown();
});
