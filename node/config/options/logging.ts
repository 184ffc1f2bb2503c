/** Options of the log. */
import { type LogLevel, logLevels } from "../../log/settings.ts";
import {
  booleanOption,
  duration,
  durationOption,
  listOption,
  option,
  orDefault,
  text,
} from "./option.ts";

/** zap's names, in any case; nothing stands for info (zapcore/level.go, unmarshalText). */
function logLevel(value: string): LogLevel {
  const name = value.toLowerCase();
  if (name === "") return "info";
  const level = logLevels.find((each) => each === (name === "warning" ? "warn" : name));
  if (level === undefined) throw new Error(`expected one of ${logLevels.join(", ")}`);
  return level;
}

function logFormat(value: string): "json" | "console" {
  if (value === "" || value === "json") return "json";
  if (value === "console") return value;
  throw new Error(`unknown log format: ${value}, supported values json, console`);
}

const unaryWarningMs = 300;

export const loggingOptions = {
  logger: option({
    default: "zap",
    parse: text,
    placeholder: "NAME",
    help: "zap, whose keys the lines of the log have",
  }),
  "log-outputs": listOption({
    default: ["default"],
    placeholder: "OUTPUTS",
    help: "stderr (default), stdout, systemd/journal, or paths of files",
    parseItems: (items) => (items.length === 0 ? ["default"] : [...new Set(items)].sort()),
  }),
  "log-level": option<LogLevel>({
    default: "info",
    parse: logLevel,
    placeholder: "LEVEL",
    help: "debug, info, warn, error, dpanic, panic or fatal",
  }),
  "log-format": option<"json" | "console">({
    default: "json",
    parse: logFormat,
    placeholder: "FORMAT",
    help: "json or console",
  }),
  "enable-log-rotation": booleanOption(false, "rotate the one file that is written to"),
  "log-rotation-config-json": option({
    default:
      '{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "compress": false}',
    parse: text,
    placeholder: "JSON",
    help: "how: megabytes of a file, days and number of old files (0 for no limit), local time in their names, gzip",
  }),
  "warning-unary-request-duration": durationOption({
    default: unaryWarningMs,
    defaultText: "300ms",
    parse: orDefault(unaryWarningMs, duration),
    help: "time after which a call of a client is logged as slow",
  }),
};
