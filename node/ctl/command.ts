/** What a command of etcdctl-ts is: words of the command line, flags, help, and what it does. */
import type { FlagValues } from "./flag-values.ts";
import type { Io } from "./process-io.ts";
import type { Session } from "./session.ts";
import type { Settings } from "./settings.ts";

export interface Flag {
  readonly name: string;
  readonly short?: string;
  /** "list" is separated by commas, and may be given several times. */
  readonly kind: "switch" | "integer" | "text" | "list" | "duration";
  /** As a person would type it; "false", "0" or "" where it is left out. */
  readonly standard?: string;
  readonly help: string;
  /** Why no other value than the standard one is taken, for flags of etcdctl that are not served. */
  readonly unserved?: string;
}

export type Group =
  | "Key-value"
  | "Concurrency"
  | "Cluster maintenance"
  | "Utility"
  | "Not served yet";

export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Arguments behind the name, such as "<key> [range_end]". */
  readonly usage?: string;
  readonly details?: string;
  /** Of the commands at the root. */
  readonly group?: Group;
  readonly flags?: readonly Flag[];
  readonly commands?: readonly Command[];
  /** Absent for a family of commands. Throws CtlError. */
  readonly run?: (call: Call) => Promise<void> | void;
}

/** One run of a command. */
export interface Call {
  readonly args: readonly string[];
  /** How many of the arguments stand before "--"; undefined where there is no "--". */
  readonly separatedAt: number | undefined;
  readonly flags: FlagValues;
  readonly io: Io;
  /** Global flags and environment; reads them when first asked, since etcdctl complains about arguments first. Throws CtlError. */
  settings(): Settings;
  /** Waits for no connection: for calls that wait for a member themselves, as long as that takes. Throws CtlError. */
  open(): Promise<Session>;
  /** A connection to one of the endpoints, by --endpoints where none are given. Throws CtlError when there is none in time. */
  connect(endpoints?: readonly string[]): Promise<Session>;
}
