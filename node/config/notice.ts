/** What the user should know of what was made of the options; for the log, which does not exist yet while they are read. */
export interface Notice {
  readonly level: "info" | "warn";
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}
