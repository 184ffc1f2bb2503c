/** What the flags say of the log. */

export const logLevels = ["debug", "info", "warn", "error", "dpanic", "panic", "fatal"] as const;
export type LogLevel = (typeof logLevels)[number];

/** etcd's --log-rotation-config-json, with lumberjack's meanings. */
export interface LogRotation {
  /** A file is rotated before it would become larger; in MiB, 100 where 0 was asked for. */
  readonly maxSizeMegabytes: number;
  /** Days after which an old file is removed; 0 keeps all. */
  readonly maxAgeDays: number;
  /** Old files kept; 0 keeps all. */
  readonly maxBackups: number;
  /** Times in the names of old files are local ones, not UTC. */
  readonly usesLocalTime: boolean;
  /** Old files are gzipped. */
  readonly compresses: boolean;
}

export interface LogSettings {
  readonly level: LogLevel;
  readonly format: "json" | "console";
  /** "default" and "stderr", "stdout", "systemd/journal", or a file's path; at least one. */
  readonly outputs: readonly string[];
  /** Only with exactly one file among the outputs. */
  readonly rotation: LogRotation | undefined;
}
