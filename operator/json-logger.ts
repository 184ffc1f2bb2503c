/** Log lines as JSON, one object a line: level, ts, msg, and the fields. */
import type { LogFields, Logger } from "./kernel/ports.ts";

export const logLevels = ["debug", "info", "warn", "error"] as const;

export type LogLevel = (typeof logLevels)[number];

/** `write` gets whole lines. Lines below `level` are not made. */
export function jsonLogger(
  level: LogLevel,
  write: (line: string) => void,
  now: () => Date = () => new Date(),
): Logger {
  const least = logLevels.indexOf(level);
  const at =
    (own: LogLevel) =>
    (msg: string, fields: LogFields = {}): void => {
      if (logLevels.indexOf(own) < least) return;
      write(`${JSON.stringify({ level: own, ts: now().toISOString(), msg, ...fields })}\n`);
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
