/** Log lines as etcd's zap writes them: one JSON object a line on standard error, with the same keys. */
import type { LogFields, Logger } from "../ports.ts";

const levels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof levels)[number];

function plain(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  return value instanceof Error ? errorText(value) : value;
}

/** The message, and what caused it, all the way down. */
function errorText(error: Error): string {
  return error.cause instanceof Error
    ? `${error.message}: ${errorText(error.cause)}`
    : error.message;
}

export function jsonLogger(
  lowest: LogLevel,
  write: (line: string) => void,
  unixMs: () => number,
): Logger {
  const log = (level: LogLevel, message: string, fields?: LogFields): void => {
    if (levels.indexOf(level) < levels.indexOf(lowest)) return;
    const line = { level, ts: new Date(unixMs()).toISOString(), msg: message, ...fields };
    write(`${JSON.stringify(line, plain)}\n`);
  };
  return {
    debug: (message, fields) => log("debug", message, fields),
    info: (message, fields) => log("info", message, fields),
    warn: (message, fields) => log("warn", message, fields),
    error: (message, fields) => log("error", message, fields),
  };
}
