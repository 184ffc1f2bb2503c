/** Credentials out of a kubeconfig, on real TLS connections, and the reflector over real HTTP. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { TLSSocket } from "node:tls";

import { ApiClient } from "../../../../operator/kernel/api-client.ts";
import { isApiError, NotLeadingError } from "../../../../operator/kernel/api-error.ts";
import { HttpTransport } from "../../../../operator/kernel/http-transport.ts";
import { accessFromKubeConfig } from "../../../../operator/kernel/kube-config.ts";
import {
  processClock,
  processRandom,
  processTimers,
} from "../../../../operator/kernel/process-ports.ts";
import { Reflector } from "../../../../operator/kernel/reflector.ts";
import { Store } from "../../../../operator/kernel/store.ts";
import { FakeApi } from "../../../operator/fake-api.ts";
import { FakeApiServer } from "../../../operator/fake-api-server.ts";
import { resources, widget, widgets } from "../../../operator/kernel-lab.ts";
import { selfSigned } from "../../../operator/self-signed.ts";
import { silentLogger } from "../../../operator/virtual-time.ts";

const ports = {
  clock: processClock,
  timers: processTimers,
  random: processRandom,
  logger: silentLogger,
};

function clientOf(transport: HttpTransport): ApiClient {
  return new ApiClient({ transport, ports, userAgent: "test", timeoutMs: 10_000, readTries: 1 });
}

interface Seen {
  readonly path: string;
  readonly authorization: string | undefined;
  /** Common name of the client's certificate. */
  readonly subject: string | undefined;
}

/** An HTTPS server that answers every request with an empty list and notes who asked. */
async function listen(
  ca: readonly string[],
  server: { cert: string; key: string },
): Promise<{
  readonly port: number;
  readonly seen: Seen[];
  close(): Promise<void>;
}> {
  const seen: Seen[] = [];
  const https: Server = createServer(
    { ...server, ca: [...ca], requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      assert.ok(request.socket instanceof TLSSocket);
      const subject = request.socket.getPeerCertificate().subject as { CN?: string } | undefined;
      seen.push({
        path: request.url ?? "",
        authorization: request.headers.authorization,
        subject: subject?.CN,
      });
      response.end(JSON.stringify({ metadata: { resourceVersion: "1" }, items: null }));
    },
  );
  const sockets = new Set<Socket>();
  https.on("connection", (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => https.listen(0, "127.0.0.1", resolve));
  return {
    port: (https.address() as AddressInfo).port,
    seen,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => https.close(resolve));
    },
  };
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

interface ConfigParts {
  readonly server: string;
  readonly cluster: Record<string, unknown>;
  readonly user: Record<string, unknown>;
}

function writeConfig(folder: string, { server, cluster, user }: ConfigParts): string {
  const file = join(folder, "config.json");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "test",
    clusters: [{ name: "c", cluster: { server, ...cluster } }],
    users: [{ name: "u", user }],
    contexts: [{ name: "test", context: { cluster: "c", user: "u" } }],
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

test("tokens and client certificates reach the server, under the path it stands behind, and only a server that is trusted", async () => {
  const folder = mkdtempSync(join(tmpdir(), "kube-config-"));
  const serving = selfSigned("server");
  const own = selfSigned("operator");
  const server = await listen([own.cert], serving);
  const trusted = { "certificate-authority-data": base64(serving.cert) };
  const user = {
    token: "secret\n",
    "client-certificate-data": base64(own.cert),
    "client-key-data": base64(own.key),
  };
  const url = `https://127.0.0.1:${server.port}/behind/a/proxy/`;
  const transports: HttpTransport[] = [];
  const connect = (cluster: Record<string, unknown>): ApiClient => {
    const file = writeConfig(folder, { server: url, cluster, user });
    const transport = new HttpTransport(accessFromKubeConfig({ file, context: "test" }));
    transports.push(transport);
    return clientOf(transport);
  };
  try {
    const client = connect(trusted);
    assert.deepEqual((await client.list(widgets, {})).items, []);
    assert.deepEqual((await client.list(widgets, { namespace: "x" })).items, []);
    const path = "/behind/a/proxy/apis/test.dev/v1";
    const who = { authorization: "Bearer secret", subject: "operator" };
    assert.deepEqual(server.seen, [
      { path: `${path}/widgets`, ...who },
      { path: `${path}/namespaces/x/widgets`, ...who },
    ]);
    const stranger = connect({ "certificate-authority-data": base64(own.cert) });
    await assert.rejects(stranger.list(widgets, {}), (error) => isApiError(error, "NotSent"));
    const guard = {
      check: (): void => {
        if (guard.asked++ > 0) throw new NotLeadingError("over");
      },
      asked: 0,
      remainingMs: () => 10_000,
    };
    await assert.rejects(client.withGuard(guard).create(widgets, widget("a")), NotLeadingError);
    assert.equal(server.seen.length, 2, "neither of the two was heard of");
  } finally {
    for (const transport of transports) transport.close();
    await server.close();
    rmSync(folder, { recursive: true });
  }
});

test("without a cluster to talk to it says so instead of guessing one", () => {
  const folder = mkdtempSync(join(tmpdir(), "kube-config-"));
  const saved = { ...process.env };
  try {
    delete process.env["KUBECONFIG"];
    process.env["HOME"] = folder;
    assert.throws(() => accessFromKubeConfig(), /set KUBECONFIG/);
  } finally {
    process.env["KUBECONFIG"] = saved["KUBECONFIG"];
    if (saved["KUBECONFIG"] === undefined) delete process.env["KUBECONFIG"];
    process.env["HOME"] = saved["HOME"];
    rmSync(folder, { recursive: true });
  }
});

test("the reflector outlives a real server that dies and comes back at its port", async () => {
  const api = new FakeApi(ports, resources);
  const server = new FakeApiServer(api);
  await server.listen();
  const transport = new HttpTransport(server.access);
  const store = new Store();
  const times = { backoffBaseMs: 2, backoffMaxMs: 20 };
  const reflector = new Reflector({
    client: clientOf(transport),
    ports,
    resource: widgets,
    store,
    times,
  });
  const controller = new AbortController();
  const running = reflector.run(controller.signal);
  const target = (name: string) => ({
    resource: widgets,
    namespace: "default",
    name,
    subresource: "",
    manager: "x",
  });
  const until = async (isTrue: () => boolean): Promise<void> => {
    while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  try {
    await reflector.whenSynced();
    for (let round = 0; round < 3; round += 1) {
      api.store.create(target(`w${round}`), widget(`w${round}`));
      await until(() => store.size === 1);
      await server.close();
      api.store.delete(target(`w${round}`), {});
      if (round === 1) api.expire();
      await server.listen();
      await until(() => store.size === 0);
    }
  } finally {
    controller.abort();
    await running;
    transport.close();
    await server.close();
  }
});
