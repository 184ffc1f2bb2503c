/**
 * The member's log: lines as etcd's zap writes them, by pino. Keys stand in zap's order: level, ts, logger (where a field has this name), msg, then the fields. There is no
 * "caller": compiled and bundled code knows no lines of its sources without source maps, and a wrong place is worse than none.
 */
import { type LogFn, type Logger as Pino, pino } from "pino";
import type { LogFields, Logger } from "../lib/ports.ts";
import { consoleLine } from "./console-format.ts";
import { type Plain, plainValue } from "./fields.ts";
import { levelNumbers } from "./line-output.ts";
import { type Outputs, openOutputs } from "./outputs.ts";
import { Sampling } from "./sampling.ts";
import type { LogLevel, LogSettings } from "./settings.ts";

export interface MemberLogger extends Logger {
  /** Whether debug lines are written, for those whose making costs something. */
  readonly isDebug: boolean;
  /** Writes all lines out, synchronously: before the process ends. */
  flush(): void;
  /** Flushes and closes the files; later lines are dropped. */
  close(): Promise<void>;
}

type WrittenLevel = keyof typeof levelNumbers;

/** zap's levels above "error" have no lines of ours: a threshold there silences the log. */
const thresholds: Readonly<Record<LogLevel, number>> = {
  ...levelNumbers,
  dpanic: Infinity,
  panic: Infinity,
  fatal: Infinity,
};

/** `unixMs`: the time of lines. Rejects when an output cannot be opened, with the flag and the file in the text. */
export async function openLogger(
  settings: LogSettings,
  unixMs: () => number,
): Promise<MemberLogger> {
  const outputs = openOutputs(settings, unixMs, (output, lines) =>
    logger.warn("log lines were lost", { output, lines }),
  );
  const logger = makeLogger(settings, unixMs, outputs);
  return logger;
}

function makeLogger(
  { level: lowest, format }: LogSettings,
  unixMs: () => number,
  outputs: Outputs,
): MemberLogger {
  const printer = linePrinter(format, unixMs, outputs);
  const sampling = new Sampling();
  const at = (level: WrittenLevel): Logger[WrittenLevel] => {
    if (levelNumbers[level] < thresholds[lowest]) return () => undefined;
    const print: LogFn = printer[level].bind(printer);
    return (message, fields) => {
      if (!sampling.admits(level, message, unixMs())) return;
      print(lineOf(message, fields));
    };
  };
  return {
    isDebug: lowest === "debug",
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    flush: () => outputs.flush(),
    close: () => outputs.close(),
  };
}

/** pino, which puts what it is given behind level and time. The message is one of the given keys, because pino would put its own at the end. */
function linePrinter(format: LogSettings["format"], unixMs: () => number, outputs: Outputs): Pino {
  const destination = {
    // pino then sets `lastLevel` before each write.
    [Symbol.for("pino.metadata")]: true,
    lastLevel: 0,
    write(line: string): void {
      outputs.add(format === "console" ? consoleLine(line) : line, this.lastLevel);
    },
  };
  const formatters = { level: (level: string) => ({ level }) };
  const timestamp = (): string => `,"ts":"${new Date(unixMs()).toISOString()}"`;
  return pino({ level: "debug", base: null, timestamp, formatters }, destination);
}

function lineOf(message: string, fields: LogFields = {}): Record<string, Plain> {
  const { logger, ...others } = fields;
  const line: Record<string, Plain> = logger === undefined ? {} : { logger: plainValue(logger) };
  line["msg"] = message;
  for (const [key, value] of Object.entries(others)) line[key] = plainValue(value);
  return line;
}
