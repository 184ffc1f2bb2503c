/** What the flags of the log mean together (embed/config_logging.go). */
import type { LogRotation, LogSettings } from "../log/settings.ts";
import type { RawOptions } from "./options.ts";

export type ReadLog =
  | { readonly kind: "ok"; readonly settings: LogSettings }
  | { readonly kind: "problems"; readonly problems: readonly string[] };

const journal = "systemd/journal";
const notFiles = ["default", "stderr", "stdout", journal];

export function readLog(raw: RawOptions): ReadLog {
  const outputs = raw["log-outputs"];
  const problems = [...loggerProblems(raw.logger), ...outputProblems(outputs)];
  let rotation: LogRotation | undefined;
  if (raw["enable-log-rotation"]) {
    if (outputs.filter((output) => !notFiles.includes(output)).length !== 1) {
      problems.push(
        "--log-outputs requires a single file path when --log-rotate-config-json is defined",
      );
    }
    const read = readRotation(raw["log-rotation-config-json"]);
    if (typeof read === "string") problems.push(`--log-rotation-config-json: ${read}`);
    else rotation = read;
  }
  return problems.length > 0
    ? { kind: "problems", problems }
    : {
        kind: "ok",
        settings: { level: raw["log-level"], format: raw["log-format"], outputs, rotation },
      };
}

function loggerProblems(logger: string): string[] {
  if (logger === "zap") return [];
  return logger === "capnslog"
    ? ["--logger=capnslog is removed in v3.5"]
    : [`unknown logger option ${JSON.stringify(logger)}`];
}

function outputProblems(outputs: readonly string[]): string[] {
  if (outputs.length < 2) return [];
  if (outputs.includes("default")) {
    return ['--log-outputs: multi logoutput for "default" is not supported yet'];
  }
  const list = outputs.map((output) => JSON.stringify(output)).join(" ");
  return outputs.includes(journal)
    ? [
        `running with systemd/journal but other '--log-outputs' values ([${list}]) are configured with 'default'; override 'default' value with something else`,
      ]
    : [];
}

const defaultMegabytes = 100;

/** lumberjack's fields; those that it does not know are ignored. A string says what is wrong. */
function readRotation(text: string): LogRotation | string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return `improperly formatted log rotation config: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (typeof json !== "object" || Array.isArray(json)) {
    return "invalid log rotation config: expected an object";
  }
  const fields = new Map(
    Object.entries(json ?? {}).map(([name, value]) => [name.toLowerCase(), value as unknown]),
  );
  const bad: string[] = [];
  const count = (name: string): number => {
    const value = fields.get(name) ?? 0;
    if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
    bad.push(`${name} must be a whole number of 0 or more`);
    return 0;
  };
  const flag = (name: string): boolean => {
    const value = fields.get(name) ?? false;
    if (typeof value !== "boolean") bad.push(`${name} must be true or false`);
    return value === true;
  };
  const maxSize = count("maxsize");
  const rotation: LogRotation = {
    maxSizeMegabytes: maxSize === 0 ? defaultMegabytes : maxSize,
    maxAgeDays: count("maxage"),
    maxBackups: count("maxbackups"),
    usesLocalTime: flag("localtime"),
    compresses: flag("compress"),
  };
  return bad.length === 0 ? rotation : `invalid log rotation config: ${bad.join(", ")}`;
}
