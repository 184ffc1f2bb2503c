/** The two servers that the corpus is played to: ours with an echo method, and nghttpd, which echoes every POST. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { GrpcServer } from "../../../node/grpc/server.ts";
import { SystemTimers, systemClock } from "../../../node/lib/platform/clock.ts";
import { systemNet } from "../../../node/lib/platform/net.ts";
import { peer } from "../../support/peers.ts";
import { freePort } from "../../support/server-process.ts";
import { echoPath } from "./bytes.ts";

/** Of both: RFC 9113 recommends no fewer than 100. */
const maxConcurrentStreams = 100;

export interface CorpusServer {
  readonly port: number;
  stop(): Promise<void>;
}

export async function startOurs(): Promise<CorpusServer> {
  const server = new GrpcServer({
    clock: systemClock,
    timers: new SystemTimers(),
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    receiveMessageBytesMax: 4_000_000,
    maxConcurrentStreams,
  });
  server.addUnary(echoPath, (call, bytes, start, end) => call.reply(bytes, start, end));
  const listener = await systemNet.listen({ host: "127.0.0.1", port: 0 }, (socket) =>
    server.serve(socket),
  );
  return {
    port: listener.address.port,
    stop: async () => {
      await listener.close();
      await server.shutdown();
    },
  };
}

export async function startNghttpd(): Promise<CorpusServer> {
  const directory = mkdtempSync(join(tmpdir(), "etcd-ts-nghttpd-"));
  const port = await freePort();
  const child = spawn(
    peer("nghttpd"),
    [
      ...["--no-tls", "--echo-upload", "--address=127.0.0.1", `--htdocs=${directory}`],
      ...[`--max-concurrent-streams=${maxConcurrentStreams}`, String(port)],
    ],
    { stdio: "ignore" },
  );
  const stop = async (): Promise<void> => {
    await ended(child);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await listening(port, child);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, stop };
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`nghttpd ended with ${child.exitCode}`);
    if (performance.now() > deadline) throw new Error("nghttpd does not listen");
    await sleep(20);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    const settle = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    socket.once("connect", () => settle(true));
    socket.once("error", () => settle(false));
  });
}
