/**
 * Switches that break the member on purpose, slow it down, or make its files small, so that the power-cut test can show
 * that it notices (test/power) and clusters meet a slow member (test/cluster). Set by environment variables that no option
 * documents; each is logged loudly. Never in production.
 */
import type { Clock, Logger } from "../lib/ports.ts";

export interface TestFaults {
  /** The log is written without being made durable. */
  readonly noWalSync: boolean;
  /** The backend's batches are written without being made durable. */
  readonly noBackendSync: boolean;
  /** The log is released for what is applied, not for what the backend's disk holds. */
  readonly earlyWalRelease: boolean;
  /** Each write to the log takes so much longer, as on a slow disk; 0 for none. */
  readonly logWriteDelayMs: number;
  readonly segmentBytes: number | undefined;
  readonly writeBufferBytes: number | undefined;
}

export function testFaults(
  environment: Readonly<Record<string, string | undefined>>,
  logger: Logger,
): TestFaults {
  const fault = environment["ETCD_TS_TEST_FAULT"] ?? "";
  if (fault !== "") logger.warn("THIS MEMBER IS BROKEN ON PURPOSE and will lose data", { fault });
  const logWriteDelayMs = Number(environment["ETCD_TS_TEST_LOG_WRITE_DELAY_MS"] ?? "");
  if (logWriteDelayMs > 0) {
    logger.warn("THIS MEMBER'S DISK IS SLOW ON PURPOSE", {
      "log-write-delay": `${logWriteDelayMs}ms`,
    });
  }
  const bytes = (name: string): number | undefined => {
    const text = environment[name] ?? "";
    return text === "" ? undefined : Number(text);
  };
  return {
    noWalSync: fault === "no-wal-sync",
    noBackendSync: fault === "no-backend-sync",
    earlyWalRelease: fault === "early-wal-release",
    logWriteDelayMs: logWriteDelayMs > 0 ? logWriteDelayMs : 0,
    segmentBytes: bytes("ETCD_TS_TEST_SEGMENT_BYTES"),
    writeBufferBytes: bytes("ETCD_TS_TEST_WRITE_BUFFER_BYTES"),
  };
}

/** ETCD_TS_TEST_GRPC=node-http2: HTTP/2 is spoken by node:http2, so that a difference can be told from a fault of our framing. */
export function usesNodeHttp2(
  environment: Readonly<Record<string, string | undefined>>,
  logger: Logger,
): boolean {
  const name = environment["ETCD_TS_TEST_GRPC"] ?? "";
  if (name === "") return false;
  logger.warn("THIS MEMBER SPEAKS HTTP/2 BY node:http2, without the bounds of its own transport", {
    transport: name,
  });
  return name === "node-http2";
}

/** ETCD_TS_TEST_BLOCK_LOOP_MS: SIGUSR2 keeps the event loop busy for so long, as a job of that length would. */
export function blocksLoopOnSignal(
  environment: Readonly<Record<string, string | undefined>>,
  ports: { readonly logger: Logger; readonly clock: Clock },
): void {
  const { logger, clock } = ports;
  const blockMs = Number(environment["ETCD_TS_TEST_BLOCK_LOOP_MS"] ?? "");
  if (!(blockMs > 0)) return;
  process.on("SIGUSR2", () => {
    logger.warn("blocking the event loop on purpose", { took: `${blockMs}ms` });
    const untilMs = clock.monotonicMs() + blockMs;
    while (clock.monotonicMs() < untilMs);
  });
}
